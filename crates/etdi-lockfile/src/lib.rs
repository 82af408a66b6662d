#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

mod compare;
mod drift;
mod launch;
mod lockfile;
mod read;
mod write;

pub use compare::{Served, ServedEvidence, ServedTool};
pub use drift::{Drift, DriftKind, DriftLevel};
pub use launch::{Artifact, ArtifactError, Launch, Loose, NoFiles, Place, Tree};
pub use lockfile::{
    LOCKFILE_SCHEMA, LineNumber, LockedIdentity, LockedServer, LockedTool, Lockfile, Signer,
    SkipReason,
};
pub use read::LockfileError;
