//! Clients and servers that are not ours lose nothing when ETDI stands between: each test does the
//! same with ETDI and without, and compares what came. `cargo xtask peers` prints the table.

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
