#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod claims;
mod clock;
pub mod identity;
pub mod process;
pub mod scanner;
pub mod scenarios;
pub mod servers;
pub mod state;
pub mod tenant;
