//! Attacks that must fail, each through the public API and over a real transport. Every test checks the
//! exact answer and whether the tool was called.
//!
//! The name of a test is `attack_`, the number of the attack in the threat manual, and a short
//! description. Tests without a number begin with `extra_`. `cargo xtask attacks` runs those with a
//! number.

#![forbid(unsafe_code)]

mod approval;
mod call;
mod call_auth;
mod challenged;
mod definition;
mod extra;
mod hostile;
mod listing;
mod records;
mod relaunch;
mod signature;
mod store;
mod support;
mod surroundings;
mod token;
