#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

mod client;
mod connection;
mod error;
mod model_tool;
mod wire;

pub use client::{BuildError, EtdiClient, EtdiClientBuilder};
pub use connection::ServerConnection;
pub use connection::executable::{Executable, ExecutableState};
pub use connection::instructions::{InstructionsRequest, InstructionsState};
pub use connection::relaunch::RelaunchRequest;
pub use error::{ApproveError, CallError, DiscoverError};
pub use etdi_judge::contract;
pub use etdi_judge::{
    Approval, ApprovalRequest, ApprovalStore, ApprovedTool, Decision, EvidenceGatherer, JudgedTool,
    MemoryApprovals, NewApproval, Problem, Refusal, Sighting, StoreError, Terms,
};
#[cfg(feature = "sqlite")]
pub use etdi_judge::{Checkpoint, CheckpointError, SqliteApprovals, SqliteError};
pub use model_tool::ModelTool;
pub use wire::authorizer::HttpAuthorizer;
pub use wire::child::kill_stdio_servers;
pub use wire::error::{ConnectError, ListError};
pub use wire::gate::NotJudged;
pub use wire::headers::{HeaderError, RequestHeaders};
