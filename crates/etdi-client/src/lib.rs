#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod any_service;
mod approval;
mod approve;
mod call;
mod client;
mod connection;
pub mod contract;
mod decision;
mod error;
mod evidence;
mod executable;
mod handler;
mod instructions;
mod judging;
mod listing;
mod memory;
mod policy;
mod relaunch;
mod report;
mod server_record;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod tokens;
mod tool;
mod wire;

pub use approval::Approval;
pub use client::{BuildError, EtdiClient, EtdiClientBuilder};
pub use connection::ServerConnection;
pub use decision::{ApprovalRequest, Decision, Refusal};
pub use error::{ApproveError, CallError, ConnectError, DiscoverError, ListError};
pub use evidence::EvidenceGatherer;
pub use executable::{Executable, ExecutableState};
pub use instructions::{InstructionsRequest, InstructionsState};
pub use memory::MemoryApprovals;
pub use relaunch::RelaunchRequest;
#[cfg(feature = "sqlite")]
pub use sqlite::{Checkpoint, CheckpointError, SqliteApprovals, SqliteError};
pub use store::{ApprovalStore, Sighting, StoreError};
pub use tool::{ApprovedTool, JudgedTool, Problem};
pub use wire::{HttpAuthorizer, NotJudged, kill_stdio_servers};
