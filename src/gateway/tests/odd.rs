//! Callers that are within HTTP and unusual, or just outside of it.

use super::connections::{SHORT, hurried};
use super::*;

fn split(text: &str) -> Vec<Answer> {
    let parts = text.split("HTTP/1.").filter(|part| !part.is_empty());
    parts.map(|part| Answer::parse(format!("HTTP/1.{part}").as_bytes())).collect()
}

/// What comes of bytes on one connection, to its end.
async fn all(site: &Site, bytes: &str) -> Vec<Answer> {
    split(std::str::from_utf8(&site.raw(bytes.as_bytes()).await).unwrap())
}

fn post(key: &str, headers: &str) -> String {
    format!("POST /api/v1/assess HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{headers}\r\n")
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let site = Site::usual().await;
    let key = site.server_key();
    let one = |number: usize| {
        let more = format!("x-request-id: r{number}\r\ncontent-length: {}\r\n", BODY.len());
        let close = if number == 99 { "connection: close\r\n" } else { "" };
        post(&key, &(more + close)) + BODY
    };
    let answers = all(&site, &(0..100).map(one).collect::<String>()).await;
    let ids: Vec<_> = answers.iter().map(|answer| answer.header("x-request-id").unwrap()).collect();
    assert_eq!(ids, (0..100).map(|number| format!("r{number}")).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn whoever_asks_and_never_reads_is_cut_off() {
    let site = Site::start(hurried(approve, |bounds| {
        bounds.keep_alive = SHORT;
        bounds.header = 8 * SHORT;
    }))
    .await;
    let mut stream = site.connect().await;
    let requests = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3_000);
    // More than the machine holds for somebody who does not read.
    drop(timeout(PATIENCE, stream.write_all(requests.as_bytes())).await.expect("it should have been closed"));
    until("it is gone", || site.telemetry.render().contains("clausum_http_connections 0")).await;
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_has_an_answer_that_arrives() {
    let site = Site::usual().await;
    let key = site.server_key();
    let large = "x".repeat(600_000);
    let length = format!("content-length: {}\r\n", large.len());
    let chunk = format!("{:x}\r\n{}\r\n", 10_000, "x".repeat(10_000));
    for (head, body) in [(length, large), ("transfer-encoding: chunked\r\n".to_owned(), chunk.repeat(60))] {
        // Without end: the chunked one never says that it is over.
        let mut stream = site.connect().await;
        stream.write_all((post(&key, &head) + &body).as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        // A connection that was reset takes no more, and may have lost what was read so far elsewhere.
        for _ in 0..10 {
            stream.write_all(&[b'x'; 1_000]).await.expect("what still comes is read");
            tokio::task::yield_now().await;
        }
        let answer = Answer::parse(&answer);
        assert_eq!((answer.status, &*answer.code()), (413, "PAYLOAD_TOO_LARGE"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // Whoever may not send is told so, and not only once he has sent everything.
    let answers =
        all(&site, &(post("clm_sk_xxx", "content-length: 500000\r\n") + &"x".repeat(500_000))).await;
    assert_eq!((answers.len(), answers[0].status, &*answers[0].code()), (1, 401, "UNAUTHORIZED"));
    assert!(site.records().is_empty());
}

#[tokio::test]
async fn what_stands_beside_the_chunks_has_its_limits() {
    let site = Site::usual().await;
    let key = site.server_key();
    let head = post(&key, "transfer-encoding: chunked\r\nconnection: close\r\n");
    let length = format!("{:x}", BODY.len());
    let extension = format!("{head}{length};a=b\r\n{BODY}\r\n0\r\nx-trailer: 1\r\n\r\n");
    assert_eq!(all(&site, &extension).await[0].status, 200);
    let long = "x".repeat(20_000);
    for bad in [
        format!("{head}{length};{long}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{head}{length}\r\n{BODY}\r\n0\r\nx-trailer: {long}\r\n\r\n"),
    ] {
        let answers = all(&site, &bad).await;
        assert_eq!((answers.len(), answers[0].status), (1, 400), "{answers:?}");
        assert_eq!(answers[0].code(), "VALIDATION_ERROR");
    }
    assert_eq!(site.records().len(), 1);
}

#[tokio::test]
async fn a_body_in_a_coding_that_is_not_understood_is_not_read() {
    let site = Site::usual().await;
    let key = site.server_key();
    let chunked = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let next = "GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n";
    for coding in
        ["gzip, chunked", "identity, chunked", "chunked, chunked", "gzip\r\ntransfer-encoding: chunked"]
    {
        let request = post(&key, &format!("transfer-encoding: {coding}\r\n")) + &chunked + next;
        let answers = all(&site, &request).await;
        assert_eq!((answers.len(), answers[0].status), (1, 501), "{coding}: {answers:?}");
        assert_eq!(
            (&*answers[0].code(), answers[0].header("connection")),
            ("VALIDATION_ERROR", Some("close"))
        );
        assert_eq!(answers[0].json()["error"]["details"]["fields"][0]["field"], "#Transfer-Encoding");
    }
    assert!(site.records().is_empty());
    let plain = post(&key, "transfer-encoding: Chunked\r\nconnection: close\r\n") + &chunked;
    assert_eq!(all(&site, &plain).await[0].status, 200);
}

/// Sends the head of a request, its body, and another request; the first answer and the status of the second,
/// if the connection went on.
async fn then_next(site: &Site, head: &str, body: &str) -> (Answer, Option<u16>) {
    let mut stream = site.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = one_answer(&mut stream).await;
    if answer.header("connection").is_some() {
        assert_eq!(read_all(&mut stream).await, b"", "it was said to close");
        return (answer, None);
    }
    stream
        .write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("it was not said to close");
    let status = one_answer(&mut stream).await.status;
    (answer, Some(status))
}

#[tokio::test]
async fn a_connection_goes_on_behind_a_body_that_nobody_wanted() {
    let site = Site::usual().await;
    let key = site.server_key();
    let limited = site.key(KeyType::Server, |_, key| key.per_minute = Some(0));
    // More than the server library reads ahead.
    let body = "x".repeat(60_000);
    let length = format!("content-length: {}\r\n", body.len());
    let check = async |head: String, status: u16| {
        let (answer, next) = then_next(&site, &head, &body).await;
        assert_eq!((answer.status, next), (status, Some(200)), "{head}");
    };
    check(post("clm_sk_xxx", &length), 401).await;
    check(post(&key, &length).replace("/assess", "/nothing"), 404).await;
    check(post(&key, &length).replace("POST", "PUT"), 405).await;
    check(post(&key, &format!("{length}content-type: text/plain\r\n")), 415).await;
    check(post(&limited, &length), 429).await;
    check(post(&key, &length).replace("POST /api/v1/assess", "GET /health/livez"), 200).await;
    let home = crate::base::murmur2::partition_of(OrgId::INSTALLATION.to_string().as_bytes(), PARTITIONS);
    site.directory.changed(home, DirectoryChange::Maintenance(Some(crate::base::time::Ms(1))));
    check(post(&key, &length), 503).await;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let (answer, next) = then_next(&site, &post(&key, "transfer-encoding: chunked\r\n"), &chunked).await;
    assert_eq!((answer.status, next), (503, Some(200)));
}

#[tokio::test]
async fn a_connection_that_cannot_go_on_is_said_to_close() {
    let site = Site::start(hurried(approve, |bounds| bounds.leftover = SHORT)).await;
    let endless = format!("{:x}\r\n{}\r\n", 10_000, "x".repeat(10_000)).repeat(10);
    for (headers, body) in [
        ("content-length: 100\r\n", "never whole"),
        ("content-length: 100\r\n", ""),
        ("content-length: 100\r\nexpect: 100-continue\r\n", ""),
        ("content-length: 70000\r\n", ""),
        ("transfer-encoding: chunked\r\n", &endless),
        ("transfer-encoding: chunked\r\n", "no chunk\r\n"),
    ] {
        let (answer, _) = then_next(&site, &post("clm_sk_xxx", headers), body).await;
        assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{headers}{body}");
    }
}

#[tokio::test]
async fn a_caller_that_asks_before_it_sends_is_told_to_go_on_or_refused() {
    let site = Site::usual().await;
    let key = site.server_key();
    let asks = format!("expect: 100-continue\r\ncontent-length: {}\r\n", BODY.len());
    let mut stream = site.connect().await;
    stream.write_all(post(&key, &asks).as_bytes()).await.unwrap();
    assert_eq!(one_answer(&mut stream).await.status, 100);
    stream.write_all(BODY.as_bytes()).await.unwrap();
    assert_eq!(one_answer(&mut stream).await.status, 200);
    // Nobody is told to send what would be refused.
    for (key, length, status) in [("clm_sk_xxx", 10, 401), (&*key, 1_000_000, 413)] {
        let asks = format!("expect: 100-continue\r\ncontent-length: {length}\r\n");
        let mut stream = site.connect().await;
        stream.write_all(post(key, &asks).as_bytes()).await.unwrap();
        assert_eq!(one_answer(&mut stream).await.status, status);
    }
}

#[tokio::test]
async fn two_lengths_are_one_request_at_most() {
    let site = Site::usual().await;
    let key = site.server_key();
    let smuggled = "GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    // Chunks go before a length, and what follows is not looked at: RFC 9112, section 6.1.
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let answers = all(&site, &(post(&key, headers) + &chunked + smuggled)).await;
        assert_eq!((answers.len(), answers[0].status), (1, 200), "{headers}: {answers:?}");
        assert_eq!(answers[0].header("connection"), Some("close"));
    }
    for headers in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 4\r\n",
        "content-length: +4\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length: 4\r\n content-length: 5\r\n",
    ] {
        let answers = all(&site, &(post(&key, headers) + "null" + smuggled)).await;
        assert_eq!((answers.len(), answers[0].status), (1, 400), "{headers}: {answers:?}");
        assert_eq!(answers[0].code(), "VALIDATION_ERROR");
    }
    let old = post(&key, "transfer-encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0");
    let answers = all(&site, &(old + &chunked + smuggled)).await;
    assert_eq!((answers.len(), answers[0].status), (1, 400), "chunks in HTTP/1.0");
}

#[tokio::test]
async fn http_1_1_without_one_host_is_refused() {
    let site = Site::usual().await;
    for (hosts, code) in [
        ("", "required"),
        ("host: a\r\nhost: a\r\n", "duplicate"),
        ("host: a/b\r\n", "format"),
        ("host: u@a\r\n", "format"),
    ] {
        let answers = all(&site, &format!("GET /health/livez HTTP/1.1\r\n{hosts}\r\n")).await;
        assert_eq!((answers[0].status, &*answers[0].code()), (400, "VALIDATION_ERROR"), "{hosts}");
        let field = &answers[0].json()["error"]["details"]["fields"][0];
        assert_eq!((field["field"].as_str(), field["code"].as_str()), (Some("#Host"), Some(code)));
    }
}

#[tokio::test]
async fn other_ways_to_ask() {
    let site = Site::usual().await;
    let check = async |request: &str, status: u16, body: &str| {
        let answers = all(&site, request).await;
        assert_eq!((answers.len(), answers[0].status), (1, status), "{request}: {answers:?}");
        if !body.is_empty() {
            assert_eq!(answers[0].body, body, "{request}");
        }
        assert!(answers[0].header("x-request-id").is_some(), "{request}");
    };
    let close = "host: x\r\nconnection: close\r\n\r\n";
    // Old callers, who close by themselves unless they say otherwise.
    check("GET /health/livez HTTP/1.0\r\n\r\n", 200, "ok").await;
    let kept =
        "GET /health/livez HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /health/livez HTTP/1.0\r\n\r\n";
    assert_eq!(all(&site, kept).await.len(), 2);
    // The target in full, as proxies write it.
    check(&format!("GET http://any.example/health/livez HTTP/1.1\r\n{close}"), 200, "ok").await;
    check(&format!("HEAD /health/livez HTTP/1.1\r\n{close}"), 200, "").await;
    check(&format!("HEAD /api/v1/assess HTTP/1.1\r\n{close}"), 405, "").await;
    check(&format!("OPTIONS /api/v1/assess HTTP/1.1\r\n{close}"), 204, "").await;
    check(&format!("OPTIONS /health/livez HTTP/1.1\r\n{close}"), 405, "").await;
    check(&format!("OPTIONS * HTTP/1.1\r\n{close}"), 404, "").await;
    check(&format!("TRACE /health/livez HTTP/1.1\r\n{close}"), 405, "").await;
    check(&format!("BREW /health/livez HTTP/1.1\r\n{close}"), 405, "").await;
    // No tunnels, and no other protocol than the one that is spoken.
    check(&format!("CONNECT x:443 HTTP/1.1\r\n{close}"), 404, "").await;
    let upgrade =
        "host: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n";
    check(&format!("GET /health/livez HTTP/1.1\r\n{upgrade}"), 200, "ok").await;
    let clear = "host: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    check(&format!("GET /health/livez HTTP/1.1\r\n{clear}"), 200, "ok").await;
}
