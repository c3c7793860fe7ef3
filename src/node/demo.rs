//! `serve --demo`: seeded traffic through the server's own door, and its decisions for people to read.

use crate::base::clock::Clock;
use crate::base::currency::Currency;
use crate::base::money::major_text;
use crate::base::time::Ms;
use crate::http::{Answer, Client, SendError};
use crate::load::{Decided, Event, Mix, Traffic, answer};
use crate::node::config::time_of_day;
use bytes::Bytes;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const SEED: u64 = 1;
/// About five a second.
const GAP: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(5);

/// Sends traffic until it is dropped.
pub(super) async fn run(base_url: String, key: String, clock: Arc<dyn Clock>) {
    let run = u64::try_from(clock.now().0).unwrap_or(0);
    let client = match Client::new(&base_url, Some(&key), 2, LIMIT) {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no traffic: the server's own door cannot be reached"),
    };
    let mut traffic = match Traffic::new(SEED, run, Mix::demo()) {
        Ok(traffic) => traffic,
        Err(error) => return tracing::error!(%error, "no traffic"),
    };
    let mut beat = tokio::time::interval(GAP);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        beat.tick().await;
        let event = traffic.event();
        let body = Bytes::from(event.body.clone());
        let answer = client.post("/api/v1/assess", body).await;
        let line = line(clock.now(), &event, &answer);
        // Nobody may be reading; the traffic goes on.
        drop(writeln!(std::io::stderr().lock(), "{line}"));
    }
}

/// Time, decision, score, amount, signals.
fn line(now: Ms, event: &Event, answer: &Result<Answer, SendError>) -> String {
    let time = time_of_day(now);
    let amount = Currency::from_code(event.currency)
        .map_or_else(|| event.amount.to_string(), |currency| major_text(event.amount, currency));
    let paid = format!("{} {amount:>12}", event.currency);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return format!("{time}  no answer      {paid}  {error}"),
    };
    match Decided::read(&answer.body) {
        Some(decided) => {
            let signals =
                if decided.signals.is_empty() { "-".to_owned() } else { decided.signals.join(", ") };
            format!("{time}  {:<9} {:>3}  {paid}  {signals}", decided.decision.text(), decided.risk_score)
        }
        None => {
            let why = answer::refusal(&answer.body).unwrap_or_default();
            format!("{time}  HTTP {:<9} {paid}  {why}", answer.status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_decided() {
        let event = Event { number: 0, body: Vec::new(), amount: 123_450, currency: "MXN", fraud: None };
        let answer = |status, body: &str| {
            Ok(Answer { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) })
        };
        let at = Ms::parse_rfc3339("2026-05-29T18:30:00Z").unwrap();
        let decided = r#"{"decision":"challenge","risk_score":55,"signals":["high_velocity","disposable_email"],"blocked_by":null}"#;
        assert_eq!(
            line(at, &event, &answer(200, decided)),
            "18:30:00  challenge  55  MXN      1234.50  high_velocity, disposable_email"
        );
        let busy = r#"{"error":{"code":"SERVICE_UNAVAILABLE","message":"overloaded","details":{}}}"#;
        assert_eq!(
            line(at, &event, &answer(503, busy)),
            "18:30:00  HTTP 503       MXN      1234.50  SERVICE_UNAVAILABLE: overloaded"
        );
        assert_eq!(
            line(at, &event, &Err(SendError::Timeout)),
            "18:30:00  no answer      MXN      1234.50  no answer in time"
        );
    }
}
