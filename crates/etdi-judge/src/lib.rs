#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

mod judge;
mod store;
mod tool;

pub use judge::approve::NotApproved;
pub use judge::evidence::EvidenceGatherer;
pub use judge::policy::Ruling;
pub use judge::report::Reporter;
pub use judge::settings::Settings;
pub use judge::{Judge, Judging};
pub use store::contract;
pub use store::memory::MemoryApprovals;
#[cfg(feature = "sqlite")]
pub use store::sqlite::{Checkpoint, CheckpointError, SqliteApprovals, SqliteError};
pub use store::{ApprovalStore, NewApproval, Sighting, StoreError};
pub use tool::approval::Approval;
pub use tool::connection_id::ConnectionId;
pub use tool::decision::{ApprovalRequest, Decision, Refusal, Terms};
pub use tool::listed::{Listed, Problem, Snapshot};
pub use tool::{ApprovedTool, JudgedTool};
