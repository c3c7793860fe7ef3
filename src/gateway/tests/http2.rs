//! HTTP/2: what its callers may do, frame by frame, and what they may not.

use super::connections::{LONG, SHORT, hurried};
use super::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What a flood is answered with.
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A number in HPACK below a prefix of seven bits, then the text of that length.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.len();
    if rest < 127 {
        bytes.push(u8::try_from(rest).unwrap());
    } else {
        bytes.push(127);
        rest -= 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A header block: method, http, host and path by their places in the static table, the rest in full.
fn block((method, path): (&str, &str), headers: &[(&str, &str)]) -> Vec<u8> {
    let method = if method == "GET" { 0x82 } else { 0x83 };
    let mut block = [&[method, 0x86, 0x01][..], &text("x"), &[0x04], &text(path)].concat();
    for (name, value) in headers {
        block.push(0);
        block.extend([text(name), text(value)].concat());
    }
    block
}

/// A header block as frames of at most 16 KiB.
fn head(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let pieces: Vec<_> = block.chunks(16_384).collect();
    let frames = pieces.iter().enumerate().map(|(at, piece)| {
        let end = if at + 1 == pieces.len() { END_HEADERS } else { 0 };
        match at {
            0 => frame(HEADERS, flags | end, stream, piece),
            _ => frame(CONTINUATION, end, stream, piece),
        }
    });
    frames.collect::<Vec<_>>().concat()
}

/// One frame that came: kind, flags, stream, payload.
#[derive(Debug)]
struct Frame(u8, u8, u32, Vec<u8>);

impl Frame {
    /// The code of a GOAWAY.
    fn farewell(&self) -> Option<u32> {
        let code = self.3.get(4..8).filter(|_| self.0 == GOAWAY)?;
        Some(u32::from_be_bytes(code.try_into().unwrap()))
    }
}

/// A client that speaks in frames.
struct Peer(TcpStream);

impl Peer {
    /// A connection with these settings: identifier and value.
    async fn new(site: &Site, settings: &[(u16, u32)]) -> Self {
        let mut peer = Self(site.connect().await);
        peer.0.set_nodelay(true).unwrap();
        let payload =
            settings.iter().map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
        let settings = frame(SETTINGS, 0, 0, &payload.collect::<Vec<_>>().concat());
        peer.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings].concat()).await;
        peer
    }

    /// A gateway that has had enough may close before it has read everything.
    async fn send(&mut self, bytes: &[u8]) {
        drop(timeout(PATIENCE, self.0.write_all(bytes)).await.expect("the gateway should read or close"));
    }

    async fn get(&mut self, stream: u32, path: &str) {
        self.send(&head(stream, END_STREAM, &block(("GET", path), &[]))).await;
    }

    /// Asks for a decision.
    async fn assess(&mut self, stream: u32, key: &str) {
        let bearer = format!("Bearer {key}");
        let head = head(stream, 0, &block(ASSESS, &[("authorization", &bearer)]));
        self.send(&[head, frame(DATA, END_STREAM, stream, BODY.as_bytes())].concat()).await;
    }

    /// The next frame, none at the end of the connection. A ping is answered by the way.
    async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.ok()?;
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            Some(Frame(head[3], head[4], stream, payload))
        };
        let next = timeout(PATIENCE, read).await.expect("a frame or the end is due")?;
        if let Frame(PING, 0, _, payload) = &next {
            let pong = frame(PING, ACK, 0, payload);
            self.send(&pong).await;
        }
        Some(next)
    }

    /// The frames until one is as it should be, that one last.
    async fn until(&mut self, is: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let next = self.next().await.expect("the connection ended before");
            if is(&next) {
                return next;
            }
        }
    }

    /// The frames until the connection ends.
    async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(next) = self.next().await {
            frames.push(next);
        }
        frames
    }

    /// The first byte of the answer's header block, which is its status, and its body.
    async fn answer(&mut self, stream: u32) -> (u8, String) {
        let head = self.until(|frame| frame.0 == HEADERS && frame.2 == stream).await;
        let mut body = Vec::new();
        let mut ended = head.1 & END_STREAM > 0;
        while !ended {
            let frame = self.until(|frame| frame.0 == DATA && frame.2 == stream).await;
            ended = frame.1 & END_STREAM > 0;
            body.extend(frame.3);
        }
        (head.3[0], String::from_utf8(body).unwrap())
    }
}

/// `:status` in the static table.
const OK: u8 = 0x88;

async fn goes_on(site: &Site) {
    assert_eq!(site.assess(&site.server_key(), BODY).await.status, 200);
}

