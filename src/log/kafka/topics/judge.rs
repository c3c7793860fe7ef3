//! From what the topics are to everything that is wrong with them. Pure: a cluster and a wish, and nothing else.

use super::{BROKERS, Cluster, Due, Found, PartitionSeen, Rule, TopicSeen, Wish, rules};
use crate::base::limits;
use crate::log::LogError;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// What has to be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The topic is to be made.
    Missing,
    /// The topic is to be changed, by hand.
    Wrong,
    /// A broker is to be set up otherwise, or to come back.
    Brokers,
    /// What is in the topic is to be begun, or is another installation's.
    Content,
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What has to be done.
    pub kind: Kind,
    /// The topic or the broker.
    pub place: String,
    /// The setting, by Kafka's name, if it is one.
    pub setting: Option<&'static str>,
    /// What it is, and what it must be.
    pub what: String,
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.setting {
            Some(setting) => write!(f, "{}: {setting} {}", self.place, self.what),
            None => write!(f, "{}: {}", self.place, self.what),
        }
    }
}

impl Cluster {
    /// Everything that is not as it must be, topic by topic and then broker by broker.
    #[must_use]
    pub fn faults(&self, wish: &Wish) -> Vec<Fault> {
        let topics = self.topics.iter().flat_map(|topic| self.of_topic(topic, wish));
        topics.chain(self.of_brokers()).collect()
    }

    fn of_topic(&self, topic: &TopicSeen, wish: &Wish) -> Vec<Fault> {
        let fault = |kind, setting, what| Fault { kind, place: topic.name.clone(), setting, what };
        let (partitions, settings) = match &topic.found {
            Found::Missing => return vec![fault(Kind::Missing, None, "does not exist".to_owned())],
            Found::Hidden(why) => return vec![fault(Kind::Wrong, None, format!("cannot be seen: {why}"))],
            Found::There { partitions, settings } => (partitions, settings),
        };
        let wrong = |what| fault(Kind::Wrong, None, what);
        let mut faults: Vec<_> = self.count(topic, wish.partitions).err().map(wrong).into_iter().collect();
        faults.extend(replicas(partitions, wish).map(wrong));
        let broken = rules(topic.role, wish).into_iter().filter_map(|rule| {
            let what = rule.broken(settings)?;
            Some(fault(Kind::Wrong, Some(rule.setting), what))
        });
        faults.extend(broken);
        faults.extend(
            too_many_in_sync(partitions, settings)
                .map(|(setting, what)| fault(Kind::Wrong, Some(setting), what)),
        );
        let led_by_none = numbers(partitions, |one| one.leader.is_none());
        faults
            .extend(led_by_none.map(|which| fault(Kind::Brokers, None, format!("{which} led by no broker"))));
        faults
    }

    fn of_brokers(&self) -> impl Iterator<Item = Fault> {
        self.brokers.iter().filter_map(|broker| {
            let place = format!("broker {} ({})", broker.id, broker.address);
            let what = BROKERS.broken(&broker.settings)?;
            Some(Fault { kind: Kind::Brokers, place, setting: Some(BROKERS.setting), what })
        })
    }

    /// The partitions of a topic that is there, if they are as many as were asked for, or as those of the first
    /// topic that is there.
    fn count(&self, topic: &TopicSeen, asked: Option<u16>) -> Result<u16, String> {
        let count = topic.partitions().len();
        let due = u16::try_from(count).ok().filter(|count| (1..=limits::PARTITIONS).contains(count));
        let most = limits::PARTITIONS;
        let due = due.ok_or_else(|| format!("it has {count} partitions, and may have 1 to {most}"))?;
        if let Some(asked) = asked.filter(|asked| *asked != due) {
            return Err(format!("it has {count} partitions, and {asked} are asked for"));
        }
        let first = self.topics.iter().find(|first| matches!(first.found, Found::There { .. }));
        match first.map(|first| (&first.name, first.partitions().len())) {
            Some((name, theirs)) if theirs != count => {
                Err(format!("it has {count} partitions, where {name} has {theirs}"))
            }
            _ => Ok(due),
        }
    }
}

