//! What the program tells about itself: log lines and latencies. No line and no label carries an
//! organization, a key, a person or an account.

pub mod latency;
pub mod logging;
