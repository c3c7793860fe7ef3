//! The head of an HTTP/1.1 answer, as far as a generator must know it: status, length, and whether the
//! connection goes on. Anything a server of ours never sends is no answer.

use std::ops::Range;

/// Bytes of a head.
pub(super) const HEAD_BYTES: usize = 16 << 10;
/// Bytes of a body; every answer of the product is far below.
pub(super) const BODY_BYTES: usize = 4 << 20;

/// An answer whose head has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Where its body stands, counted from the first byte of the head.
    pub(super) body: Range<usize>,
    /// Whether the server closes the connection behind it.
    pub(super) closes: bool,
}

/// What is wrong with an answer.
pub(super) type Wrong = &'static str;

impl Head {
    /// Reads the head of what came so far; none if it has not come whole.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Wrong> {
        let window = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if window.len() < HEAD_BYTES { Ok(None) } else { Err("its head is too long") };
        };
        let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default());
        let mut lines = head.map_err(|_| "its head is no text")?.split("\r\n");
        let status = status(lines.next().unwrap_or_default()).ok_or("it is no HTTP/1.1")?;
        let (mut length, mut closes) = (None, false);
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse::<usize>().map_err(|_| "its length is no number")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err("its body comes in chunks");
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
            }
        }
        let length = match (length, status) {
            (Some(length), _) => length,
            (None, 204 | 304) => 0,
            (None, _) => return Err("it does not tell its length"),
        };
        if length > BODY_BYTES {
            return Err("its body is too long");
        }
        Ok(Some(Self { status, body: end + 4..end + 4 + length, closes }))
    }
}

fn status(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("HTTP/1.1 ")?.split(' ');
    // What is not final is only sent to who asked for it.
    words.next()?.parse().ok().filter(|status| (200..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";

    #[test]
    fn an_answer_is_read_once_its_head_is_there() {
        let end = OK.find("{}").unwrap();
        for cut in 0..end {
            assert_eq!(Head::read(&OK.as_bytes()[..cut]), Ok(None), "{cut}");
        }
        let head = Head { status: 200, body: end..end + 2, closes: false };
        assert_eq!(Head::read(&OK.as_bytes()[..end]), Ok(Some(head.clone())));
        assert_eq!(Head::read(OK.as_bytes()), Ok(Some(head)));
    }

    #[test]
    fn a_server_may_close_behind_it() {
        let closes = |text: &str| Head::read(text.as_bytes()).unwrap().unwrap().closes;
        assert!(closes("HTTP/1.1 503 x\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n"));
        assert!(!closes("HTTP/1.1 503 x\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"));
    }

    #[test]
    fn what_is_no_answer_of_ours_is_told() {
        let table = [
            ("HTTP/1.0 200 OK\r\n\r\n", "it is no HTTP/1.1"),
            ("HTTP/1.1 100 Continue\r\n\r\n", "it is no HTTP/1.1"),
            ("SSH-2.0\r\n\r\n", "it is no HTTP/1.1"),
            ("HTTP/1.1 200 OK\r\n\r\n", "it does not tell its length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "its length is no number"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", "its body is too long"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "its body comes in chunks"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a header without a colon"),
        ];
        for (text, wrong) in table {
            assert_eq!(Head::read(text.as_bytes()), Err(wrong), "{text}");
        }
        assert_eq!(Head::read(&[b'x'; HEAD_BYTES]), Err("its head is too long"));
        assert_eq!(Head::read("HTTP/1.1 204 x\r\n\r\n".as_bytes()).unwrap().unwrap().body.len(), 0);
    }
}
