//! The scenarios, and what they share.

pub mod e2e;
mod idp;
mod stage;
pub mod tool_poisoning;
