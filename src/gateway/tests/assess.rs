//! Assess from end to end.

use super::*;
use crate::log::AppendError;
use crate::log::memory::Landing;
use crate::wire::header;

#[tokio::test]
async fn a_payment_is_decided() {
    let site = Site::usual().await;
    let key = site.server_key();
    let body = r#"{"amount":15.00,"currency":"mxn","amount_unit":"major","unknown":{"a":[1]},"email":"A@B.example"}"#;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers =
        [("authorization", &*format!("bearer {key}")), ("idempotency-key", "k 1"), ("traceparent", trace)];
    let answer = site.send(ASSESS, &headers, body.as_bytes()).await;
    assert_eq!((answer.status, &*answer.body), (200, r#"{"decision":"approve"}"#), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert!(answer.header("x-request-id").unwrap().len() >= 16);
    let timing = answer.header("server-timing").unwrap();
    assert!(
        timing.starts_with("log;dur=") && timing.contains(", shard;dur=") && timing.contains(", total;dur=")
    );

    let records = site.records();
    let content = Content::read(&records[0]).unwrap();
    assert_eq!(records.len(), 1);
    assert!(std::str::from_utf8(content.key).unwrap().parse::<OrgId>().is_ok());
    let value = std::str::from_utf8(content.value.unwrap()).unwrap();
    let canonical = r#"{"amount":1500,"currency":"MXN","transaction_type":"payment","email":"a@b.example"}"#;
    assert_eq!(value, canonical);
    let header = |name| content.text_header(name).unwrap_or("none");
    assert_eq!([header("ce_specversion"), header("ce_type")], ["1.0", "clausum.assess.v1"]);
    assert_eq!([header("ce_source"), header("content-type")], ["clausum/gateway", "application/json"]);
    assert_eq!(header(header::PRECHECK), "none", "a server key's call is no pre-check");
    assert_eq!([header("idempotency-key"), header("traceparent")], ["k 1", trace]);
    assert!(header("ce_id").starts_with(header("clausum-reply-to")));
    let received: i64 = header("clausum-received").parse().unwrap();
    assert!((0..10_000).contains(&SystemClock.now().since(crate::base::time::Ms(received))));
    assert_eq!(site.callers.waiting(), 0);
}

#[tokio::test]
async fn a_replay_says_so_and_the_shard_may_refuse() {
    let site = Site::start(Plan::new(|stored| {
        let refused = stored.content.windows(4).any(|bytes| bytes == b"9999");
        let conflict = r#"{"error":{"code":"IDEMPOTENCY_CONFLICT","message":"x","details":{}}}"#;
        Some(if refused { (409, conflict.to_owned(), false) } else { (200, "{}".to_owned(), true) })
    }))
    .await;
    let key = site.server_key();
    let answer = site.assess(&key, BODY).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")));
    let answer = site.assess(&key, r#"{"amount":9999,"currency":"MXN"}"#).await;
    assert_eq!((answer.status, &*answer.code()), (409, "IDEMPOTENCY_CONFLICT"));
}

#[tokio::test]
async fn all_faults_come_at_once() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.server_key());
    let long = "k".repeat(256);
    let headers = [("authorization", &*bearer), ("idempotency-key", &*long)];
    let body = r#"{"amount":1.5,"device":{"ip":"nowhere"},"payment_method":{"number":"4111111111111111"}}"#;
    let answer = site.send(ASSESS, &headers, body.as_bytes()).await;
    assert_eq!((answer.status, &*answer.code()), (400, "VALIDATION_ERROR"));
    assert!(!answer.body.contains("4111"), "{answer:?}");
    let error = answer.json();
    let fields = error["error"]["details"]["fields"].as_array().unwrap().clone();
    let mut found: Vec<_> = fields
        .iter()
        .map(|fault| (fault["field"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    let expected = [
        ("#Idempotency-Key", "format"),
        ("/amount", "not_integer"),
        ("/currency", "required"),
        ("/device/ip", "format"),
        ("/payment_method/number", "pan_not_allowed"),
    ];
    for (field, code) in expected {
        let at = found.iter().find(|(found, _)| *found == field);
        assert!(
            at.is_some_and(|(_, found)| *found == code || field == "/amount"),
            "{field} {code} in {found:?}"
        );
    }
    for bad in ["", "caf\u{e9}"] {
        let answer =
            site.send(ASSESS, &[("authorization", &bearer), ("idempotency-key", bad)], BODY.as_bytes()).await;
        assert_eq!((answer.status, &*answer.code()), (400, "VALIDATION_ERROR"), "{bad}");
    }
    let answer = site.send(ASSESS, &headers, b"{").await;
    assert_eq!(answer.json()["error"]["details"]["fields"].as_array().unwrap().len(), 1, "{answer:?}");
    assert_eq!(answer.json()["error"]["details"]["position"]["offset"], 1, "{answer:?}");
    assert!(site.records().is_empty());
}

#[tokio::test]
async fn bodies_are_json_and_not_too_large() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.server_key());
    for (kind, status) in [
        ("application/json; charset=utf-8", 200),
        ("application/cloudevents+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let answer =
            site.send(ASSESS, &[("authorization", &bearer), ("content-type", kind)], BODY.as_bytes()).await;
        assert_eq!(answer.status, status, "{kind}");
    }
    let headers = [("authorization", &*bearer), ("content-encoding", "gzip")];
    assert_eq!(site.send(ASSESS, &headers, BODY.as_bytes()).await.code(), "UNSUPPORTED_MEDIA_TYPE");
    let headers = [("authorization", &*bearer), ("accept", "text/html")];
    assert_eq!(site.send(ASSESS, &headers, BODY.as_bytes()).await.code(), "NOT_ACCEPTABLE");

    let limit = crate::base::limits::BODY_BYTES;
    let fits = format!("{BODY}{}", " ".repeat(limit - BODY.len()));
    assert_eq!(site.assess(&site.server_key(), &fits).await.status, 200);
    // Announced: refused before a byte of it is sent.
    let head = format!(
        "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\ncontent-length: 65537\r\n\r\n"
    );
    let mut stream = site.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = Answer::parse(&read_all(&mut stream).await);
    assert_eq!((answer.status, &*answer.code()), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(answer.json()["error"]["details"]["limit_bytes"], 65_536);
    // Not announced: refused when it is exceeded.
    let mut chunked = head.replace("content-length: 65537", "transfer-encoding: chunked").into_bytes();
    chunked.extend_from_slice(format!("10001\r\n{}\r\n0\r\n\r\n", "x".repeat(65_537)).as_bytes());
    let answer = Answer::parse(&site.raw(&chunked).await);
    assert_eq!((answer.status, &*answer.code()), (413, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn no_answer_in_time_is_504_and_a_late_one_is_dropped() {
    let mut plan = Plan::new(silent);
    plan.options.bounds.assess = Duration::from_millis(50);
    let site = Site::start(plan).await;
    let key = site.server_key();
    let answer = site.assess(&key, BODY).await;
    assert_eq!((answer.status, &*answer.code()), (504, "ASSESS_TIMEOUT"));
    assert_eq!(site.callers.waiting(), 0);
    let stored =
        Stored { offset: Offset(0), timestamp: SystemClock.now(), content: site.records().remove(0) };
    site.callers.reply(super::answer(Partition(0), &stored, approve).unwrap());
    assert_eq!(site.assess(&key, BODY).await.status, 504);
    assert_eq!(site.records().len(), 2);
}

#[tokio::test]
async fn a_caller_that_leaves_gives_its_place_back() {
    let site = Site::start(Plan::new(silent)).await;
    let bearer = format!("Bearer {}", site.server_key());
    let mut stream = site.connect().await;
    stream.write_all(&request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes())).await.unwrap();
    until("a caller waits", || site.callers.waiting() == 1).await;
    drop(stream);
    until("nobody waits", || site.callers.waiting() == 0).await;
}

#[tokio::test]
async fn it_sheds_before_it_appends() {
    let behind = |_| Some(Seen { lag_ms: 1_001, ..RUNNING });
    let parked = |_| Some(Seen { phase: Phase::Parked, ..RUNNING });
    let plans: [fn(&mut Plan); 3] =
        [|plan| plan.callers = [0, 1], |plan| plan.callers = [1, 0], |plan| plan.seen = |_| None];
    let seen: [fn(Partition) -> Option<Seen>; 2] = [behind, parked];
    let plans = plans.into_iter().map(|change| {
        let mut plan = Plan::new(approve);
        change(&mut plan);
        plan
    });
    let seen = seen.into_iter().map(|seen| Plan { seen, ..Plan::new(approve) });
    for plan in plans.chain(seen) {
        let site = Site::start(plan).await;
        let answer = site.assess(&site.server_key(), BODY).await;
        assert_eq!((answer.status, &*answer.code()), (503, "SERVICE_UNAVAILABLE"));
        assert!(site.records().is_empty());
    }
}

#[tokio::test]
async fn a_partition_that_is_not_open_is_nothing_to_the_keys_of_others() {
    let mut plan = Plan::new(approve);
    plan.opened = 1;
    let site = Site::start(plan).await;
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
    let unknown = keycode::render(KeyType::Server.prefix(), &[9; 32]);
    let answer = site.assess(&unknown, BODY).await;
    assert_eq!((answer.status, &*answer.code()), (503, "RATE_LIMIT_STORE_UNAVAILABLE"));
}

#[tokio::test]
async fn what_the_log_refuses_was_not_promised() {
    let site = Site::usual().await;
    let key = site.server_key();
    for error in [AppendError::Busy, AppendError::Full, AppendError::Closed("x".to_owned())] {
        site.log.refuse_appends(GATEWAY, Some(error));
        let answer = site.assess(&key, BODY).await;
        assert_eq!((answer.status, &*answer.code()), (503, "SERVICE_UNAVAILABLE"));
    }
    assert_eq!(site.callers.waiting(), 0);
    let health = site.get("/api/v1/health").await;
    assert_eq!((health.status, &health.json()["status"]), (503, &"down".into()));
}

#[tokio::test]
async fn a_caller_waits_until_its_record_is_durable() {
    let site = Site::start(Plan { auto_flush: false, ..Plan::new(approve) }).await;
    let key = site.server_key();
    let call = site.assess(&key, BODY);
    let flush = async {
        until("the record waits", || !site.log.waiting().is_empty()).await;
        assert_eq!(site.callers.waiting(), 1);
        site.log.flush_all();
    };
    let (answer, ()) = tokio::join!(call, flush);
    assert_eq!(answer.status, 200);
    let page = site.telemetry.render();
    assert!(page.contains("clausum_log_append_duration_seconds_count 1"), "{page}");
    assert!(page.contains("clausum_assess_duration_seconds_count 1"), "{page}");
}

#[tokio::test]
async fn after_the_hand_over_only_what_is_surely_not_in_the_log_is_503() {
    let closed = || AppendError::Closed("x".to_owned());
    for (landing, status, code) in [
        (Landing::Failed(AppendError::Full), 503, "SERVICE_UNAVAILABLE"),
        (Landing::Failed(closed()), 504, "ASSESS_TIMEOUT"),
        (Landing::AckLost, 504, "ASSESS_TIMEOUT"),
    ] {
        let site = Site::start(Plan { auto_flush: false, ..Plan::new(silent) }).await;
        let key = site.server_key();
        let call = site.assess(&key, BODY);
        let land = async {
            until("the record waits", || !site.log.waiting().is_empty()).await;
            let to = site.log.waiting().remove(0).to;
            assert!(site.log.land(GATEWAY, to, landing.clone()));
        };
        let (answer, ()) = tokio::join!(call, land);
        assert_eq!((answer.status, &*answer.code()), (status, code), "{landing:?}");
    }
}

#[tokio::test]
async fn calls_of_browsers_are_completed() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.key(KeyType::Checkout, |_, _| ()));
    let headers =
        [("authorization", &*bearer), ("user-agent", "Browser/1"), ("origin", "https://shop.example")];
    let answer = site.send(ASSESS, &headers, BODY.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    let records = site.records();
    let content = Content::read(&records[0]).unwrap();
    let peer = |name| content.text_header(name);
    assert_eq!(peer(header::PRECHECK), Some("true"), "the shard's mark of another scope");
    assert_eq!((peer(header::PEER_IP), peer(header::PEER_AGENT)), (Some("127.0.0.1"), Some("Browser/1")));
    let body: serde_json::Value = serde_json::from_slice(content.value.unwrap()).unwrap();
    assert_eq!(body.get("device"), None, "repeats are compared by what the caller wrote");
}
