//! The scenarios, and what they share.

mod stage;
pub mod tool_poisoning;
