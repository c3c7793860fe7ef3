//! Hears why brokers do not take a client in. The library goes on trying whatever happens, and whoever asks it
//! hears no more than that time is over; the reason comes on another way, which is this one.

use super::{complain, say};
use crate::log::LogError;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the first try of a question may take; each that follows, twice as long as the one before.
const FIRST_TRY: Duration = Duration::from_millis(500);
/// What the library wants to say is served in so many steps at once.
const SERVE_STEPS: usize = 32;
/// What the library calls its lines on connections that failed.
const FAILED_CONNECTION: &str = "FAIL";

/// What the brokers say of a topic, within `limit`. A client that is refused hears it at once, not when time is
/// over.
///
/// # Errors
/// No broker answers, or one refuses the client; with the reason, where there was one.
pub(super) fn metadata(
    consumer: &BaseConsumer<Hearing>,
    topic: &str,
    limit: Duration,
) -> Result<Metadata, LogError> {
    let mut left = limit;
    let mut next = FIRST_TRY;
    loop {
        let limit = next.min(left);
        let error = match consumer.fetch_metadata(Some(topic), limit) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        (0..SERVE_STEPS).for_each(|_| drop(consumer.poll(Duration::ZERO)));
        let hearing = consumer.context();
        if let Some(why) = hearing.refusal() {
            return Err(LogError::Unreachable(why));
        }
        left = left.saturating_sub(limit);
        next *= 2;
        if left.is_zero() {
            let why = hearing.reason().map_or_else(String::new, |why| format!("; {why}"));
            return Err(LogError::Unreachable(format!("{topic}: {error}{why}")));
        }
    }
}

/// What a client was told last.
#[derive(Debug, Default)]
pub(super) struct Hearing(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    /// Why waiting does not help.
    refused: Option<String>,
}

impl Hearing {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        let mut heard = self.heard();
        match code {
            // It says no more than what is known: that nobody answers.
            Some(RDKafkaErrorCode::AllBrokersDown) => {}
            Some(
                RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::UnsupportedSASLMechanism,
            ) => heard.refused = Some(reason.to_owned()),
            _ => heard.last = Some(reason.to_owned()),
        }
    }

    /// Why a broker refused the client; none where none did.
    pub(super) fn refusal(&self) -> Option<String> {
        self.heard().refused.clone()
    }

    /// What is known of why no broker answers.
    pub(super) fn reason(&self) -> Option<String> {
        let heard = self.heard();
        heard.refused.clone().or_else(|| heard.last.clone())
    }
}

impl ClientContext for Hearing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == FAILED_CONNECTION {
            self.note(None, &failed(message));
        }
        if !matches!(level, RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice) {
            say(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(error.rdkafka_error_code(), reason);
        complain(&error, reason);
    }
}

impl ConsumerContext for Hearing {}

/// Why a connection failed, without the thread that says so. A broker that hangs up on the first question expects
/// another protocol, most often.
fn failed(line: &str) -> String {
    let why = line.split_once("]: ").map_or(line, |(_, why)| why);
    let is_first = why.contains("APIVERSION_QUERY");
    format!("{why}{}", if is_first { "; is security.protocol what it listens for?" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_hangs_up_at_once_may_speak_another_protocol() {
        assert_eq!(
            failed("[thrd:a:1/1]: a:1/1: Disconnected (in state UP)"),
            "a:1/1: Disconnected (in state UP)"
        );
        let why = "a:1/1: Disconnected (in state APIVERSION_QUERY)";
        assert_eq!(failed(why), format!("{why}; is security.protocol what it listens for?"));
    }

    #[test]
    fn a_refusal_is_the_reason_whatever_else_is_said() {
        let hearing = Hearing::default();
        assert_eq!((hearing.refusal(), hearing.reason()), (None, None));
        hearing.note(Some(RDKafkaErrorCode::BrokerTransportFailure), "no connection");
        hearing.note(Some(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!((hearing.refusal(), hearing.reason()), (None, Some("no connection".to_owned())));
        hearing.note(Some(RDKafkaErrorCode::Authentication), "wrong password");
        hearing.note(Some(RDKafkaErrorCode::BrokerTransportFailure), "no connection");
        assert_eq!(hearing.refusal(), Some("wrong password".to_owned()));
        assert_eq!(hearing.reason(), hearing.refusal());
    }
}
