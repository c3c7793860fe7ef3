//! Every metric, declared once: name, kind, unit, help and labels. What counts refers to a variant, the
//! exposition and the reference page are made from the same table.

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution over fixed buckets.
    Histogram,
}

impl Kind {
    /// As the exposition says it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($variant:ident: $kind:ident $name:literal [$($label:literal)*] $unit:literal $help:literal;)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the help says it")]
        pub enum Metric { $($variant,)* }

        impl Metric {
            /// Every metric.
            pub const ALL: &[Metric] = &[$(Metric::$variant,)*];

            /// Its full name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Metric::$variant => concat!("clausum_", $name),)* }
            }

            /// What it is to Prometheus.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Metric::$variant => Kind::$kind,)* }
            }

            /// The names of its labels.
            #[must_use]
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Metric::$variant => &[$($label,)*],)* }
            }

            /// What one is of.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Metric::$variant => $unit,)* }
            }

            /// For a person.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Metric::$variant => $help,)* }
            }
        }
    };
}

metrics! {
    AssessDuration: Histogram "assess_duration_seconds" [] "seconds"
        "From the last byte of an assess request to its answer";
    BuildInfo: Gauge "build_info" ["version" "build"] "1"
        "Always 1; the labels name the build";
    CheckpointAge: Gauge "checkpoint_age_seconds" [] "seconds"
        "Largest age of a partition's newest checkpoint";
    CheckpointBytes: Gauge "checkpoint_bytes" [] "bytes"
        "What the last checkpoint wrote";
    CheckpointDuration: Histogram "checkpoint_duration_seconds" [] "seconds"
        "Time to make a checkpoint durable";
    ConsumerLagRecords: Gauge "consumer_lag_records" ["partition"] "records"
        "Durable and not yet applied";
    ConsumerLagSeconds: Gauge "consumer_lag_seconds" ["partition"] "seconds"
        "Age of the oldest record not yet applied";
    DeadLetters: Counter "dead_letters_total" ["reason"] "records"
        "Records that could not be understood or decided";
    DecisionDuration: Histogram "decision_duration_seconds" [] "seconds"
        "Share of a record in the time of its turn";
    Decisions: Counter "decisions_total" ["flow" "decision"] "decisions"
        "Payments decided";
    DecisionsRepeated: Counter "decisions_repeated_total" [] "decisions"
        "Stored answers that were sent again";
    HttpConnections: Gauge "http_connections" [] "connections"
        "Connections open";
    HttpHandshakesFailed: Counter "http_handshakes_failed_total" [] "connections"
        "Connections that ended before their TLS handshake did";
    HttpWaiting: Gauge "http_waiting" [] "requests"
        "Callers that wait for their decision";
    KafkaAppendOldest: Gauge "kafka_append_oldest_seconds" [] "seconds"
        "Age of the oldest append that no broker acknowledged, to a second";
    KafkaAppendStalled: Gauge "kafka_append_stalled" [] "1"
        "1 while the oldest append waits for longer than ten seconds";
    KafkaAppendStalls: Counter "kafka_append_stalls_total" [] "stalls"
        "Times that the oldest append began to wait for longer than ten seconds";
    KafkaAppendRecords: Gauge "kafka_append_waiting" [] "records"
        "Records handed to the producer and not acknowledged";
    KafkaAppendBytes: Gauge "kafka_append_waiting_bytes" [] "bytes"
        "Bytes handed to the producer and not acknowledged";
    KafkaBrokers: Gauge "kafka_brokers" ["state"] "brokers"
        "Brokers known: with a connection, needed and without one, not needed now";
    KafkaDisconnects: Counter "kafka_disconnects_total" ["client"] "connections"
        "Connections to brokers that ended, by whomever";
    KafkaGroupJoined: Gauge "kafka_group_joined" [] "1"
        "1 while this worker is a member of the group and no rebalance is going on";
    KafkaGroupPartitions: Gauge "kafka_group_partitions" [] "partitions"
        "Partitions that the group assigned to this worker";
    KafkaGroupRebalances: Counter "kafka_group_rebalances_total" [] "rebalances"
        "Times that the group gave partitions to this worker or took them";
    KafkaRequestErrors: Counter "kafka_request_errors_total" ["client"] "requests"
        "Requests that could not be sent to a broker, and answers that could not be read";
    KafkaRequestRetries: Counter "kafka_request_retries_total" ["client"] "requests"
        "Requests sent to a broker again";
    KafkaRequestTimeouts: Counter "kafka_request_timeouts_total" ["client"] "requests"
        "Requests that a broker did not answer in time";
    KafkaRequests: Counter "kafka_requests_total" ["client"] "requests"
        "Requests sent to brokers";
    KafkaRoundTrip: Gauge "kafka_round_trip_seconds" ["client" "quantile"] "seconds"
        "From a request to its answer over the last second, of the slowest broker, 0 without any; a reader's request waits at the broker for records";
    KafkaThrottle: Gauge "kafka_throttle_seconds" ["client"] "seconds"
        "Longest that a broker made a client wait, over the last second";
    LogAppendDuration: Histogram "log_append_duration_seconds" [] "seconds"
        "From handing a record to the log until it is durable";
    LogBytes: Gauge "log_bytes" [] "bytes"
        "What the log takes on its disk";
    LogDamaged: Gauge "log_damaged_segments" [] "segments"
        "Sealed segments of the log that were found damaged";
    LogHeld: Gauge "log_held" ["by"] "1"
        "1 for what keeps the oldest part of the log from being trimmed, 0 for all else";
    LogOldest: Gauge "log_oldest_seconds" [] "seconds"
        "Age of the oldest record of the log";
    LogReadersOverrun: Counter "log_readers_overrun_total" [] "readers"
        "Readers of the log that lost records which they had not read, for the log was too large";
    LogScrubbed: Counter "log_scrubbed_bytes_total" [] "bytes"
        "Sealed segments of the log read against their checksums";
    LogTrimmed: Counter "log_trimmed_segments_total" [] "segments"
        "Segments trimmed from the log";
    Rejected: Counter "rejected_total" ["reason"] "requests"
        "Requests refused, at the gateway or by a shard";
    Requests: Counter "requests_total" ["route" "status"] "requests"
        "HTTP requests answered";
    Restores: Counter "restores_total" [] "partitions"
        "Partitions opened from a snapshot, their state here being lost, damaged or older";
    RuleErrors: Counter "rule_errors_total" [] "conditions"
        "Conditions that ended in an error";
    ShardPoisoned: Counter "shard_poisoned_total" [] "shards"
        "Shards closed to be opened again from their last checkpoint";
    SignalsFired: Counter "signals_fired_total" ["code"] "signals"
        "Signals fired; those of an organization's own pack count as own";
    SnapshotAge: Gauge "snapshot_age_seconds" [] "seconds"
        "Largest age of a partition's newest snapshot";
    SnapshotBytes: Gauge "snapshot_bytes" [] "bytes"
        "Files of the newest snapshots of all partitions";
    SnapshotDuration: Histogram "snapshot_duration_seconds" [] "seconds"
        "Time to verify a copy of the state, put it into the archive and read it back";
    SnapshotFailures: Counter "snapshot_failures_total" [] "snapshots"
        "Snapshots that failed";
    SnapshotPutBytes: Counter "snapshot_uploaded_bytes_total" [] "bytes"
        "What snapshots put into the archive, for most of their files are there already";
    StateBytes: Gauge "state_bytes" ["kind"] "bytes"
        "State of all partitions";
    StateRows: Gauge "state_rows" ["kind"] "rows"
        "Rows of all partitions at their last checkpoints, when they were last counted";
    TurnRecords: Histogram "turn_records" [] "records"
        "Records applied in one turn";
}

/// The reference page: a table of every metric.
#[must_use]
pub fn reference() -> String {
    let mut page =
        String::from("# Metrics\n\n| name | kind | unit | labels | what |\n|---|---|---|---|---|\n");
    for metric in Metric::ALL {
        let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name(), metric.kind().text(), labels.join(", "));
        let (unit, help) = (metric.unit(), metric.help());
        page.push_str(&format!("| `{name}` | {kind} | {unit} | {labels} | {help} |\n"));
    }
    page
}
