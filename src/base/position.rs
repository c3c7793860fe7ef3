//! Places in the log and the order of what is written there.

use std::fmt;
use std::str::FromStr;

/// The topics of one installation; each has the same number of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Topic {
    /// Everything that changes state.
    Requests = 0,
    /// Answers to requests.
    Decisions = 1,
    /// Domain events.
    Events = 2,
    /// What could not be understood or decided.
    DeadLetters = 3,
}

impl Topic {
    /// Every topic, in the order of their codes.
    pub const ALL: [Topic; 4] = [Topic::Requests, Topic::Decisions, Topic::Events, Topic::DeadLetters];
    /// The topics a shard writes, in the order of their codes.
    pub const OUTPUTS: [Topic; 3] = [Topic::Decisions, Topic::Events, Topic::DeadLetters];

    /// The topic's full name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Requests => "clausum.requests",
            Topic::Decisions => "clausum.decisions",
            Topic::Events => "clausum.events",
            Topic::DeadLetters => "clausum.dead_letters",
        }
    }

    /// The stored code of the topic.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The topic with a stored code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Topic> {
        match code {
            0 => Some(Topic::Requests),
            1 => Some(Topic::Decisions),
            2 => Some(Topic::Events),
            3 => Some(Topic::DeadLetters),
            _ => None,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A partition's number, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: Partition,
}

impl TopicPartition {
    /// A partition of a topic.
    #[must_use]
    pub const fn new(topic: Topic, partition: Partition) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A record's number in its partition. Offsets grow but are not dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The smallest offset behind this one.
    #[must_use]
    pub const fn next(self) -> Offset {
        Offset(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Partition and offset of a record in the requests topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The offset in it.
    pub offset: Offset,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let (partition, offset) = text.split_once(':').ok_or(BadPosition)?;
        Ok(Position {
            partition: Partition(number(partition)?.try_into().map_err(|_| BadPosition)?),
            offset: Offset(number(offset)?),
        })
    }
}

/// Names an output of a partition: the offset of the request it came from and its index among that
/// request's outputs on the same topic. Ordered as outputs are: two outputs of one request differ by
/// index only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// The request's offset.
    pub offset: Offset,
    /// From 0, per topic.
    pub index: u32,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.offset, self.index)
    }
}

impl FromStr for OutputRef {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let (offset, index) = text.split_once('/').ok_or(BadPosition)?;
        Ok(OutputRef {
            offset: Offset(number(offset)?),
            index: number(index)?.try_into().map_err(|_| BadPosition)?,
        })
    }
}

/// A text that names no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPosition;

impl fmt::Display for BadPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a position")
    }
}

impl std::error::Error for BadPosition {}

/// Digits only and no leading zero, so that a position has one spelling.
fn number(text: &str) -> Result<u64, BadPosition> {
    let canonical = text == "0" || !text.starts_with('0');
    if canonical && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().map_err(|_| BadPosition)
    } else {
        Err(BadPosition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        let output = OutputRef { offset: Offset(12), index: 3 };
        assert_eq!(output.to_string(), "12/3");
        assert_eq!("12/3".parse(), Ok(output));
        for bad in ["", "12", "/", "12/", "012/3", "+1/2", "1/2/3", "1:2", "99999999999999999999/0"] {
            assert_eq!(bad.parse::<OutputRef>(), Err(BadPosition), "{bad}");
        }
        let position = Position { partition: Partition(7), offset: Offset(0) };
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn outputs_order_by_index_within_a_request() {
        let at = |offset, index| OutputRef { offset: Offset(offset), index };
        assert!(at(5, 1) > at(5, 0) && at(6, 0) > at(5, 2));
    }
}
