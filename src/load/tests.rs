//! Traffic from a seed.

use super::*;
use std::collections::BTreeMap;

fn bodies(seed: u64, mix: &Mix, count: usize) -> Vec<Vec<u8>> {
    let mut traffic = Traffic::new(seed, 1, mix.clone()).unwrap();
    (0..count).map(|_| traffic.event().body).collect()
}

#[test]
fn the_same_seed_is_the_same_traffic() {
    let mix = Mix::default();
    assert_eq!(bodies(7, &mix, 500), bodies(7, &mix, 500));
    assert_ne!(bodies(7, &mix, 500), bodies(8, &mix, 500));
}

#[test]
fn every_payment_is_one_the_door_takes() {
    for (seed, mix) in [(1, Mix::default()), (2, Mix::demo())] {
        for body in bodies(seed, &mix, 2_000) {
            let text = String::from_utf8(body).unwrap();
            let request =
                crate::wire::assess::read(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert!(request.amount > 0, "{text}");
            assert!(request.phone.is_some_and(|phone| phone.valid), "{text}");
        }
    }
}

#[test]
fn there_are_many_payers_and_a_few_pay_often() {
    let mut by_email: BTreeMap<String, usize> = BTreeMap::new();
    for body in bodies(3, &Mix { suspicious_per_mille: 0, ..Mix::default() }, 20_000) {
        let request = crate::wire::assess::read(&body).unwrap();
        *by_email.entry(request.email.unwrap().text).or_default() += 1;
    }
    let most = by_email.values().max().copied().unwrap_or(0);
    assert!(by_email.len() > 4_000, "{} payers", by_email.len());
    assert!((200..4_000).contains(&most), "the most eager paid {most} times");
}

#[test]
fn a_few_are_suspicious_and_the_hot_ones_are_hot() {
    let mut traffic = Traffic::new(5, 1, Mix::demo()).unwrap();
    let events: Vec<_> = (0..6_000).map(|_| traffic.event()).collect();
    let hot =
        events.iter().filter(|event| String::from_utf8_lossy(&event.body).contains("hot.buyer")).count();
    assert!((400..600).contains(&hot), "{hot} of 6000 by hot e-mails");
    let fraud = events.iter().filter(|event| event.fraud.is_some()).count();
    assert!((800..1_200).contains(&fraud), "{fraud} of 6000 suspicious");
    assert_eq!(events.iter().map(|event| event.number).collect::<Vec<_>>(), (0..6_000).collect::<Vec<_>>());
}

#[test]
fn nobody_pays_without_payers() {
    assert!(Traffic::new(1, 1, Mix { payers: 0, ..Mix::default() }).is_err());
    assert!(Traffic::new(1, 1, Mix { skew: -1.0, ..Mix::default() }).is_err());
}
