//! The routes besides assess, and what all answers have in common.

use super::*;

#[tokio::test]
async fn health_has_three_questions() {
    let site = Site::usual().await;
    let live = site.get("/health/livez").await;
    assert_eq!((live.status, &*live.body), (200, "ok"));
    let ready = site.get("/health/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, r#"{"ready":true}"#));
    // A credential is tolerated and ignored.
    let health = site.send(("GET", "/api/v1/health"), &[("authorization", "Bearer clm_sk_xxx")], b"").await;
    let body = health.json();
    assert_eq!((health.status, &body["status"], &body["version"]), (200, &"ok".into(), &"1.3.0".into()));
    assert_eq!(body["components"], serde_json::json!({"log": "ok", "shards": "ok", "directory": "ok"}));
    assert!(crate::base::time::Ms::parse_rfc3339(body["time"].as_str().unwrap()).is_some());
    let head = site.send(("HEAD", "/api/v1/health"), &[], b"").await;
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[tokio::test]
async fn a_damaged_log_is_degraded_and_ready() {
    let site = Site::usual().await;
    site.damaged.store(1, Ordering::Relaxed);
    let health = site.get("/api/v1/health").await;
    let body = health.json();
    assert_eq!((health.status, &body["status"]), (200, &"degraded".into()));
    assert_eq!(body["components"]["log"], "damaged");
    assert_eq!(site.get("/health/readyz").await.status, 200);
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
}

#[tokio::test]
async fn a_log_that_acknowledges_nothing_is_degraded_and_takes_requests() {
    let site = Site::usual().await;
    site.stalled.store(true, Ordering::Relaxed);
    site.damaged.store(1, Ordering::Relaxed);
    let health = site.get("/api/v1/health").await;
    let body = health.json();
    assert_eq!((health.status, &body["status"]), (200, &"degraded".into()));
    assert_eq!(body["components"]["log"], "stalled");
    assert_eq!(site.get("/health/readyz").await.status, 200);
    site.stalled.store(false, Ordering::Relaxed);
    assert_eq!(site.get("/api/v1/health").await.json()["components"]["log"], "damaged");
}

#[tokio::test]
async fn health_tells_what_is_wrong() {
    fn one(partition: Partition, phase: Phase, rest: Phase) -> Option<Seen> {
        Some(Seen { phase: if partition == Partition(0) { phase } else { rest }, ..RUNNING })
    }
    let check = async |seen: fn(Partition) -> Option<Seen>, status: u16, text: &str, ready: u16| {
        let site = Site::start(Plan { seen, ..Plan::new(approve) }).await;
        let health = site.get("/api/v1/health").await;
        assert_eq!((health.status, health.json()["status"].as_str()), (status, Some(text)));
        assert_eq!(site.get("/health/readyz").await.status, ready);
    };
    check(|partition| one(partition, Phase::Opening, Phase::Running), 200, "degraded", 503).await;
    check(|partition| one(partition, Phase::Poisoned, Phase::Running), 200, "degraded", 503).await;
    check(|partition| one(partition, Phase::Parked, Phase::Running), 200, "degraded", 503).await;
    check(|partition| one(partition, Phase::Parked, Phase::Left), 503, "down", 503).await;
    let site = Site::start(Plan { opened: 1, ..Plan::new(approve) }).await;
    let ready = site.get("/health/readyz").await;
    let expected = r#"{"ready":false,"reasons":["the directory is not loaded"]}"#;
    assert_eq!((ready.status, &*ready.body), (503, expected));
    assert_eq!(site.get("/api/v1/health").await.json()["components"]["directory"], "loading");
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_one_shape() {
    let site = Site::usual().await;
    for target in ["/", "/api/v1/assess/", "/api/v1/nothing?api_key=x", "/health", "/%2e%2e"] {
        let answer = site.get(target).await;
        assert_eq!((answer.status, &*answer.code()), (404, "NOT_FOUND"), "{target}");
    }
    for (method, target, allow) in [
        ("GET", "/api/v1/assess", ["POST", "OPTIONS"]),
        ("DELETE", "/api/v1/assess", ["POST", "OPTIONS"]),
        ("POST", "/api/v1/health", ["GET", "HEAD"]),
        ("PUT", "/metrics", ["GET", "HEAD"]),
    ] {
        let answer = site.send((method, target), &[], b"").await;
        assert_eq!((answer.status, &*answer.code()), (405, "METHOD_NOT_ALLOWED"), "{method} {target}");
        let allowed = answer.header("allow").unwrap();
        assert!(allow.iter().all(|method| allowed.contains(method)), "{allowed}");
    }
    let answer = site.send(("GET", "/api/v1/health"), &[("accept", "text/html")], b"").await;
    assert_eq!((answer.status, &*answer.code()), (406, "NOT_ACCEPTABLE"));
}

#[tokio::test]
async fn ids_of_requests_are_echoed_or_made() {
    let site = Site::usual().await;
    let id = async |id: &str| site.send(("GET", "/health/livez"), &[("x-request-id", id)], b"").await;
    assert_eq!(id("my.Request_id-1").await.header("x-request-id"), Some("my.Request_id-1"));
    let too_long = "x".repeat(65);
    for bad in ["", "a b", "caf\u{e9}", &too_long] {
        let answer = id(bad).await;
        let made = answer.header("x-request-id").unwrap();
        assert!(made != bad && made.len() >= 16, "{bad}: {made}");
    }
    let answers = [site.get("/health/livez").await, site.get("/health/livez").await];
    assert_ne!(answers[0].header("x-request-id"), answers[1].header("x-request-id"));
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let mut plan = Plan::new(approve);
    plan.seen = |partition| if partition == Partition(1) { panic!("on purpose") } else { Some(RUNNING) };
    let site = Site::start(plan).await;
    for _ in 0..2 {
        let answer = site.send(("GET", "/health/readyz"), &[("x-request-id", "here-is-16-chars")], b"").await;
        assert_eq!((answer.status, &*answer.code()), (500, "INTERNAL_ERROR"));
        assert_eq!(answer.json()["error"]["details"], serde_json::json!({"request_id": "here-is-16-chars"}));
    }
    assert_eq!(site.get("/health/livez").await.status, 200);
}

#[tokio::test]
async fn requests_are_counted() {
    let site = Site::start(Plan {
        seen: |_| Some(Seen { lag_records: 4, lag_ms: 250, checkpoint_at: 1, state_bytes: 10, ..RUNNING }),
        ..Plan::new(approve)
    })
    .await;
    site.assess(&site.server_key(), BODY).await;
    site.assess("clm_sk_xxx", BODY).await;
    site.get("/nowhere").await;
    let page = site.get("/metrics").await;
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "clausum_requests_total{route=\"assess\",status=\"200\"} 1",
        "clausum_requests_total{route=\"assess\",status=\"401\"} 1",
        "clausum_requests_total{route=\"other\",status=\"404\"} 1",
        "clausum_rejected_total{reason=\"UNAUTHORIZED\"} 1",
        "clausum_rejected_total{reason=\"NOT_FOUND\"} 1",
        "clausum_consumer_lag_seconds{partition=\"1\"} 0.25",
        "clausum_consumer_lag_records{partition=\"0\"} 4",
        "clausum_state_bytes{kind=\"store\"} 20",
        "clausum_http_connections 1",
        "clausum_assess_duration_seconds_count 1",
    ] {
        assert!(page.body.lines().any(|shown| shown == line), "{line} is not in {}", page.body);
    }
}
