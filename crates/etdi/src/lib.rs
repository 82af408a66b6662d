// Leave the README out of this crate's doctests: the package `tests` compiles its examples,
// together with those of the book.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[doc(inline)]
pub use etdi_types::{
    ApprovalBasis, ApprovalRecord, AuthorizationContext, Clock, DEFINITION_KEY, DefinitionError,
    DefinitionSpec, Diff, Digest, Evidence, EvidenceRecord, Instructions, Jwk, KeyError, Known,
    LedgerEntry, Listing, ListingError, META_PREFIX, ManualClock, May, MinBinding, NameError,
    Notice, Origin, Outcome, Page, Permission, Pin, Provider, RawTool, ResourceUri, Row, SCHEMA,
    Scope, SecurityLevel, ServerIdentity, SigAlg, SignatureError, SignedPart, SignedTool,
    SigningKey, StdioCommand, Subject, SystemClock, ToolDefinition, ToolId, TrustConfig,
    TrustError, Verdict, VerifyingKey, Version, What, Who, decide,
};
// `judge` is the name of a module and of a function. This line exports both.
#[doc(inline)]
pub use etdi_types::{
    clock, confusable, decision, definition, diff, digest, evidence, identity, instructions, json,
    judge, jws, keys, level, listing, names, publish, records, text, trust, verdict,
};

#[cfg(feature = "client")]
pub use etdi_client as client;
pub use etdi_events as events;
#[cfg(feature = "lockfile")]
pub use etdi_lockfile as lockfile;
#[cfg(feature = "oauth")]
pub use etdi_oauth as oauth;
#[cfg(feature = "client")]
pub use etdi_review as review;
#[cfg(feature = "client")]
#[doc(inline)]
pub use etdi_review::hygiene;
#[cfg(feature = "server")]
pub use etdi_server as server;

#[cfg(feature = "client")]
#[doc(inline)]
pub use etdi_client::{
    Approval, ApprovalRequest, ApprovalStore, ApprovedTool, Decision, EtdiClient, JudgedTool,
    MemoryApprovals, ModelTool, Refusal,
};
#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use etdi_client::{Checkpoint, SqliteApprovals, SqliteError};
#[cfg(feature = "lockfile")]
#[doc(inline)]
pub use etdi_lockfile::{Lockfile, LockfileError};
#[cfg(feature = "oauth")]
#[doc(inline)]
pub use etdi_oauth::{
    AccessToken, AttestationConfig, Auth0Provider, EntraProvider, Expectations, GenericProvider,
    OAuthConfig, OAuthError, OAuthProvider, OktaProvider, Principal, ProviderRegistry,
    TokenRequest,
};
#[cfg(feature = "client")]
#[doc(inline)]
pub use etdi_review::{Review, ReviewPolicy};
#[cfg(feature = "server")]
#[doc(inline)]
pub use etdi_server::{SecureServer, Secured, ToolSpec};

/// The names that a server or a host needs, in one import.
pub mod prelude {
    #[cfg(feature = "sqlite")]
    pub use crate::SqliteApprovals;
    #[cfg(feature = "oauth")]
    pub use crate::{
        AccessToken, AttestationConfig, Auth0Provider, EntraProvider, Expectations,
        GenericProvider, OAuthConfig, OAuthError, OAuthProvider, OktaProvider, Principal,
        ProviderRegistry, TokenRequest,
    };
    #[cfg(feature = "client")]
    pub use crate::{
        Approval, ApprovalStore, ApprovedTool, Decision, EtdiClient, JudgedTool, MemoryApprovals,
        ModelTool,
    };
    pub use crate::{
        Clock, Provider, SecurityLevel, SigningKey, StdioCommand, SystemClock, TrustConfig,
    };
    #[cfg(feature = "server")]
    pub use crate::{SecureServer, Secured, ToolSpec};
}
