//! Third-party clients and servers lose no data with ETDI: each test does the same steps with ETDI and
//! without it, and compares the transcripts. `cargo xtask peers` prints the table.

#![cfg(test)]
#![forbid(unsafe_code)]

mod checks;
mod clients;
mod host;
mod peer;
mod probe;
mod report;
mod servers;
mod session;
