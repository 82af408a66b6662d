//! The two programs for the official conformance suite: a server with the suite's fixtures, and a
//! client that plays its scenarios.
//!
//! Each has two forms, with plain rmcp and through this project. Both forms share the code that the
//! author of a host or a server would write.

pub mod authorizer;
pub mod client;
pub mod fixtures;
pub mod host;
pub mod rounds;
pub mod server;
pub mod session;
