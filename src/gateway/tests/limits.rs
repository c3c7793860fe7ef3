//! Rate limits as callers meet them.

use super::*;
use crate::base::clock::ManualClock;
use crate::base::time::Ms;

/// 2026-05-29T18:30:00Z.
const MINUTE: i64 = 1_780_079_400;

/// A site whose clock stands this many milliseconds after [`MINUTE`].
async fn site_at(after_ms: i64) -> (Arc<ManualClock>, Site) {
    let clock = Arc::new(ManualClock::new(Ms(MINUTE * 1_000 + after_ms), 1));
    let plan = Plan { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Plan::new(approve) };
    (clock, Site::start(plan).await)
}

/// Status, limit, remaining, reset in seconds from [`MINUTE`].
fn told(answer: &Answer) -> (u16, i64, i64, i64) {
    let [limit, remaining, reset] =
        ["limit", "remaining", "reset"].map(|which| answer.number(&format!("x-ratelimit-{which}")));
    (answer.status, limit, remaining, reset - MINUTE)
}

#[tokio::test]
async fn a_key_has_so_many_requests_a_minute() {
    let (clock, site) = site_at(30_000).await;
    let key = site.key(KeyType::Server, |_, key| key.per_minute = Some(2));
    assert_eq!(told(&site.assess(&key, BODY).await), (200, 2, 1, 60));
    assert_eq!(told(&site.assess(&key, BODY).await), (200, 2, 0, 60));
    let refused = site.assess(&key, BODY).await;
    assert_eq!((told(&refused), &*refused.code()), ((429, 2, 0, 60), "RATE_LIMIT_EXCEEDED"));
    assert_eq!(refused.number("retry-after"), 30);
    assert_eq!(site.records().len(), 2, "what was refused is in no log");
    // Others are none of it, and the next minute is a new one.
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
    clock.set(Ms((MINUTE + 60) * 1_000));
    assert_eq!(told(&site.assess(&key, BODY).await), (200, 2, 1, 120));
}

#[tokio::test]
async fn every_answer_to_a_limited_key_tells_its_limit() {
    let (_, site) = site_at(0).await;
    let key = site.key(KeyType::Server, |_, key| key.per_minute = Some(9));
    let bearer = format!("Bearer {key}");
    let with = async |headers: &[(&str, &str)], body: &str| {
        let all = [&[("authorization", &*bearer)], headers].concat();
        site.send(ASSESS, &all, body.as_bytes()).await
    };
    let large = "x".repeat(70_000);
    for (headers, body, status, remaining) in [
        (&[][..], BODY, 200, 8),
        (&[], "{}", 400, 7),
        (&[], "not json", 400, 6),
        (&[("content-type", "text/plain")], BODY, 415, 5),
        (&[("accept", "text/html")], BODY, 406, 4),
        (&[], &large, 413, 3),
    ] {
        assert_eq!(told(&with(headers, body).await), (status, 9, remaining, 60), "{body:.20}");
    }
    let lacking = site.key(KeyType::Server, |_, key| {
        key.per_minute = Some(9);
        key.permissions = Permissions::of(&[]);
    });
    assert_eq!(told(&site.assess(&lacking, BODY).await), (403, 9, 8, 60));
    // Without a limit, or without a key, there is nothing to tell.
    for answer in [site.assess(&site.server_key(), BODY).await, site.assess("clm_sk_xxx", BODY).await] {
        assert_eq!(answer.header("x-ratelimit-limit"), None, "{answer:?}");
    }
}

#[tokio::test]
async fn a_change_of_a_key_keeps_what_it_spent() {
    let (_, site) = site_at(0).await;
    let mut made = None;
    let text = site.key(KeyType::Server, |organization, key| {
        key.per_minute = Some(3);
        made = Some((organization.clone(), key.clone()));
    });
    let (organization, key) = made.unwrap();
    assert_eq!(told(&site.assess(&text, BODY).await), (200, 3, 2, 60));
    let change = |per_minute| {
        let key = ApiKey { per_minute, ..key.clone() };
        DirectoryChange::ApiKey(organization.id, key)
    };
    site.directory.changed(Partition(0), change(Some(5)));
    assert_eq!(told(&site.assess(&text, BODY).await), (200, 5, 3, 60));
    site.directory.changed(Partition(0), change(Some(1)));
    assert_eq!(told(&site.assess(&text, BODY).await), (429, 1, 0, 60));
    // A partition that is opened again tells everything anew; its callers have spent what they spent.
    let home = crate::base::murmur2::partition_of(organization.id.to_string().as_bytes(), PARTITIONS);
    let told_anew = vec![DirectoryChange::Organization(organization.clone()), change(Some(3))];
    site.directory.opened(home, told_anew);
    assert_eq!(told(&site.assess(&text, BODY).await), (200, 3, 0, 60));
    site.directory.changed(Partition(0), change(None));
    assert_eq!(site.assess(&text, BODY).await.header("x-ratelimit-limit"), None);
}

#[tokio::test]
async fn a_browser_may_read_that_it_calls_too_often() {
    let (_, site) = site_at(0).await;
    let key = site.key(KeyType::Checkout, |_, key| {
        key.per_minute = Some(0);
        key.allowed_origins = vec!["https://shop.example".to_owned()];
    });
    let from = async |origin: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", &*bearer), ("origin", origin)];
        let answer = site.send(ASSESS, &headers, BODY.as_bytes()).await;
        assert_eq!((answer.status, &*answer.code()), (429, "RATE_LIMIT_EXCEEDED"));
        answer
    };
    let answer = from("https://shop.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("x-ratelimit-reset"));
    assert_eq!(from("https://evil.example").await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn public_routes_are_limited_by_address_and_probes_from_nearby_are_not() {
    let clock = Arc::new(ManualClock::new(Ms(MINUTE * 1_000 + 45_000), 1));
    let mut plan = Plan { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Plan::new(approve) };
    plan.options.bounds.public_per_minute = 3;
    let site = Site::start(plan).await;
    for _ in 0..3 {
        assert_eq!(site.get("/api/v1/health").await.status, 200);
    }
    let refused = site.get("/api/v1/health").await;
    assert_eq!((refused.status, &*refused.code()), (429, "RATE_LIMITED"));
    assert_eq!((refused.number("retry-after"), refused.header("x-ratelimit-limit")), (15, None));
    for target in ["/health/livez", "/health/readyz", "/metrics"] {
        assert_eq!(site.get(target).await.status, 200, "{target}");
    }
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
    let page = site.get("/metrics").await.body;
    assert!(page.contains("clausum_rejected_total{reason=\"RATE_LIMITED\"} 1"), "{page}");
    clock.set(Ms((MINUTE + 60) * 1_000));
    assert_eq!(site.get("/api/v1/health").await.status, 200);
}
