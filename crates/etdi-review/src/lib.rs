#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

pub mod hygiene;
mod place;
mod review;

pub use review::{Change, ChangeKind, Class, Handling, Reason, Review, ReviewPolicy};
