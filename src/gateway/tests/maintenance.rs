//! Maintenance, as callers and probes see it.

use super::*;
use crate::base::murmur2::partition_of;
use crate::base::time::Ms;

const ON: DirectoryChange = DirectoryChange::Maintenance(Some(Ms(1)));
const OFF: DirectoryChange = DirectoryChange::Maintenance(None);

fn home() -> Partition {
    partition_of(OrgId::INSTALLATION.to_string().as_bytes(), PARTITIONS)
}

async fn assessed(site: &Site, key: &str) -> u16 {
    site.assess(key, BODY).await.status
}

#[tokio::test]
async fn while_it_is_on_nothing_is_decided_and_health_says_so() {
    let site = Site::usual().await;
    let key = site.server_key();
    let status = async || site.get("/api/v1/health").await.json()["status"].as_str().map(str::to_owned);
    assert_eq!((assessed(&site, &key).await, status().await.as_deref()), (200, Some("ok")));
    site.directory.changed(home(), ON);
    let answer = site.assess(&key, BODY).await;
    assert_eq!((answer.status, &*answer.code()), (503, "ASSESS_MAINTENANCE"));
    assert_eq!(site.records().len(), 1, "nothing was appended");
    assert_eq!(status().await.as_deref(), Some("maintenance"));
    let health = site.get("/api/v1/health").await;
    assert_eq!((health.status, site.get("/health/readyz").await.status), (200, 200));
    // Who may not call learns nothing of it.
    assert_eq!(assessed(&site, "clm_sk_xxx").await, 401);
    site.directory.changed(home(), OFF);
    assert_eq!((assessed(&site, &key).await, status().await.as_deref()), (200, Some("ok")));
}

#[tokio::test]
async fn until_it_is_known_nothing_is_decided() {
    fn opening(partition: Partition) -> Option<Seen> {
        let phase = if partition == home() { Phase::Opening } else { Phase::Running };
        Some(Seen { phase, ..RUNNING })
    }
    fn parked(partition: Partition) -> Option<Seen> {
        opening(partition).map(|seen| match seen.phase {
            Phase::Opening => Seen { phase: Phase::Parked, ..seen },
            Phase::Running | Phase::Poisoned | Phase::Parked | Phase::Left => seen,
        })
    }
    // The organization's own partition decides already.
    let elsewhere = |organization: &mut Organization, _: &mut ApiKey| {
        let ids = (1..=50).map(|number| OrgId::from_random([number; 16]));
        let away = |id: &OrgId| partition_of(id.to_string().as_bytes(), PARTITIONS) != home();
        organization.id = ids.into_iter().find(away).unwrap();
    };
    let site = Site::start(Plan { seen: opening, ..Plan::new(approve) }).await;
    let key = site.key(KeyType::Server, elsewhere);
    let answer = site.assess(&key, BODY).await;
    assert_eq!((answer.status, &*answer.code()), (503, "SERVICE_UNAVAILABLE"));
    // One that was given up for minutes keeps nobody waiting.
    let site = Site::start(Plan { seen: parked, ..Plan::new(approve) }).await;
    let key = site.key(KeyType::Server, elsewhere);
    assert_eq!(assessed(&site, &key).await, 200);
}

#[tokio::test]
async fn a_partition_that_begins_anew_does_not_end_it() {
    let site = Site::usual().await;
    site.directory.changed(home(), ON);
    // Its checkpoint is older.
    site.directory.opened(home(), vec![OFF]);
    let key = site.server_key();
    assert_eq!(site.assess(&key, BODY).await.code(), "ASSESS_MAINTENANCE");
}
