#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod admission;
mod builder;
mod catalog;
mod check;
mod error;
mod pages;
mod presigned;
mod problem;
mod report;
mod secured;
mod server;
mod sign;
mod spec;

pub use builder::{Live, Presigned, SecureServerBuilder};
pub use error::{BuildError, ServerError};
pub use problem::{Problems, ToolProblem};
pub use secured::{CALL_REFUSED, LISTING_REFUSED, Secured};
pub use server::SecureServer;
pub use spec::ToolSpec;
