//! How RocksDB is set: a machine of two cores, a flush every few seconds per partition, memory bounded for
//! all partitions together.

use crate::store::Sieve;
use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DataBlockIndexType, Error, LogLevel, WriteBufferManager,
};
use std::fmt;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Memory that all stores of a process share.
#[derive(Clone)]
pub struct Resources {
    cache: Cache,
    buffers: WriteBufferManager,
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources")
            .field("cache_bytes", &self.cache.get_usage())
            .field("buffer_bytes", &self.buffers.get_usage())
            .finish_non_exhaustive()
    }
}

impl Resources {
    /// At most `cache_bytes` of blocks, indexes and filters read, and about `buffer_bytes` of rows being
    /// written. Both are taken as they are needed, not at once.
    #[must_use]
    pub fn new(cache_bytes: usize, buffer_bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(cache_bytes);
        // Beyond it a store flushes; it never makes a writer wait, for the one it waits for could be itself.
        let buffers = WriteBufferManager::new_write_buffer_manager(buffer_bytes, false);
        Self { cache, buffers }
    }

    /// Bytes of blocks in the cache now.
    #[must_use]
    pub fn cache_usage(&self) -> usize {
        self.cache.get_usage()
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::new(32 * MIB, 64 * MIB)
    }
}

/// What differs between stores.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files of one store that are open at once.
    pub open_files: i32,
    /// Threads that flush and compact, of all stores together.
    pub background_threads: i32,
    /// Whether files are merged as they come; off only where a test wants to find every file.
    pub compact: bool,
    /// Which rows may be dropped where files are merged.
    pub sieve: Sieve,
    /// Seconds after which a file is merged though nothing was written to its keys, so that rows that may
    /// be dropped go also where nobody writes any more.
    pub sift_after_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open_files: 128,
            background_threads: 2,
            compact: true,
            sieve: Sieve::none(),
            sift_after_s: 86_400,
        }
    }
}

/// RocksDB's own options.
pub(super) fn database(resources: &Resources, options: &Options) -> Result<rocksdb::Options, Error> {
    let mut tuned = rocksdb::Options::default();
    // What no setter of the binding reaches. A memtable left by a failed flush must not become durable
    // behind our back: neither when the store is closed, nor when the disk has space again.
    tuned = tuned.get_options_from_string("avoid_flush_during_shutdown=true;max_bgerror_resume_count=0")?;
    tuned.set_paranoid_checks(true);
    tuned.set_write_buffer_manager(&resources.buffers);
    // A checkpoint is one memtable; this only bounds what a memtable takes at once.
    tuned.set_write_buffer_size(64 * MIB);
    tuned.set_arena_block_size(256 * KIB);
    tuned.set_max_write_buffer_number(2);

    tuned.set_max_open_files(options.open_files);
    tuned.set_max_file_opening_threads(1);
    tuned.set_max_background_jobs(options.background_threads);
    tuned.set_periodic_compaction_seconds(options.sift_after_s);
    tuned.set_disable_auto_compactions(!options.compact);
    // A flush every 5 s: four of them are merged into the next level, and a store that lags behind takes
    // many more before it slows its writer down.
    tuned.set_level_zero_file_num_compaction_trigger(4);
    tuned.set_level_zero_slowdown_writes_trigger(24);
    tuned.set_level_zero_stop_writes_trigger(48);
    tuned.set_level_compaction_dynamic_level_bytes(true);
    // As much as the four hold under load, so that merging them rewrites little else.
    tuned.set_max_bytes_for_level_base(256 * MIB as u64);
    tuned.set_target_file_size_base(32 * MIB as u64);
    tuned.set_compaction_readahead_size(MIB);
    tuned.set_bytes_per_sync(MIB as u64);
    tuned.set_compression_type(DBCompressionType::Lz4);
    tuned.set_bottommost_compression_type(DBCompressionType::Lz4);

    tuned.set_log_level(LogLevel::Warn);
    tuned.set_max_log_file_size(MIB);
    tuned.set_keep_log_file_num(3);
    tuned.set_stats_dump_period_sec(0);
    tuned.set_stats_persist_period_sec(0);
    tuned.set_max_manifest_file_size(4 * MIB);
    tuned.set_skip_stats_update_on_db_open(true);
    tuned.set_block_based_table_factory(&table(resources));
    Ok(tuned)
}

fn table(resources: &Resources) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    // The first version whose footer has a checksum.
    table.set_format_version(6);
    table.set_block_cache(&resources.cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_block_size(8 * KIB);
    table.set_bloom_filter(10.0, false);
    table.set_optimize_filters_for_memory(true);
    // Nearly all reads are of single keys.
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_data_block_hash_ratio(0.75);
    table
}
