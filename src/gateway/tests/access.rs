//! The table of the contract's section 2.1, row by row.

use super::*;
use crate::base::clock::ManualClock;
use crate::base::time::Ms;
use crate::domain::access::Permission;
use crate::gateway::answer::Refused;
use crate::gateway::auth::{Need, admit, presented};
use crate::wire::signature::Trust;
use http::{HeaderMap, Uri};

async fn check(site: &Site, headers: &[(&str, &str)], query: &str, expected: (u16, &str)) -> Answer {
    let target = format!("/api/v1/assess{query}");
    let answer = site.send(("POST", &target), headers, BODY.as_bytes()).await;
    let code = if answer.status == 200 { String::new() } else { answer.code() };
    assert_eq!((answer.status, &*code), expected, "{headers:?} {query}");
    answer
}

const UNAUTHORIZED: (u16, &str) = (401, "UNAUTHORIZED");
const NOT_ALLOWED: (u16, &str) = (403, "PUBLIC_KEY_NOT_ALLOWED");
const DECIDED: (u16, &str) = (200, "");

#[tokio::test]
async fn no_key_that_works_is_401() {
    let site = Site::usual().await;
    check(&site, &[], "", UNAUTHORIZED).await;
    check(&site, &[("authorization", "Bearer clm_sk_xxx")], "", UNAUTHORIZED).await;
    check(&site, &[("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x")], "", UNAUTHORIZED).await;
    let unknown = keycode::render("clm_sk_", &[200; 32]);
    check(&site, &[("authorization", &format!("Bearer {unknown}"))], "", UNAUTHORIZED).await;
    let key = site.server_key();
    check(&site, &[("authorization", &format!("Basic {key}"))], "", UNAUTHORIZED).await;
    check(&site, &[("authorization", &key)], "", UNAUTHORIZED).await;
    let (bearer, other) = (format!("Bearer {key}"), "Bearer clm_sk_xxx");
    for twice in [[&*bearer, other], [other, &bearer], [&bearer, &bearer]] {
        check(&site, &twice.map(|value| ("authorization", value)), &format!("?api_key={key}"), UNAUTHORIZED)
            .await;
    }
    let mut mistyped = key.clone();
    mistyped.replace_range(10..11, if &key[10..11] == "a" { "b" } else { "a" });
    check(&site, &[("authorization", &format!("Bearer {mistyped}"))], "", UNAUTHORIZED).await;
    let changes: [fn(&mut ApiKey); 3] = [
        |key| key.state = KeyState::Disabled,
        |key| key.state = KeyState::Revoked,
        |key| key.expires_at = Some(Ms(1)),
    ];
    for change in changes {
        let key = site.key(KeyType::Server, |_, key| change(key));
        check(&site, &[("authorization", &format!("Bearer {key}"))], "", UNAUTHORIZED).await;
    }
    let ingest = site.key(KeyType::Ingest, |_, _| ());
    check(&site, &[("authorization", &format!("Bearer {ingest}"))], "", UNAUTHORIZED).await;
    assert!(site.records().is_empty());
}

#[tokio::test]
async fn the_query_may_hold_a_key_and_the_header_wins() {
    let site = Site::usual().await;
    let key = site.server_key();
    let query = format!("?a=b&api_key={key}");
    check(&site, &[], &query, DECIDED).await;
    check(&site, &[("authorization", "Bearer clm_sk_xxx")], &query, UNAUTHORIZED).await;
    check(&site, &[("authorization", &format!("Bearer {key}"))], "?api_key=clm_sk_xxx", DECIDED).await;
    let uri: Uri = query.parse().unwrap_or_else(|_| format!("/{query}").parse().unwrap());
    assert_eq!(presented(&uri, &HeaderMap::new(), false), None);
}

