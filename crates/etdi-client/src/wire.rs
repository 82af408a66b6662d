//! The wire: rmcp's client over transports that keep the raw text of responses that are judged.

pub(crate) mod any_service;
pub(crate) mod authorizer;
pub(crate) mod child;
pub(crate) mod error;
pub(crate) mod gate;
pub(crate) mod handler;
mod handshake;
mod http;
mod ids;
pub(crate) mod link;
pub(crate) mod page;
mod raw;
mod sse;
mod stdio;
mod stop;
