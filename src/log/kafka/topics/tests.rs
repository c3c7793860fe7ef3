//! What is wrong with topics, told of clusters that nobody had to start.

use super::judge::opens;
use super::*;

const MONTH: Duration = Duration::from_hours(24 * 30);

fn wish(single_node: bool) -> Wish {
    Wish { partitions: Some(2), single_node, retention: MONTH }
}

/// A cluster whose topics are as they are made.
fn made(wish: &Wish) -> Cluster {
    let partition = |number| {
        let (replicas, in_sync) = (wish.replicas(), wish.replicas());
        PartitionSeen { number, leader: Some(1), replicas, in_sync }
    };
    let topic = |role: Role| {
        let settings = rules(role, wish).into_iter().map(|rule| (rule.setting.to_owned(), rule.due.made()));
        let found =
            Found::There { partitions: vec![partition(0), partition(1)], settings: settings.collect() };
        TopicSeen { role, name: role.name().to_owned(), found }
    };
    let settings = [("auto.create.topics.enable".to_owned(), "false".to_owned())].into();
    let broker = BrokerSeen { id: 1, address: "a:9092".to_owned(), settings };
    Cluster { brokers: vec![broker], topics: Role::ALL.map(topic).to_vec() }
}

fn seen<'a>(cluster: &'a mut Cluster, name: &str) -> &'a mut TopicSeen {
    cluster.topics.iter_mut().find(|topic| topic.name == format!("clausum.{name}")).unwrap()
}

fn set(cluster: &mut Cluster, name: &str, setting: &str, value: &str) {
    let Found::There { settings, .. } = &mut seen(cluster, name).found else { panic!("it is not there") };
    assert!(settings.insert(setting.to_owned(), value.to_owned()).is_some(), "{name} has no {setting}");
}

fn partitions<'a>(cluster: &'a mut Cluster, name: &str) -> &'a mut Vec<PartitionSeen> {
    let Found::There { partitions, .. } = &mut seen(cluster, name).found else { panic!("it is not there") };
    partitions
}

/// Everything that is wrong with topics on one broker once something was done to them.
fn told(change: impl FnOnce(&mut Cluster)) -> Vec<String> {
    let mut cluster = made(&wish(true));
    change(&mut cluster);
    cluster.faults(&wish(true)).iter().map(ToString::to_string).collect()
}

fn made_with(name: &str, single_node: bool) -> Vec<String> {
    let cluster = made(&wish(single_node));
    let topic = cluster.topics.iter().find(|topic| topic.name == name).unwrap();
    let Found::There { settings, .. } = &topic.found else { panic!("it is not there") };
    settings.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn topics_are_made_as_the_contract_says() {
    let requests = [
        "cleanup.policy=delete",
        "compression.type=producer",
        "max.message.bytes=4259840",
        "message.timestamp.type=LogAppendTime",
        "min.insync.replicas=2",
        "retention.bytes=-1",
        "retention.ms=2592000000",
        "unclean.leader.election.enable=false",
    ];
    for topic in ["requests", "decisions", "events", "dead_letters"] {
        assert_eq!(made_with(&format!("clausum.{topic}"), false), requests);
    }
    assert!(made_with("clausum.requests", true).contains(&"min.insync.replicas=1".to_owned()));
    for topic in ["clausum.replies", "clausum.queries"] {
        let made = made_with(topic, false);
        assert!(made.contains(&"retention.ms=600000".to_owned()), "{made:?}");
        assert!(made.contains(&"cleanup.policy=delete".to_owned()), "{made:?}");
    }
    assert!(made_with("clausum.directory", false).contains(&"cleanup.policy=compact".to_owned()));
    assert_eq!((wish(false).replicas(), wish(true).replicas()), (3, 1));
}

#[test]
fn what_is_made_is_right() {
    for single_node in [true, false] {
        assert_eq!(made(&wish(single_node)).faults(&wish(single_node)), []);
    }
    assert_eq!(made(&wish(false)).faults(&wish(true)), [], "more than is needed does no harm");
}

#[test]
fn every_setting_is_told_with_what_it_must_be() {
    let table = [
        ("requests", "message.timestamp.type", "CreateTime", "is CreateTime, and must be LogAppendTime"),
        ("replies", "message.timestamp.type", "CreateTime", "is CreateTime, and must be LogAppendTime"),
        ("decisions", "unclean.leader.election.enable", "true", "is true, and must be false"),
        ("events", "retention.ms", "2591999999", "is 2591999999, and must be at least 2592000000, or -1"),
        ("events", "retention.bytes", "1000", "is 1000, and must be -1"),
        ("requests", "cleanup.policy", "compact,delete", "is compact,delete, and must be delete"),
        ("directory", "cleanup.policy", "delete", "is delete, and must be compact"),
        ("dead_letters", "max.message.bytes", "1048588", "is 1048588, and must be at least 4259840"),
        ("queries", "retention.ms", "-1", "is -1, and must be from 60000 to 3600000"),
        ("queries", "segment.ms", "604800000", "is 604800000, and must be from 1000 to 3600000"),
        ("requests", "compression.type", "zstd", "is zstd, and must be producer"),
        ("requests", "min.insync.replicas", "2", "is 2, and there are 1 replicas"),
        ("requests", "min.insync.replicas", "0", "is 0, and must be at least 1"),
        ("requests", "max.message.bytes", "many", "is many, and must be at least 4259840"),
    ];
    for (topic, setting, value, what) in table {
        let told = told(|cluster| set(cluster, topic, setting, value));
        assert_eq!(told, [format!("clausum.{topic}: {setting} {what}")]);
    }
    for (topic, setting, value) in [
        ("requests", "retention.ms", "-1"),
        ("requests", "retention.ms", "2592000001"),
        ("requests", "max.message.bytes", "9999999"),
        ("replies", "retention.ms", "60000"),
    ] {
        assert_eq!(told(|cluster| set(cluster, topic, setting, value)), [""; 0], "{setting} {value}");
    }
}

#[test]
fn too_few_copies_are_told_unless_one_broker_is_enough() {
    let told: Vec<_> = made(&wish(true)).faults(&wish(false)).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 14, "{told:?}");
    assert_eq!(
        told[..2],
        [
            "clausum.requests: partitions 0-1 are kept in 1 replicas, and must be in at least 3",
            "clausum.requests: min.insync.replicas is 1, and must be at least 2",
        ]
    );
    let mut cluster = made(&wish(false));
    partitions(&mut cluster, "events")[1].replicas = 2;
    let told: Vec<_> = cluster.faults(&wish(false)).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["clausum.events: partition 1 is kept in 2 replicas, and must be in at least 3"]);
}