/// Whether the log can be opened on these topics, and the number of their partitions.
pub(super) fn opens(cluster: &Cluster) -> Result<u16, LogError> {
    let mut known = 0;
    for topic in &cluster.topics {
        let wrong = |what: String| LogError::WrongTopic { topic: topic.name.clone(), what };
        match &topic.found {
            Found::Missing => return Err(wrong("it does not exist".to_owned())),
            Found::Hidden(why) => return Err(LogError::Unreachable(format!("{}: {why}", topic.name))),
            Found::There { .. } => known = cluster.count(topic, None).map_err(wrong)?,
        }
    }
    for topic in &cluster.topics {
        let Found::There { settings, .. } = &topic.found else { continue };
        let broken =
            rules(topic.role, &Wish::least()).into_iter().filter(|rule| rule.opens).filter_map(|rule| {
                let what = rule.broken(settings)?;
                Some(format!("{} {what}", rule.setting))
            });
        let broken: Vec<_> = broken.collect();
        if !broken.is_empty() {
            return Err(LogError::WrongTopic { topic: topic.name.clone(), what: broken.join("; ") });
        }
    }
    Ok(known)
}

impl Rule {
    /// What is wrong with the setting, if anything is.
    fn broken(&self, settings: &BTreeMap<String, String>) -> Option<String> {
        let Some(value) = settings.get(self.setting) else {
            return Some(format!("is not told, and must be {}", self.due));
        };
        let holds = match (self.due, value.parse::<i64>()) {
            (Due::Is(due), _) => value == due,
            (Due::Keeps(_), Ok(-1)) => true,
            (Due::AtLeast(least) | Due::Keeps(least), Ok(is)) => is >= least,
            (Due::Within(least, most, _), Ok(is)) => (least..=most).contains(&is),
            (Due::AtLeast(_) | Due::Keeps(_) | Due::Within(..), Err(_)) => false,
        };
        (!holds).then(|| format!("is {value}, and must be {}", self.due))
    }
}

impl Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Due::Is(due) => f.write_str(due),
            Due::AtLeast(least) => write!(f, "at least {least}"),
            Due::Keeps(least) => write!(f, "at least {least}, or -1"),
            Due::Within(least, most, _) => write!(f, "from {least} to {most}"),
        }
    }
}

fn replicas(partitions: &[PartitionSeen], wish: &Wish) -> Option<String> {
    let due = wish.replicas();
    let which = numbers(partitions, |one| one.replicas < due)?;
    let fewest = partitions.iter().map(|one| one.replicas).min().unwrap_or_default();
    Some(format!("{which} kept in {fewest} replicas, and must be in at least {due}"))
}

/// More than there are can never be in sync, and nothing could be appended.
fn too_many_in_sync(
    partitions: &[PartitionSeen],
    settings: &BTreeMap<String, String>,
) -> Option<(&'static str, String)> {
    const SETTING: &str = "min.insync.replicas";
    let value: usize = settings.get(SETTING)?.parse().ok()?;
    let fewest = partitions.iter().map(|one| one.replicas).min()?;
    (value > fewest).then(|| (SETTING, format!("is {value}, and there are {fewest} replicas")))
}

/// Those partitions of which something is true, as the beginning of a sentence; none if there are none.
fn numbers(partitions: &[PartitionSeen], is: impl Fn(&PartitionSeen) -> bool) -> Option<String> {
    let numbers = partitions.iter().filter(|one| is(one)).map(|one| one.number);
    spans(numbers).map(|(spans, count)| match count {
        1 => format!("partition {spans} is"),
        _ => format!("partitions {spans} are"),
    })
}

/// Growing numbers, those without a gap taken together, and how many they are: `0-3, 7`.
#[must_use]
pub fn spans(numbers: impl IntoIterator<Item = i32>) -> Option<(String, usize)> {
    let mut spans: Vec<(i32, i32)> = Vec::new();
    let mut count = 0;
    for number in numbers {
        count += 1;
        match spans.last_mut() {
            Some((_, last)) if i64::from(*last) + 1 == i64::from(number) => *last = number,
            _ => spans.push((number, number)),
        }
    }
    let texts = spans.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    (count > 0).then(|| (texts.collect::<Vec<_>>().join(", "), count))
}
