//! Who is in the group of the workers, as the brokers tell it to anybody who asks.

use super::{Asker, Options, settings};
use crate::base::position::Partition;
use crate::log::LogError;
use rdkafka::consumer::Consumer;
use std::sync::Arc;

/// What stands between a member's name and what it says of itself.
const SAYS: char = ';';

/// A member of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSeen {
    /// Its machine, as the brokers see it.
    pub host: String,
    /// What it says of itself ([`Options::says`]); nothing, if it is a stranger.
    pub says: String,
    /// The partitions it has.
    pub partitions: Vec<Partition>,
}

/// How a member is called, so that whoever asks for the group hears what it says.
pub(super) fn client_id(options: &Options) -> String {
    let own = options.properties.get("client.id").map_or("clausum", String::as_str);
    format!("{own}{SAYS}{}", options.says)
}

/// Every member; none of a group that nobody is in.
///
/// # Errors
/// A property that may not be set or is none, or no broker answers.
pub fn members(options: &Options) -> Result<Vec<MemberSeen>, LogError> {
    settings::check(options)?;
    let options = Arc::new(options.clone());
    let asker = Asker::new(&options)?;
    let listed = asker.consumer.fetch_group_list(Some(&options.group), options.answer());
    let listed =
        listed.map_err(|error| LogError::Unreachable(format!("group {}: {error}", options.group)))?;
    let group = listed.groups().iter().find(|group| group.name() == options.group);
    let members = group.map(|group| group.members()).unwrap_or_default().iter().map(|member| MemberSeen {
        host: member.client_host().trim_start_matches('/').to_owned(),
        says: member.client_id().split_once(SAYS).map_or("", |(_, says)| says).to_owned(),
        partitions: assigned(member.assignment().unwrap_or_default()).unwrap_or_default(),
    });
    let mut members: Vec<_> = members.collect();
    members.sort_by(|one, other| (&one.partitions, &one.host).cmp(&(&other.partitions, &other.host)));
    Ok(members)
}

/// The partitions of an assignment, in the form of Kafka's consumer protocol: version (i16), topics, each with its
/// name (i16 and bytes) and its partitions (each i32); lengths of lists are i32. Members subscribe to one topic.
fn assigned(bytes: &[u8]) -> Option<Vec<Partition>> {
    let mut rest = Rest(bytes);
    rest.take::<2>()?;
    let mut partitions = Vec::new();
    for _ in 0..rest.count()? {
        let name = i16::from_be_bytes(rest.take()?);
        rest.skip(usize::try_from(name).ok()?)?;
        for _ in 0..rest.count()? {
            partitions.push(Partition(i32::from_be_bytes(rest.take()?).try_into().ok()?));
        }
    }
    partitions.sort_unstable();
    Some(partitions)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    fn count(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take()?)).filter(|count| *count >= 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_far_as_it_is_one() {
        let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, 3, b'a', b'.', b'b', 0, 0, 0, 2, 0, 0, 0, 11, 0, 0, 0, 4];
        bytes.extend([0, 0, 0, 0]);
        assert_eq!(assigned(&bytes), Some(vec![Partition(4), Partition(11)]));
        assert_eq!(assigned(&[0, 1, 0, 0, 0, 0]), Some(vec![]), "nothing yet");
        for end in 0..23 {
            assert_eq!(assigned(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn a_member_says_what_it_is_beside_its_name() {
        let mut options = Options::new("127.0.0.1:1".to_owned());
        options.says = "engines=1,2".to_owned();
        assert_eq!(client_id(&options), "clausum;engines=1,2");
        options.properties.insert("client.id".to_owned(), "fraud-7".to_owned());
        assert_eq!(client_id(&options), "fraud-7;engines=1,2");
    }
}
