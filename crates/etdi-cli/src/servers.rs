//! The servers that a command line names, and the connections to them.

pub(crate) mod caller;
pub(crate) mod desk;
pub(crate) mod host_config;
pub(crate) mod hosts;
pub(crate) mod kept_store;
pub(crate) mod label;
pub(crate) mod network;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod store;
pub(crate) mod target;
pub(crate) mod tokens;
mod unreachable;
