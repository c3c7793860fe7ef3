//! What kind of world a seed is: its size, its workers' options, and how often each fault befalls it.

use super::chance::Chance;
use super::keeping::Keeping;
use crate::wire::signature::{SigningKey, Trust};
use crate::worker::Options;

/// A world.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) partitions: u16,
    pub(super) workers: usize,
    pub(super) organizations: usize,
    /// Milliseconds that pass in a step at most.
    pub(super) step_ms: u64,
    /// Of a thousand requests so many come late.
    pub(super) late: u64,
    pub(super) bad: u64,
    pub(super) repeats: u64,
    pub(super) commands: u64,
    pub(super) probes: u64,
    /// Who is believed in the log.
    pub(super) trust: Trust,
    /// Records of one append at most.
    pub(super) batch: usize,
    pub(super) keeping: Keeping,
    pub(super) faults: Faults,
}

/// How often, in ten thousand steps.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    pub(super) crash: u64,
    pub(super) reassign: u64,
    pub(super) refuse_appends: u64,
    pub(super) refuse_reads: u64,
    pub(super) store_reads: u64,
    pub(super) disk: u64,
    pub(super) clock: u64,
    pub(super) gap: u64,
    pub(super) trim: u64,
    pub(super) sift: u64,
    pub(super) copy_folder: u64,
    pub(super) archive_writes: u64,
    pub(super) archive_cut: u64,
    /// Objects and manifests that are lost or decay.
    pub(super) rot: u64,
    /// Folders that are lost or damaged.
    pub(super) folder: u64,
    pub(super) land_copy: u64,
    pub(super) announce: u64,
    /// Of a thousand landings.
    pub(super) landing_fails: u64,
    pub(super) landing_lost: u64,
    pub(super) landing_torn: u64,
    pub(super) landing_copied: u64,
    /// Of a thousand commits.
    pub(super) commit: u64,
    pub(super) engine: u64,
}

impl Profile {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let calm = chance.one_in(12);
        let storm = chance.one_in(6);
        let mut rate = |most: u64| match chance.below(4) {
            _ if storm => most * 2,
            _ if calm => 0,
            0 => 0,
            1 => most.div_ceil(10),
            2 => most.div_ceil(3),
            _ => most,
        };
        let faults = Faults {
            crash: rate(60),
            reassign: rate(60),
            refuse_appends: rate(40),
            refuse_reads: rate(25),
            store_reads: rate(25),
            disk: rate(25),
            clock: rate(60),
            gap: rate(60),
            trim: rate(25),
            sift: rate(200),
            copy_folder: rate(30),
            archive_writes: rate(80),
            archive_cut: rate(25),
            rot: rate(25),
            folder: rate(25),
            land_copy: rate(200),
            announce: rate(40),
            landing_fails: rate(120),
            landing_lost: rate(12),
            landing_torn: rate(40),
            landing_copied: rate(100),
            commit: rate(200),
            engine: rate(8),
        };
        let step_ms = *chance.pick(&[2, 40, 400, 4_000]).unwrap_or(&40);
        Self {
            partitions: u16::try_from(chance.between(1, 3)).unwrap_or(1),
            workers: chance.size(1, 3),
            organizations: chance.size(1, 4),
            step_ms,
            late: *chance.pick(&[0, 30, 150, 500]).unwrap_or(&30),
            bad: *chance.pick(&[10, 60, 200]).unwrap_or(&60),
            repeats: *chance.pick(&[10, 80, 250]).unwrap_or(&80),
            commands: *chance.pick(&[5, 30, 100]).unwrap_or(&30),
            trust: if chance.one_in(2) { Trust::Everyone } else { Trust::Signed(SigningKey::new([7; 32])) },
            probes: *chance.pick(&[5, 40, 120]).unwrap_or(&40),
            batch: chance.size(1, 8),
            keeping: Keeping::draw(chance, step_ms),
            faults,
        }
    }
}

/// Options of a worker, drawn anew with each start.
pub(super) fn options(name: String, chance: &mut Chance) -> Options {
    Options {
        name,
        turn_records: *chance.pick(&[1, 2, 3, 8, 50, 1_024]).unwrap_or(&8),
        checkpoint_ms: *chance.pick(&[1, 200, 2_000, 30_000]).unwrap_or(&200),
        checkpoint_rows: *chance.pick(&[1, 20, 300, 200_000]).unwrap_or(&20),
        snapshot_ms: *chance.pick(&[20, 500, 10_000, 600_000]).unwrap_or(&500),
        snapshot_bytes: *chance.pick(&[1_000, 30_000, 1 << 30]).unwrap_or(&30_000),
        snapshot_again_ms: 300,
        snapshot_days: 30,
        archive_wait_ms: *chance.pick(&[1, 400, 5_000]).unwrap_or(&400),
        resident_rows: *chance.pick(&[0, 3, 30, 300, 1_000_000]).unwrap_or(&30),
        park_ms: 20_000,
        announce_again_ms: 100,
        announce_again_max_ms: 2_000,
    }
}
