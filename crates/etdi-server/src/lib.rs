// Leave the README out of this crate's doctests: the package `tests` compiles its examples,
// together with those of the book.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

mod admission;
mod attest;
mod authorize;
mod builder;
mod catalog;
mod check;
mod error;
mod hosts;
mod layer;
mod pages;
mod presigned;
mod problem;
mod report;
mod requirement;
mod secured;
mod server;
mod sign;
mod spec;

pub use builder::{Live, Presigned, SecureServerBuilder};
pub use error::{ServerBuildError, ServerError};
pub use etdi_oauth::{ACCESS_TOKEN_VARIABLE, INSUFFICIENT_SCOPE, UNAUTHENTICATED};
pub use layer::{AuthBody, AuthLayer, AuthService};
pub use problem::{Problems, ToolProblem};
pub use secured::{CALL_REFUSED, LISTING_REFUSED, Secured};
pub use server::SecureServer;
pub use spec::ToolSpec;