#[tokio::test]
async fn checkout_keys_have_their_own_rules() {
    let site = Site::usual().await;
    let bearer = |key: String| format!("Bearer {key}");
    let free = bearer(site.key(KeyType::Checkout, |_, _| ()));
    check(&site, &[("authorization", &free)], "", DECIDED).await;
    check(&site, &[("authorization", &free), ("origin", "https://any.example")], "", DECIDED).await;
    let off =
        bearer(site.key(KeyType::Checkout, |organization, _| organization.allow_publishable_assess = false));
    check(&site, &[("authorization", &off)], "", NOT_ALLOWED).await;
    let bound = bearer(site.key(KeyType::Checkout, |_, key| {
        key.allowed_origins = vec!["https://shop.example".to_owned(), "https://b.example".to_owned()];
    }));
    check(&site, &[("authorization", &bound), ("origin", "https://b.example")], "", DECIDED).await;
    let answer =
        check(&site, &[("authorization", &bound), ("origin", "https://evil.example")], "", NOT_ALLOWED).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    check(&site, &[("authorization", &bound)], "", NOT_ALLOWED).await;
    // Server keys are bound to no origin, and tell browsers nothing.
    let server = bearer(site.server_key());
    let answer =
        check(&site, &[("authorization", &server), ("origin", "https://any.example")], "", DECIDED).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_permission_may_be_missing() {
    let site = Site::usual().await;
    let key =
        site.key(KeyType::Server, |_, key| key.permissions = Permissions::of(&[Permission::FraudReport]));
    let answer = check(&site, &[("authorization", &format!("Bearer {key}"))], "", (403, "FORBIDDEN")).await;
    assert_eq!(answer.json()["error"]["details"]["permission"], "assess");
}

#[tokio::test]
async fn a_route_may_be_closed_to_checkout_keys() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let site = Site::usual().await;
    let key = site.key(KeyType::Checkout, |_, _| ());
    let parts = Parts {
        log: Arc::new(site.log.handle(GATEWAY)),
        clock,
        trust: Trust::Everyone,
        partitions: Partitions::seen_by(|_| None),
        callers: Arc::clone(&site.callers),
        directory: Arc::clone(&site.directory),
        telemetry: Arc::clone(&site.telemetry),
        damaged: Arc::default(),
        stalled: Arc::default(),
    };
    let gate = Gateway::new(Options::new(INSTALLATION_KEY, "1", "1"), parts).gate;
    let (call, ()) = http::Request::get(format!("/?api_key={key}")).body(()).unwrap().into_parts();
    let need = Need { checkout: false, permission: Permission::FraudReport };
    let refused = admit(&gate, &call, need).unwrap_err();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.extensions().get::<Refused>().unwrap().0, "SECRET_KEY_REQUIRED");
    let need = Need { checkout: true, permission: Permission::Assess };
    assert!(admit(&gate, &call, need).is_ok());
}

#[tokio::test]
async fn a_change_is_in_force_at_once_and_reopening_forgets() {
    let site = Site::usual().await;
    let mut kept = None;
    let text =
        site.key(KeyType::Server, |organization, key| kept = Some((organization.clone(), key.clone())));
    let (organization, mut key) = kept.unwrap();
    let bearer = format!("Bearer {text}");
    check(&site, &[("authorization", &bearer)], "", DECIDED).await;
    key.state = KeyState::Disabled;
    site.directory.changed(Partition(0), DirectoryChange::ApiKey(organization.id, key.clone()));
    check(&site, &[("authorization", &bearer)], "", UNAUTHORIZED).await;
    key.state = KeyState::Active;
    let home = crate::base::murmur2::partition_of(organization.id.to_string().as_bytes(), PARTITIONS);
    let entries =
        vec![DirectoryChange::ApiKey(organization.id, key), DirectoryChange::Organization(organization)];
    site.directory.opened(home, entries);
    check(&site, &[("authorization", &bearer)], "", DECIDED).await;
    site.directory.opened(home, vec![]);
    check(&site, &[("authorization", &bearer)], "", UNAUTHORIZED).await;
}

#[tokio::test]
async fn a_key_expires_at_its_millisecond() {
    let clock = Arc::new(ManualClock::new(Ms(1_780_079_400_000), 1));
    let site = Site::start(Plan { clock: Arc::clone(&clock) as _, ..Plan::new(approve) }).await;
    let key = site.key(KeyType::Server, |_, key| key.expires_at = Some(Ms(1_780_079_400_500)));
    let bearer = format!("Bearer {key}");
    for (now, expected) in [(499, DECIDED), (500, UNAUTHORIZED), (501, UNAUTHORIZED)] {
        clock.set(Ms(1_780_079_400_000).plus(now));
        check(&site, &[("authorization", &bearer)], "", expected).await;
    }
}

#[tokio::test]
async fn keys_may_be_bound_to_host_names() {
    let mut plan = Plan::new(approve);
    plan.options.hosts = vec!["api.example".to_owned(), "127.0.0.1".to_owned()];
    let site = Site::start(plan).await;
    let key = site.server_key();
    let call = async |target: &str, host: &str| {
        let length = BODY.len();
        let head = format!("POST {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        let rest = format!("authorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n{BODY}");
        Answer::parse(&site.raw((head + &rest).as_bytes()).await)
    };
    for host in ["api.example", "API.Example:8443", "api.example.", "127.0.0.1:80"] {
        assert_eq!(call("/api/v1/assess", host).await.status, 200, "{host}");
    }
    for host in ["", "example", "api.example.evil", "evil.api.example", "[::1]"] {
        let answer = call("/api/v1/assess", host).await;
        assert_eq!((answer.status, &*answer.code()), (401, "UNAUTHORIZED"), "{host}");
    }
    // A target that names its host goes before the header.
    assert_eq!(call("http://api.example/api/v1/assess", "evil").await.status, 200);
    assert_eq!(call("http://evil/api/v1/assess", "api.example").await.status, 401);
    // Whoever asks without a key may use any name.
    assert_eq!(site.get("/health/livez").await.status, 200);
}

#[tokio::test]
async fn browsers_may_ask_first() {
    let site = Site::usual().await;
    let answer = site.send(("OPTIONS", "/api/v1/assess"), &[("origin", "https://shop.example")], b"").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    let answer = site.send(("OPTIONS", "/api/v1/health"), &[("origin", "https://shop.example")], b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
}