#[tokio::test]
async fn http_2_is_spoken() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.server_key());
    let io = hyper_util::rt::TokioIo::new(site.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driven = tokio::spawn(connection);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let request = http::Request::post("http://x/api/v1/assess").header("authorization", &bearer);
            sender.send_request(
                request.body(http_body_util::Full::new(Bytes::from_static(BODY.as_bytes()))).unwrap(),
            )
        })
        .collect();
    for call in calls {
        let response = call.await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
        assert!(response.headers().contains_key("x-request-id"));
    }
    drop(sender);
    driven.await.unwrap().unwrap();
}

#[tokio::test]
async fn its_limits_are_told_and_streams_beyond_them_refused() {
    let mut plan = hurried(silent, |bounds| bounds.assess = LONG);
    plan.callers = [1_000, 1_000];
    let site = Site::start(plan).await;
    let key = site.server_key();
    let mut peer = Peer::new(&site, &[]).await;
    let settings = peer.until(|frame| frame.0 == SETTINGS && frame.1 & ACK == 0).await.3;
    let told = |id: u16| {
        let mut pairs = settings.chunks(6).filter(|pair| pair[..2] == id.to_be_bytes());
        pairs.next().map(|pair| u32::from_be_bytes(pair[2..].try_into().unwrap()))
    };
    let [streams, window, list] = [3, 4, 6].map(told);
    assert_eq!((streams, window, list), (Some(256), Some(65_536), Some(32_768)));
    for number in 0..257 {
        peer.assess(1 + 2 * number, &key).await;
    }
    let refused = peer.until(|frame| frame.0 == RESET).await;
    assert_eq!((refused.2, &*refused.3), (513, &[0, 0, 0, 7][..]), "the last one, and it may be tried again");
    until("all others wait", || site.callers.waiting() == 256).await;
}

#[tokio::test]
async fn a_header_list_beyond_the_limit_is_refused_in_json() {
    let site = Site::usual().await;
    let mut peer = Peer::new(&site, &[]).await;
    let long = "x".repeat(6_000);
    let headers = [("a", &*long), ("b", &*long), ("c", &*long)];
    peer.send(&head(1, END_STREAM, &block(("GET", "/health/livez"), &headers))).await;
    let (_, body) = peer.answer(1).await;
    assert!(body.contains("VALIDATION_ERROR") && body.contains("\"limit_bytes\":16384"), "{body}");
}

#[tokio::test]
async fn a_header_list_far_beyond_the_limit_is_refused_without_a_word() {
    let site = Site::usual().await;
    let mut peer = Peer::new(&site, &[]).await;
    let longer = "x".repeat(18_000);
    peer.send(&head(1, END_STREAM, &block(("GET", "/health/livez"), &[("a", &longer), ("b", &longer)])))
        .await;
    let refused = peer.until(|frame| frame.2 == 1).await;
    assert_eq!((refused.0, refused.1 & END_STREAM), (HEADERS, END_STREAM), "an answer that has no body");
    peer.get(3, "/health/livez").await;
    assert_eq!(peer.answer(3).await, (OK, "ok".to_owned()), "the connection goes on");
    // However much more there is, there is an end to it.
    let fields: Vec<_> = (0..100).map(|_| ("a", &*longer)).collect();
    peer.send(&head(5, END_STREAM, &block(("GET", "/health/livez"), &fields))).await;
    let ended = peer.rest().await;
    assert!(ended.iter().any(|frame| frame.farewell().is_some_and(|code| code != 0)), "{ended:?}");
    goes_on(&site).await;
}