#[test]
fn the_number_of_partitions_is_the_same_and_the_one_asked_for() {
    let grown = |cluster: &mut Cluster| {
        let third = PartitionSeen { number: 2, ..partitions(cluster, "events")[1].clone() };
        partitions(cluster, "events").push(third);
    };
    assert_eq!(told(grown), ["clausum.events: it has 3 partitions, and 2 are asked for"]);
    let nobody_asked = Wish { partitions: None, ..wish(true) };
    let mut cluster = made(&nobody_asked);
    grown(&mut cluster);
    let faults = cluster.faults(&nobody_asked);
    assert_eq!(
        faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["clausum.events: it has 3 partitions, where clausum.requests has 2"]
    );
    let all = told(|cluster| {
        let one = partitions(cluster, "requests")[0].clone();
        *partitions(cluster, "requests") = vec![one; 1_025];
    });
    assert_eq!(all, ["clausum.requests: it has 1025 partitions, and may have 1 to 1024"]);
}

#[test]
fn everything_is_told_at_once_with_what_has_to_be_done() {
    let mut cluster = made(&wish(true));
    seen(&mut cluster, "decisions").found = Found::Missing;
    seen(&mut cluster, "events").found = Found::Hidden("Topic authorization failed".to_owned());
    set(&mut cluster, "requests", "retention.ms", "1");
    set(&mut cluster, "requests", "cleanup.policy", "compact");
    partitions(&mut cluster, "replies")[1].leader = None;
    let Found::There { settings, .. } = &mut seen(&mut cluster, "directory").found else { panic!() };
    settings.remove("compression.type");
    cluster.brokers[0].settings.insert("auto.create.topics.enable".to_owned(), "true".to_owned());
    let faults = cluster.faults(&wish(true));
    let told: Vec<_> = faults.iter().map(|fault| (fault.kind, fault.to_string())).collect();
    let due = [
        (Kind::Wrong, "clausum.requests: cleanup.policy is compact, and must be delete"),
        (Kind::Wrong, "clausum.requests: retention.ms is 1, and must be at least 2592000000, or -1"),
        (Kind::Missing, "clausum.decisions: does not exist"),
        (Kind::Wrong, "clausum.events: cannot be seen: Topic authorization failed"),
        (Kind::Brokers, "clausum.replies: partition 1 is led by no broker"),
        (Kind::Wrong, "clausum.directory: compression.type is not told, and must be producer"),
        (Kind::Brokers, "broker 1 (a:9092): auto.create.topics.enable is true, and must be false"),
    ];
    assert_eq!(told, due.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn the_log_is_opened_on_what_loses_nothing() {
    let of_log = |change: &dyn Fn(&mut Cluster)| {
        let mut cluster = made(&wish(true));
        cluster.topics.truncate(Topic::ALL.len());
        change(&mut cluster);
        opens(&cluster).map_err(|error| error.to_string())
    };
    assert_eq!(of_log(&|_| ()), Ok(2));
    assert_eq!(of_log(&|cluster| set(cluster, "requests", "retention.ms", "1")), Ok(2));
    for (setting, value, what) in [
        ("message.timestamp.type", "CreateTime", "is CreateTime, and must be LogAppendTime"),
        ("cleanup.policy", "compact", "is compact, and must be delete"),
        ("unclean.leader.election.enable", "true", "is true, and must be false"),
    ] {
        let told = of_log(&|cluster| set(cluster, "decisions", setting, value));
        assert_eq!(told, Err(format!("topic clausum.decisions: {setting} {what}")));
    }
    let told = of_log(&|cluster| partitions(cluster, "events").truncate(1));
    let due = "topic clausum.events: it has 1 partitions, where clausum.requests has 2";
    assert_eq!(told, Err(due.to_owned()));
}

#[test]
fn numbers_without_a_gap_are_taken_together() {
    assert_eq!(spans([]), None);
    for (numbers, text) in
        [(&[4][..], "4"), (&[0, 1, 2], "0-2"), (&[0, 2, 3, 4, 7], "0, 2-4, 7"), (&[1, 2, 2], "1-2, 2")]
    {
        assert_eq!(spans(numbers.iter().copied()), Some((text.to_owned(), numbers.len())));
    }
}
