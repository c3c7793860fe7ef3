//! What a value of the configuration may be: each kind of value is read here, or told what it must be.

use crate::node::raw::Given;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) fn text(given: &Given) -> Result<String, String> {
    match given {
        Given::Word(text) | Given::Text(text) if !text.trim().is_empty() => Ok(text.clone()),
        Given::Word(_) | Given::Text(_) => Err("must not be empty".to_owned()),
        Given::Integer(_) => Err("must be a string, not a number".to_owned()),
        Given::List(_) => Err("must be a string, not a list".to_owned()),
        Given::Bool(_) => Err("must be a string, not true or false".to_owned()),
        Given::Other(noun) => Err(format!("must be a string, not {noun}")),
    }
}

/// A value of librdkafka's, which are all text there.
pub(super) fn scalar(given: &Given) -> Result<String, String> {
    match given {
        Given::Integer(text) => Ok(text.clone()),
        Given::Bool(value) => Ok(value.to_string()),
        Given::Word(text) | Given::Text(text) => Ok(text.clone()),
        Given::List(_) | Given::Other(_) => Err("must be a string, a whole number, true or false".to_owned()),
    }
}

/// Brokers, each with its port: the library would guess one.
pub(super) fn bootstrap(given: &Given) -> Result<String, String> {
    let text = text(given)?;
    let is_broker = |broker: &str| {
        let parts = broker.trim().rsplit_once(':');
        parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    if text.split(',').all(is_broker) {
        Ok(text)
    } else {
        Err("must be HOST:PORT, with commas between".to_owned())
    }
}

/// What may stand before a topic's name: topics are named with letters, digits, dots, underscores and hyphens.
pub(super) fn topic_prefix(given: &Given) -> Result<String, String> {
    const CHARS: usize = 200;
    let text = text(given)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.len() <= CHARS && text.chars().all(fits) {
        return Ok(text);
    }
    Err(format!("must be up to {CHARS} letters, digits, dots, underscores and hyphens"))
}

pub(super) fn flag(given: &Given) -> Result<bool, String> {
    let due = || "must be true or false".to_owned();
    match given {
        Given::Bool(value) => Ok(*value),
        Given::Word(text) => text.parse().map_err(|_| due()),
        Given::Text(_) | Given::Integer(_) | Given::List(_) | Given::Other(_) => Err(due()),
    }
}

pub(super) fn number(given: &Given, least: u64, most: u64) -> Result<u64, String> {
    let due = || format!("must be a whole number from {least} to {most}");
    let text = match given {
        Given::Word(text) | Given::Integer(text) => text,
        Given::Text(_) | Given::Bool(_) | Given::List(_) | Given::Other(_) => return Err(due()),
    };
    let value: u64 = text.parse().map_err(|_| due())?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(due()) }
}

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn length(given: &Given, least: Duration, most: Duration) -> Result<Duration, String> {
    let length = duration(&text(given)?)?;
    if (least..=most).contains(&length) {
        return Ok(length);
    }
    Err(format!("must be from {} s to {} s", least.as_secs(), most.as_secs()))
}

pub(super) fn archive(given: &Given) -> Result<String, String> {
    let url = text(given)?;
    let folder = url.strip_prefix("file://").is_some_and(|path| path.starts_with('/'));
    let bucket =
        url.strip_prefix("s3://").is_some_and(|bucket| !bucket.is_empty() && !bucket.starts_with('/'));
    if folder || bucket { Ok(url) } else { Err("must be file:///… or s3://…".to_owned()) }
}

/// From a minute, so that a slip of the unit cannot take a log away, to ten years.
pub(super) fn log_retention(given: &Given) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_mins(1);
    const MOST: Duration = Duration::from_hours(24 * 3_650);
    let length = duration(&text(given)?)?;
    if !(LEAST..=MOST).contains(&length) {
        return Err("must be a length of time from 1m to 3650d".to_owned());
    }
    Ok(length)
}

pub(super) fn listen(given: &Given) -> Result<SocketAddr, String> {
    text(given)?.parse().map_err(|_| "must be an address with a port, such as 127.0.0.1:8080".to_owned())
}

/// Host names without ports, in lower case.
pub(super) fn hosts(given: &Given) -> Result<Vec<String>, String> {
    let due = || "must be a list of host names without ports, such as [\"api.example.com\"]".to_owned();
    let names: Vec<&str> = match given {
        Given::Word(text) if text.trim().is_empty() => Vec::new(),
        Given::Word(text) => text.split(',').collect(),
        Given::List(names) => names.iter().map(String::as_str).collect(),
        Given::Text(_) | Given::Integer(_) | Given::Bool(_) | Given::Other(_) => return Err(due()),
    };
    let read = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let valid = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !name.is_empty() && name.bytes().all(plain),
        };
        valid.then(|| name.strip_suffix('.').map(str::to_owned).unwrap_or(name)).ok_or_else(due)
    };
    names.into_iter().map(read).collect()
}

pub(super) fn base_url(given: &Given) -> Result<String, String> {
    let url = text(given)?;
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !url.contains(char::is_whitespace) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http:// or https:// URL".to_owned()),
    }
}

/// A length of time as it is written by hand: `250ms`, `30s`, `5m`, `1h`, `30d`.
///
/// # Errors
/// It is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let due = || format!("`{text}` is no length of time such as 250ms, 30s, 5m, 1h or 30d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(due)?;
    let (count, unit) = text.split_at(split);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(due()),
    };
    let ms = count.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_ms)).ok_or_else(due)?;
    Ok(Duration::from_millis(ms))
}
