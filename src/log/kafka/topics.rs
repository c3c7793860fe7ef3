//! The topics: what they must be, and asking what they are.

use super::{Asker, Options, Quiet, not_made, settings};
use crate::base::limits;
use crate::base::position::Topic;
use crate::log::LogError;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::RDKafkaErrorCode;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

const STAMPS: &str = "message.timestamp.type";
const BY_BROKER: &str = "LogAppendTime";

fn wrong(topic: &str, what: impl Into<String>) -> LogError {
    LogError::WrongTopic { topic: topic.to_owned(), what: what.into() }
}

/// The partitions of every topic.
///
/// # Errors
/// A topic is missing, has another number than the others, or no broker answers.
pub(super) fn partitions(asker: &Asker, options: &Options) -> Result<u16, LogError> {
    let mut known: Option<(String, u16)> = None;
    for topic in Topic::ALL {
        let topic = options.topic(topic);
        let count = count(asker, &topic)?;
        match &known {
            None => known = Some((topic, count)),
            Some((_, same)) if *same == count => {}
            Some((other, theirs)) => {
                return Err(wrong(&topic, format!("it has {count} partitions, where {other} has {theirs}")));
            }
        }
    }
    Ok(known.map_or(0, |(_, count)| count))
}

/// The partitions of one topic.
pub(super) fn count(asker: &Asker, topic: &str) -> Result<u16, LogError> {
    let metadata = asker.metadata(topic)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or_else(|| wrong(topic, "it does not exist"))?;
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Err(wrong(topic, "it does not exist"));
        }
        Some(code) => return Err(LogError::Unreachable(format!("{topic}: {code}"))),
    }
    let count = u16::try_from(found.partitions().len()).ok();
    let count = count.filter(|count| (1..=limits::PARTITIONS).contains(count));
    count.ok_or_else(|| {
        let (count, most) = (found.partitions().len(), limits::PARTITIONS);
        wrong(topic, format!("it has {count} partitions, and may have 1 to {most}"))
    })
}

/// Refuses topics whose records carry a time of their senders'.
///
/// # Errors
/// A topic has the wrong setting, or no broker answers.
pub(super) fn check_stamps(options: &Options) -> Result<(), LogError> {
    for (topic, resource) in described(options)? {
        let stamps = resource.get(STAMPS).and_then(|entry| entry.value.clone()).unwrap_or_default();
        if stamps != BY_BROKER {
            return Err(wrong(&topic, format!("{STAMPS} is {stamps}, and must be {BY_BROKER}")));
        }
    }
    Ok(())
}

/// The settings of every topic.
fn described(options: &Options) -> Result<Vec<(String, ConfigResource)>, LogError> {
    let admin: AdminClient<Quiet> = settings::asker(options).create_with_context(Quiet).map_err(not_made)?;
    let names = Topic::ALL.map(|topic| options.topic(topic));
    let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let limit = AdminOptions::new().request_timeout(Some(options.answer()));
    let told = wait_for(admin.describe_configs(&asked, &limit));
    let told = told.map_err(|error| LogError::Unreachable(format!("settings of topics: {error}")))?;
    let named = names.into_iter().zip(told).map(|(name, told)| match told {
        Ok(resource) => Ok((name, resource)),
        Err(code) => Err(wrong(&name, format!("its settings cannot be read: {code}"))),
    });
    named.collect()
}

/// Waits for an answer of the library's, which comes from a thread of its own.
pub(super) fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
