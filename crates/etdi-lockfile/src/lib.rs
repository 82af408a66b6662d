#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod compare;
mod drift;
mod launch;
mod lockfile;
mod read;
mod write;

pub use compare::{Served, ServedEvidence, ServedTool};
pub use drift::{Drift, DriftKind, Level};
pub use launch::{Launch, Package, PackageError};
pub use lockfile::{
    LOCKFILE_SCHEMA, LockedIdentity, LockedServer, LockedTool, Lockfile, Place, Signer,
};
pub use read::LockfileError;
