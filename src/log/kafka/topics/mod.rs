//! What the topics must be, in one place: the log is opened, the topics are made, and they are checked by the
//! same table.
//!
//! Beside the log's own topics there are three that gateways and workers tell each other things on. They are
//! made and checked here like the others, and are no part of the log.

mod judge;
mod make;
mod seen;
#[cfg(test)]
mod tests;

pub use judge::{Fault, Kind, spans};
pub use make::{MakeError, make};
pub use seen::{BrokerSeen, Cluster, Found, PartitionSeen, TopicSeen};
pub(super) use seen::{look_at, partitions_of};

use super::settings::MESSAGE_BYTES;
use super::{Asker, Options};
use crate::base::position::Topic;
use crate::log::LogError;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// A topic of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of the log.
    Log(Topic),
    /// Answers on their way to the gateways whose callers wait for them.
    Replies,
    /// Questions to the owners of partitions.
    Queries,
    /// What every gateway must know, the newest of each key.
    Directory,
}

impl Role {
    /// Every one, the log's first.
    pub const ALL: [Role; 7] = [
        Role::Log(Topic::Requests),
        Role::Log(Topic::Decisions),
        Role::Log(Topic::Events),
        Role::Log(Topic::DeadLetters),
        Role::Replies,
        Role::Queries,
        Role::Directory,
    ];

    /// The topic's name, before which a prefix may stand.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Log(topic) => topic.name(),
            Role::Replies => "clausum.replies",
            Role::Queries => "clausum.queries",
            Role::Directory => "clausum.directory",
        }
    }
}

/// What is wished of the topics beside what they must be in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Their partitions; as many as they have, if nobody asked for a number.
    pub partitions: Option<u16>,
    /// Whether one broker is enough.
    pub single_node: bool,
    /// How long records of the log's topics are kept.
    pub retention: Duration,
}

impl Wish {
    /// Copies of each partition, the leader's included.
    #[must_use]
    pub const fn replicas(&self) -> usize {
        if self.single_node { 1 } else { 3 }
    }

    /// What any topic must be that the log is opened on.
    const fn least() -> Self {
        Self { partitions: None, single_node: true, retention: Duration::ZERO }
    }

    const fn in_sync(&self) -> i64 {
        if self.single_node { 1 } else { 2 }
    }
}

/// What a setting must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Is(&'static str),
    AtLeast(i64),
    /// At least so many milliseconds, or -1, which is for ever.
    Keeps(i64),
    /// Least and most, and what a topic is made with.
    Within(i64, i64, i64),
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    setting: &'static str,
    due: Due,
    /// The log is not even opened where it does not hold.
    opens: bool,
}

const fn rule(setting: &'static str, due: Due) -> Rule {
    Rule { setting, due, opens: false }
}

const MINUTE_MS: i64 = 60_000;

/// The table. Kafka keeps what a topic says of its own, and of what it does not say the brokers' defaults, which
/// anybody may change: so a topic is made with all of these.
fn rules(role: Role, wish: &Wish) -> Vec<Rule> {
    let bytes = i64::try_from(MESSAGE_BYTES).unwrap_or(i64::MAX);
    let opens = |rule: Rule| Rule { opens: true, ..rule };
    let mut rules = vec![
        // Time is the log's: a sender's own could be any.
        opens(rule("message.timestamp.type", Due::Is("LogAppendTime"))),
        // A leader that lacks what was acknowledged would take it back.
        opens(rule("unclean.leader.election.enable", Due::Is("false"))),
        rule("min.insync.replicas", Due::AtLeast(wish.in_sync())),
        rule("max.message.bytes", Due::AtLeast(bytes)),
        // What the sender compressed is kept as it came.
        rule("compression.type", Due::Is("producer")),
    ];
    match role {
        Role::Log(_) => rules.extend([
            // Of two records with one key, which is an organization's, a compacted topic keeps one.
            opens(rule("cleanup.policy", Due::Is("delete"))),
            rule("retention.ms", Due::Keeps(i64::try_from(wish.retention.as_millis()).unwrap_or(i64::MAX))),
            rule("retention.bytes", Due::Is("-1")),
        ]),
        // A segment that is written to is not deleted: it must be a short one.
        Role::Replies | Role::Queries => rules.extend([
            rule("cleanup.policy", Due::Is("delete")),
            rule("retention.ms", Due::Within(MINUTE_MS, 60 * MINUTE_MS, 10 * MINUTE_MS)),
            rule("segment.ms", Due::Within(1_000, 60 * MINUTE_MS, 5 * MINUTE_MS)),
        ]),
        Role::Directory => rules.push(rule("cleanup.policy", Due::Is("compact"))),
    }
    rules
}

/// A setting of the brokers, and what it must be: a topic that nobody made is a mistake.
const BROKERS: Rule = rule("auto.create.topics.enable", Due::Is("false"));

/// Whether the log can be opened on its topics, and the number of their partitions.
///
/// # Errors
/// A topic is missing, has another number than the others, a setting without which there is no log, or no broker
/// answers.
pub(super) fn open(asker: &Asker, options: &Options) -> Result<u16, LogError> {
    let roles = Topic::ALL.map(Role::Log);
    judge::opens(&look_at(asker, options, &roles)?)
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
