//! The scenarios, and their shared parts.

pub mod e2e;
mod idp;
mod stage;
pub mod tool_poisoning;