#[tokio::test]
async fn a_client_is_told_the_status_of_a_header_list_far_beyond_the_limit() {
    let site = Site::usual().await;
    let io = hyper_util::rt::TokioIo::new(site.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driven = tokio::spawn(connection);
    let long = "x".repeat(4_000);
    let request = http::Request::get("http://x/health/livez");
    let request = (0..9).fold(request, |request, number| request.header(format!("a{number}"), &long));
    let body = http_body_util::Empty::<Bytes>::new();
    let response =
        timeout(PATIENCE, sender.send_request(request.body(body).unwrap())).await.unwrap().unwrap();
    assert_eq!((response.status().as_u16(), response.headers().len()), (431, 0));
    drop(sender);
    driven.await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_taken_back_at_once_end_the_connection() {
    let site = Site::usual().await;
    let mut peer = Peer::new(&site, &[]).await;
    let pair = |number: u32| {
        let head = head(1 + 2 * number, END_STREAM, &block(("GET", "/health/livez"), &[]));
        [head, frame(RESET, 0, 1 + 2 * number, &8_u32.to_be_bytes())].concat()
    };
    peer.send(&(0..1_000).flat_map(pair).collect::<Vec<_>>()).await;
    let farewell = peer.until(|frame| frame.0 == GOAWAY).await;
    assert_eq!(farewell.farewell(), Some(ENHANCE_YOUR_CALM));
    goes_on(&site).await;
}

#[tokio::test]
async fn requests_taken_back_one_by_one_end_the_connection() {
    let site = Site::usual().await;
    let bearer = format!("Bearer {}", site.server_key());
    let mut peer = Peer::new(&site, &[]).await;
    // Each is taken, for its ping is answered, and waits for its body.
    for number in 0..1_000 {
        let stream = 1 + 2 * number;
        let taken = head(stream, 0, &block(ASSESS, &[("authorization", &bearer)]));
        peer.send(&[taken, frame(PING, 0, 0, &[0; 8])].concat()).await;
        loop {
            match peer.next().await {
                Some(Frame(PING, ACK, ..)) => break,
                Some(_) => {}
                None => return goes_on(&site).await,
            }
        }
        peer.send(&frame(RESET, 0, stream, &8_u32.to_be_bytes())).await;
    }
    panic!("a thousand requests were taken back");
}

#[tokio::test]
async fn a_header_block_without_end_ends_the_connection() {
    let site = Site::usual().await;
    let mut peer = Peer::new(&site, &[]).await;
    let field = [&[0][..], &text("a"), &text("b")].concat();
    let more = frame(CONTINUATION, 0, 1, &field);
    peer.send(&[frame(HEADERS, END_STREAM, 1, &block(("GET", "/"), &[])), more.repeat(10_000)].concat())
        .await;
    let ended = peer.rest().await;
    assert!(ended.iter().any(|frame| frame.farewell() == Some(ENHANCE_YOUR_CALM)), "{ended:?}");
    goes_on(&site).await;
}

#[tokio::test]
async fn pings_and_settings_without_end_end_the_connection() {
    let site = Site::start(hurried(approve, |bounds| bounds.keep_alive = LONG)).await;
    for noise in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let mut peer = Peer::new(&site, &[]).await;
        peer.get(1, "/health/livez").await;
        assert_eq!(peer.answer(1).await.0, OK);
        let (mut reading, mut writing) = peer.0.into_split();
        let all = noise.repeat(200_000);
        let writes = async { drop(writing.write_all(&all).await) };
        let mut answers = Vec::new();
        let reads = async { drop(reading.read_to_end(&mut answers).await) };
        timeout(PATIENCE, async { tokio::join!(writes, reads) }).await.expect("it should have been closed");
        assert!(answers.len() < all.len(), "all of it was answered");
        goes_on(&site).await;
    }
}

#[tokio::test]
async fn a_window_that_is_never_opened_ends_the_connection() {
    let site = Site::start(hurried(approve, |bounds| {
        bounds.keep_alive = SHORT;
        bounds.header = 8 * SHORT;
    }))
    .await;
    let mut peer = Peer::new(&site, &[(4, 0)]).await;
    peer.get(1, "/metrics").await;
    let frames = peer.rest().await;
    assert!(frames.iter().any(|frame| frame.0 == HEADERS && frame.2 == 1), "{frames:?}");
    assert!(!frames.iter().any(|frame| frame.0 == DATA), "{frames:?}");
    goes_on(&site).await;
}

#[tokio::test]
async fn an_idle_connection_is_told_before_it_is_closed() {
    let site = Site::start(hurried(approve, |bounds| bounds.keep_alive = SHORT)).await;
    let mut peer = Peer::new(&site, &[]).await;
    peer.get(1, "/health/livez").await;
    assert_eq!(peer.answer(1).await.0, OK);
    let frames = peer.rest().await;
    let last = frames.iter().rev().find_map(|frame| Some((frame.farewell()?, &frame.3)));
    let (code, farewell) = last.expect("a farewell");
    assert_eq!(
        (code, &farewell[..4]),
        (0, &[0, 0, 0, 1][..]),
        "no fault, and the first request was the last"
    );
}

#[tokio::test]
async fn a_caller_that_vanished_is_found_out() {
    let site = Site::start(hurried(silent, |bounds| {
        bounds.assess = LONG;
        bounds.ping = [SHORT, SHORT];
    }))
    .await;
    let mut peer = Peer::new(&site, &[]).await;
    peer.assess(1, &site.server_key()).await;
    until("it waits", || site.callers.waiting() == 1).await;
    // It answers no ping.
    read_all(&mut peer.0).await;
}

#[tokio::test]
async fn a_drain_says_farewell_and_finishes_what_is_held() {
    let plan = Plan { auto_flush: false, ..hurried(approve, |bounds| bounds.drain = LONG) };
    let mut site = Site::start(plan).await;
    let key = site.server_key();
    let mut peer = Peer::new(&site, &[]).await;
    peer.assess(1, &key).await;
    until("the record waits", || !site.log.waiting().is_empty()).await;
    let served = site.stop();
    assert_eq!(peer.until(|frame| frame.0 == GOAWAY).await.farewell(), Some(0));
    assert!(!served.is_finished());
    site.log.flush_all();
    assert_eq!(peer.answer(1).await, (OK, r#"{"decision":"approve"}"#.to_owned()));
    peer.rest().await;
    timeout(PATIENCE, served).await.unwrap().unwrap();
}
