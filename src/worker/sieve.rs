//! What the store of a shard may drop: rows that have expired by the clock of its checkpoint. That clock
//! only grows, and no shard goes on from a checkpoint before it, so nobody is left to whom they are there.

use crate::state::key::Kind;
use crate::state::retention::Retention;
use crate::store::Sieve;
use crate::worker::checkpoint::Meta;

/// The sieve of rows that are there as long as `retention` says.
#[must_use]
pub fn sieve(retention: Retention) -> Sieve {
    Sieve::new(move |checkpoint| {
        let clock = Meta::decode(checkpoint).ok().map(|meta| meta.core.clock);
        Box::new(move |key, value| {
            let known = clock.zip(Kind::of(key));
            // What cannot be read is damage, which whoever reads it is to find.
            known
                .is_some_and(|(clock, kind)| retention.is_stored_expired(kind, value, clock).unwrap_or(false))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Hash128;
    use crate::base::id::OrgId;
    use crate::base::time::Ms;
    use crate::shard::core::Core;
    use crate::state::key::{Key, Scope};
    use crate::state::row::Row;
    use crate::state::session::IdempotencyRow;

    #[test]
    fn the_clock_of_the_checkpoint_decides() {
        let row = IdempotencyRow {
            request: Hash128([1; 16]),
            session: Hash128([2; 16]),
            attempt: 1,
            decided_at: Ms(1_000),
        };
        let key = Key::Idempotency(OrgId::INSTALLATION, Scope::Payin, Hash128([3; 16])).encode();
        let value = Row::Idempotency(row).encode();
        let sieve = sieve(Retention::SHIPPED);
        let goes_at = |clock| {
            let core = Core { clock: Ms(clock), ..Core::default() };
            let checkpoint = Meta { core, outputs: [None; 3] }.encode();
            sieve.under(Some(&checkpoint))(&key, &value)
        };
        assert!(!goes_at(999 + Retention::SHIPPED.idempotency_ms));
        assert!(goes_at(1_000 + Retention::SHIPPED.idempotency_ms));
        assert!(!sieve.under(None)(&key, &value) && !sieve.under(Some(b"damaged"))(&key, &value));
        let late = Meta { core: Core { clock: Ms(i64::MAX), ..Core::default() }, outputs: [None; 3] };
        let drops = sieve.under(Some(&late.encode()));
        assert!(!drops(&key, b"damaged") && !drops(b"unknown", &value) && !drops(b"", b""));
    }
}
