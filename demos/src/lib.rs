//! ETDI's demos. Each line that they print is a claim that was checked against an effect: what a
//! malicious server got hold of, how often it was called, what a verdict says.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod claims;
mod clock;
pub mod identity;
pub mod issuer;
pub mod process;
pub mod scanner;
pub mod scenarios;
pub mod servers;
pub mod state;
pub mod tenant;
