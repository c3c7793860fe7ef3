//! Traffic from a seed, and runs of it.

use super::answerer::{APPROVED, serve};
use super::*;
use crate::base::clock::{Clock, NoEntropy, SystemClock};
use crate::base::time::Ms;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
    for (seed, mix) in [(1, Mix::default()), (2, Mix::demo()), (3, Mix { lean: true, ..Mix::default() })] {
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

/// The machine's clock, which lets something go once a time has passed.
#[derive(Debug)]
struct Bell {
    begun: Duration,
    after: Duration,
    ring: Mutex<Option<Sender<()>>>,
}

impl Clock for Bell {
    fn now(&self) -> Ms {
        SystemClock.now()
    }

    fn elapsed(&self) -> Duration {
        let now = SystemClock.elapsed();
        if now >= self.begun + self.after {
            drop(self.ring.lock().unwrap().take());
        }
        now
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        SystemClock.entropy(bytes)
    }
}

fn run_against(url: &str, options: Options, clock: Arc<dyn Clock>) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let target = Target::new(url, "k", "/api/v1/assess").unwrap();
    let traffic = Traffic::new(1, 1, Mix::default()).unwrap();
    runtime.block_on(run(target, traffic, options, clock, Arc::default())).unwrap()
}

fn options(rate: u32, requests: u64) -> Options {
    let pace = Pace::Open { rate: NonZeroU32::new(rate).unwrap(), shape: Shape::Steady };
    let long = Duration::from_secs(3_600);
    let limit = Duration::from_secs(60);
    Options { pace, duration: long, requests: Some(requests), seed: 1, connections: 1, limit }
}

/// The reason for the open loop: one slow answer, and whoever counts from when requests were sent sees one.
#[test]
fn a_server_that_stalls_is_seen_stalling_by_all_that_were_due() {
    let stall = Duration::from_millis(500);
    let (ring, rung) = channel();
    let rung = Mutex::new(rung);
    let (url, _) = serve(move |number| {
        if number == 10 {
            // Until the bell is gone.
            assert!(rung.lock().unwrap().recv().is_err());
        }
        Some((200, APPROVED.to_owned()))
    });
    let bell = Bell { begun: SystemClock.elapsed(), after: stall, ring: Mutex::new(Some(ring)) };
    let bell = Arc::new(bell);
    // Some 250 of these are due while it stalls, and the others after it.
    let report = run_against(&url, options(500, 300), bell);
    assert_eq!((report.due, report.answered(), report.unanswered()), (300, 300, 0));
    let (corrected, service) = (report.latencies.unwrap(), report.service);
    assert!(
        corrected.quantile(0.5) > Duration::from_millis(150),
        "half of them: {:?}",
        corrected.quantile(0.5)
    );
    assert!(service.quantile(0.5) < corrected.quantile(0.5) / 2, "{:?}", service.quantile(0.5));
}

#[test]
fn requests_go_out_in_their_order_and_each_once() {
    let (url, accepted) = serve(|_| Some((200, APPROVED.to_owned())));
    let report =
        run_against(&url, Options { connections: 16, ..options(5_000, 1_000) }, Arc::new(SystemClock));
    assert_eq!((report.due, report.statuses.clone()), (1_000, [(200, 1_000)].into()));
    assert_eq!(report.seconds.iter().map(|second| second.answered).sum::<u64>(), 1_000);
    assert_eq!(report.seconds.iter().map(|second| second.due).sum::<u64>(), 1_000);
    assert_eq!(accepted.load(std::sync::atomic::Ordering::Relaxed), 16);
}

#[test]
fn a_run_that_is_stopped_ends_with_what_is_under_way() {
    let progress = Arc::new(Progress::default());
    let stopping = Arc::clone(&progress);
    let (url, _) = serve(move |number| {
        if number == 5 {
            stopping.stop();
        }
        Some((200, APPROVED.to_owned()))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let target = Target::new(&url, "k", "/api/v1/assess").unwrap();
    for pace in [options(100, 1).pace, Pace::Closed] {
        let traffic = Traffic::new(1, 1, Mix::default()).unwrap();
        let options = Options { pace, requests: None, ..options(100, 1) };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let run = run(target.clone(), traffic, options, clock, Arc::clone(&progress));
        let report = runtime.block_on(run).unwrap();
        assert!(report.due < 1_000, "an hour of them would be more: {}", report.due);
    }
}
