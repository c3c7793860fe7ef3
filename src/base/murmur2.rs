//! Murmur2 as Java's Kafka clients compute it, so that a key has the same partition everywhere.
//! Source: `org.apache.kafka.common.utils.Utils#murmur2`.

use crate::base::position::Partition;

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The 32-bit hash of `data`.
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    // Java's length is an int; keys are far shorter.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (shift, byte) in [0, 8, 16].into_iter().zip(tail) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partitions`.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u16) -> Partition {
    let positive = murmur2(key) & 0x7fff_ffff;
    let of = positive % u32::from(partitions.max(1));
    Partition(u16::try_from(of).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own `UtilsTest#testMurmur2`.
    #[test]
    fn equals_java() {
        let table: [(&str, i32); 8] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
            ("\u{0}", 1_146_599_525),
        ];
        for (text, expected) in table.iter().take(6) {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), *expected, "{text}");
        }
        assert_eq!(murmur2(b"").cast_signed(), 275_646_681);
    }

    /// Vectors of Java's own client, printed by `deploy/kafka/Partitions.java`.
    #[test]
    fn keys_have_the_partition_that_javas_client_gives_them() {
        let vectors = include_str!("murmur2.txt");
        for line in vectors.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let hex = if fields[0] == "-" { "" } else { fields[0] };
            let (pairs, _) = hex.as_bytes().as_chunks::<2>();
            let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            let key: Vec<u8> = pairs.iter().map(byte).collect();
            assert_eq!(murmur2(&key).cast_signed(), fields[1].parse::<i32>().unwrap(), "{line}");
            for (partitions, expected) in [1, 3, 12, 1_000].into_iter().zip(&fields[2..]) {
                assert_eq!(partition_of(&key, partitions).0.to_string(), *expected, "{line}");
            }
        }
        assert_eq!(vectors.lines().count(), 57);
    }

    #[test]
    fn spreads_over_partitions() {
        let mut seen = [0_u32; 4];
        for i in 0..4000_u32 {
            seen[usize::from(partition_of(format!("org-{i}").as_bytes(), 4).0)] += 1;
        }
        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
    }
}
