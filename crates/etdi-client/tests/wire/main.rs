//! The client over real transports: a child process on stdio, and HTTP with JSON and with event
//! streams, each with both of MCP's lifecycles. The servers answer byte for byte what a test wrote.
#![cfg(test)]

mod approvals;
mod basis;
mod events;
mod freshness;
mod gate;
mod handler;
mod instructions;
mod legacy;
mod policy;
mod redirects;
mod refusals;
mod script;
mod servers;
mod texts;
