#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

pub mod clock;
pub mod confusable;
pub mod decision;
pub mod definition;
pub mod diff;
pub mod digest;
pub mod evidence;
pub mod identity;
pub mod instructions;
pub mod json;
pub mod judge;
pub mod jws;
pub mod keys;
pub mod level;
pub mod listing;
mod load;
pub mod names;
pub mod publish;
pub mod records;
mod string_serde;
pub mod text;
pub mod trust;
pub mod verdict;

pub use clock::{Clock, ManualClock, SystemClock};
pub use decision::{Outcome, Row, decide};
pub use definition::{DefinitionError, SignedPart, ToolDefinition};
pub use diff::Diff;
pub use digest::Digest;
pub use evidence::Evidence;
pub use identity::{AuthorizationContext, ResourceUri, ServerIdentity, StdioCommand};
pub use instructions::Instructions;
pub use judge::judge;
pub use jws::SignatureError;
pub use keys::{Jwk, KeyError, SigAlg, SigningKey, VerifyingKey};
pub use level::SecurityLevel;
pub use listing::{Listing, ListingError, Page, RawTool};
pub use names::{NameError, Permission, Provider, Scope, ToolId, Version};
pub use publish::{DefinitionSpec, SignedTool};
pub use records::{
    ApprovalBasis, ApprovalRecord, EvidenceRecord, Known, LedgerEntry, Pin, Subject,
};
pub use trust::{MinBinding, TrustConfig, TrustError};
pub use verdict::{May, Notice, Origin, Verdict, What, Who};

/// The prefix of every `_meta` key that ETDI defines (wire format, opening paragraph).
pub const META_PREFIX: &str = "dev.etdi/";

/// The `_meta` key under which a tool carries its signed definition (wire format, section 1).
pub const DEFINITION_KEY: &str = "dev.etdi/definition";

/// The one schema version this crate understands (wire format, section 1).
pub const SCHEMA: u64 = 1;
