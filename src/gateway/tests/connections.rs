//! Connections: malformed ones, slow ones, too many of them, and the drain.

use super::*;
use crate::gateway::Bounds;
use crate::gateway::options::HEADER_FIELDS;

/// A gateway in a hurry.
pub(super) fn hurried(decide: Decide, change: impl FnOnce(&mut Bounds)) -> Plan {
    let mut plan = Plan::new(decide);
    change(&mut plan.options.bounds);
    plan
}

pub(super) const SHORT: Duration = Duration::from_millis(100);
pub(super) const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn malformed_requests_are_refused_and_it_goes_on() {
    let site = Site::usual().await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(20_000));
    for bad in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "G\u{1}T / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n a: folded\r\n\r\n",
        "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
    ] {
        let answer = Answer::parse(&site.raw(bad.as_bytes()).await);
        assert_eq!((answer.status, &*answer.code()), (400, "VALIDATION_ERROR"), "{bad:?}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    }
    let answer = Answer::parse(&site.raw(large.as_bytes()).await);
    assert_eq!((answer.status, &*answer.code()), (431, "VALIDATION_ERROR"));
    assert_eq!(answer.json()["error"]["details"]["limit_bytes"], 16_384);
    let page = site.get("/metrics").await.body;
    for line in [
        "clausum_requests_total{route=\"other\",status=\"400\"} 8",
        "clausum_rejected_total{reason=\"VALIDATION_ERROR\"} 9",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} is not in {page}");
    }
}

#[tokio::test]
async fn a_header_block_has_a_hundred_fields_at_most() {
    let site = Site::usual().await;
    let of = |fields: usize| {
        let more = "a: b\r\n".repeat(fields - 2);
        format!("GET /health/livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n")
    };
    assert_eq!(Answer::parse(&site.raw(of(HEADER_FIELDS).as_bytes()).await).status, 200);
    let answer = Answer::parse(&site.raw(of(HEADER_FIELDS + 1).as_bytes()).await);
    assert_eq!((answer.status, &*answer.code()), (431, "VALIDATION_ERROR"));
    let message = "a header block has at most 16384 bytes and 100 fields";
    assert_eq!(answer.json()["error"]["message"], message);
}

#[tokio::test]
async fn a_refusal_of_a_head_follows_the_answers_before_it() {
    let site = Site::usual().await;
    let whole = "GET /health/livez HTTP/1.1\r\nhost: x\r\nx-request-id: first\r\n\r\n";
    let all = site.raw(format!("{whole}GET nowhere\r\n\r\n").as_bytes()).await;
    let text = String::from_utf8(all).unwrap();
    let (first, second) = text.split_at(text.rfind("HTTP/1.1").unwrap());
    let (first, second) = (Answer::parse(first.as_bytes()), Answer::parse(second.as_bytes()));
    assert_eq!((first.status, &*first.body, first.header("x-request-id")), (200, "ok", Some("first")));
    assert_eq!((second.status, &*second.code()), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn chunks_that_are_none_are_refused_and_those_cut_off_are_not() {
    let site = Site::usual().await;
    let key = site.server_key();
    let head = format!(
        "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for bad in ["zz\r\n", "2\r\n{}x\r\n", "ffffffffffffffffff\r\n{}", "2\n{}\r\n"] {
        let answer = Answer::parse(&site.raw(format!("{head}{bad}").as_bytes()).await);
        assert_eq!((answer.status, &*answer.code()), (400, "VALIDATION_ERROR"), "{bad:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    }
    // The caller is gone: there is nobody to answer.
    let mut stream = site.connect().await;
    stream.write_all(format!("{head}5\r\n{{").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_all(&mut stream).await, b"");
    assert!(site.records().is_empty());
    assert_eq!(site.assess(&key, BODY).await.status, 200);
}

#[tokio::test]
async fn a_slow_header_block_is_cut_off() {
    // Long enough for a whole block to arrive on a busy machine.
    let site = Site::start(hurried(approve, |bounds| bounds.header = 8 * SHORT)).await;
    let (nothing, part) = tokio::join!(site.raw(b""), site.raw(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n"));
    assert_eq!((&*nothing, &*part), (&b""[..], &b""[..]));
    // The next block on a connection has no more time than the first.
    let whole = "GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = site.connect().await;
    stream.write_all(whole.as_bytes()).await.unwrap();
    assert_eq!(one_answer(&mut stream).await.status, 200);
    stream.write_all(&whole.as_bytes()[..20]).await.unwrap();
    assert_eq!(read_all(&mut stream).await, b"");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let plan = hurried(silent, |bounds| {
        bounds.keep_alive = SHORT;
        bounds.assess = 4 * SHORT;
    });
    let site = Site::start(plan).await;
    let mut stream = site.connect().await;
    let head = format!("authorization: Bearer {}\r\ncontent-length: {}", site.server_key(), BODY.len());
    let call = format!("POST /api/v1/assess HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{BODY}");
    stream.write_all(call.as_bytes()).await.unwrap();
    let answer = Answer::parse(&read_all(&mut stream).await);
    assert_eq!((answer.status, &*answer.code()), (504, "ASSESS_TIMEOUT"));
}

#[tokio::test]
async fn a_body_that_falls_silent_ends_its_connection() {
    let site = Site::start(hurried(approve, |bounds| bounds.body_idle = SHORT)).await;
    let bearer = format!("Bearer {}", site.server_key());
    let whole = request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes());
    let mut stream = site.connect().await;
    let cut = whole.len() - 5;
    stream.write_all(&whole[..cut]).await.unwrap();
    assert_eq!(read_all(&mut stream).await, b"");
    assert!(site.records().is_empty());
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.server_key());
    let whole = request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes());
    let mut stream = site.connect().await;
    for piece in whole.chunks(16) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(Answer::parse(&read_all(&mut stream).await).status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let site = Site::start(hurried(approve, |bounds| bounds.connections = 1)).await;
    let first = site.connect().await;
    until("the first is accepted", || site.telemetry.render().contains("clausum_http_connections 1")).await;
    let second = site.get("/health/livez");
    let release = async {
        assert!(site.telemetry.render().contains("clausum_http_connections 1"));
        drop(first);
    };
    let (answer, ()) = tokio::join!(second, release);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_drain_finishes_what_is_held() {
    let mut site =
        Site::start(Plan { auto_flush: false, ..hurried(approve, |bounds| bounds.drain = LONG) }).await;
    let bearer = format!("Bearer {}", site.server_key());
    let whole = request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes());
    let mut idle = site.connect().await;
    idle.write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(one_answer(&mut idle).await.status, 200);
    let mut held = site.connect().await;
    held.write_all(&whole).await.unwrap();
    until("the record waits", || !site.log.waiting().is_empty()).await;
    let served = site.stop();
    assert_eq!(read_all(&mut idle).await, b"", "an idle connection is closed at once");
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody more is accepted");
    assert!(!served.is_finished());
    site.log.flush_all();
    assert_eq!(Answer::parse(&read_all(&mut held).await).status, 200);
    timeout(PATIENCE, served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let mut site = Site::start(hurried(silent, |bounds| {
        bounds.drain = SHORT;
        bounds.assess = LONG;
    }))
    .await;
    let bearer = format!("Bearer {}", site.server_key());
    let mut held = site.connect().await;
    held.write_all(&request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes())).await.unwrap();
    until("a caller waits", || site.callers.waiting() == 1).await;
    timeout(PATIENCE, site.stop()).await.unwrap().unwrap();
    assert_eq!(read_all(&mut held).await, b"");
    assert_eq!(site.callers.waiting(), 1, "its record is in the log");
}
