//! How many files the process may have open: every connection is one.

/// Descriptors of the process itself: log, listener, runtime, what is written for a moment.
const OWN: u64 = 512;
/// Descriptors of the state of a partition, its store's own bound and a few more.
const OF_PARTITION: u64 = 130;

/// Raises the limit of open files to what the system allows, and tells how many connections fit in it: at
/// most `wanted`.
pub(super) fn room(wanted: usize, partitions: u16) -> usize {
    let limit = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be known");
            return wanted;
        }
    };
    let connections = fitting(limit, partitions, wanted);
    if connections < wanted {
        tracing::warn!(
            open_files = limit,
            connections,
            wanted,
            "the limit of open files allows fewer connections than the server takes: raise its hard limit \
             (ulimit -Hn, LimitNOFILE=)"
        );
    } else {
        tracing::info!(
            open_files = limit,
            connections,
            "the limit of open files was raised as far as it goes"
        );
    }
    connections
}

/// Connections that fit in a limit of open files; one at least, and half of a limit that is tiny.
fn fitting(limit: u64, partitions: u16, wanted: usize) -> usize {
    let kept = OWN + OF_PARTITION * u64::from(partitions);
    let left = limit.saturating_sub(kept).max(limit / 2).max(1);
    usize::try_from(left).unwrap_or(usize::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_everything_else() {
        for (limit, partitions, connections) in [
            (u64::MAX, 1_024, 16_384),
            (20_000, 4, 16_384),
            (17_416, 4, 16_384),
            (17_415, 4, 16_383),
            (20_000, 100, 10_000),
            (1_024, 4, 512),
            (0, 4, 1),
        ] {
            assert_eq!(fitting(limit, partitions, 16_384), connections, "{limit} {partitions}");
        }
    }
}
