//! The parts that the official conformance suite talks to: a server with the suite's fixtures, and a
//! client that does what its scenarios want.
//!
//! Each comes in two forms, plain rmcp and through this project, and both forms share all that a
//! host or a server author would write.

pub mod authorizer;
pub mod client;
pub mod fixtures;
pub mod host;
pub mod rounds;
pub mod server;
pub mod session;
