//! One organization floods: it is turned away, the others are not.

use super::connections::{LONG, SHORT, hurried};
use super::*;

/// A body whose record the shard leaves without an answer.
const HELD: &str = r#"{"amount":1,"currency":"MXN"}"#;

fn holds_some(stored: &Stored) -> Option<(u16, String, bool)> {
    let content = Content::read(&stored.content).unwrap();
    let held = content.value.unwrap().starts_with(br#"{"amount":1,"#);
    if held { None } else { approve(stored) }
}

async fn flood(site: &Site, key: &str, calls: usize) -> Vec<TcpStream> {
    let bearer = format!("Bearer {key}");
    let mut streams = Vec::new();
    for _ in 0..calls {
        let mut stream = site.connect().await;
        stream.write_all(&request(ASSESS, &[("authorization", &bearer)], HELD.as_bytes())).await.unwrap();
        streams.push(stream);
    }
    streams
}

async fn is_shed(site: &Site, key: &str) {
    let answer = site.assess(key, BODY).await;
    assert_eq!((answer.status, &*answer.code()), (503, "SERVICE_UNAVAILABLE"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_organization_has_its_share_of_those_who_wait() {
    let mut plan = hurried(holds_some, |bounds| bounds.assess = LONG);
    plan.callers = [100, 5];
    let site = Site::start(plan).await;
    let [loud, quiet] = [site.server_key(), site.server_key()];
    let _held = flood(&site, &loud, 5).await;
    until("its share is taken", || site.callers.waiting() == 5).await;
    let records = site.records().len();
    is_shed(&site, &loud).await;
    assert_eq!(site.records().len(), records, "nothing of it was appended");
    for _ in 0..20 {
        assert_eq!(site.assess(&quiet, BODY).await.status, 200);
    }
}

#[tokio::test]
async fn whoever_hangs_up_keeps_his_place_until_his_time_is_up() {
    let mut plan = hurried(holds_some, |bounds| bounds.assess = 8 * SHORT);
    plan.callers = [100, 5];
    let site = Site::start(plan).await;
    let key = site.server_key();
    let gone = flood(&site, &key, 5).await;
    until("its share is taken", || site.callers.waiting() == 5).await;
    drop(gone);
    until("all are gone", || site.telemetry.render().contains("clausum_http_connections 0")).await;
    // What they asked for is in the log and still to be decided.
    is_shed(&site, &key).await;
    until("their time is up", || site.callers.waiting() == 0).await;
    assert_eq!(site.assess(&key, BODY).await.status, 200);
}

#[tokio::test]
async fn a_partition_that_is_behind_takes_nothing_and_the_others_do() {
    let mut plan = Plan::new(approve);
    plan.seen =
        |partition| Some(Seen { lag_ms: if partition == Partition(0) { 1_001 } else { 1_000 }, ..RUNNING });
    let site = Site::start(plan).await;
    let mut served = [0, 0];
    for _ in 0..12 {
        let mut home = 0;
        let key = site.key(KeyType::Server, |organization, _| {
            let id = organization.id.to_string();
            home = usize::from(crate::base::murmur2::partition_of(id.as_bytes(), PARTITIONS).0);
        });
        match home {
            0 => is_shed(&site, &key).await,
            _ => assert_eq!(site.assess(&key, BODY).await.status, 200),
        }
        served[home] += 1;
    }
    assert!(served.iter().all(|count| *count > 0), "{served:?}");
}
