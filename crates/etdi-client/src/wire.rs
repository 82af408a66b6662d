//! The wire: rmcp's client over transports that keep the raw text of responses that are judged.

pub(crate) mod any_service;
pub(crate) mod authorizer;
pub(crate) mod child;
pub(crate) mod credentials;
mod cut;
pub(crate) mod error;
pub(crate) mod gate;
pub(crate) mod handler;
mod handshake;
pub(crate) mod headers;
pub(crate) mod http;
mod ids;
mod lines;
pub(crate) mod link;
pub(crate) mod page;
mod raw;
mod sse;
mod startup;
mod stderr;
mod stdio;
mod stop;
pub(crate) mod words;
