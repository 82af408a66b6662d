//! The verdict: three separate answers, in place of one boolean or a score.

mod display;
mod reasons;

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use crate::diff::Diff;
use crate::identity::ServerIdentity;
use crate::names::{Scope, Version};
pub use reasons::{ImpostorReason, UnknownReason};

/// The answers about one tool on one server at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The publisher of the definition, as far as it is proven.
    pub who: Who,
    /// Whether the definition names the server that serves it.
    pub origin: Origin,
    /// The relation of the definition to earlier records and approvals. Never empty; in the order
    /// of [`What`].
    pub what: Vec<What>,
    /// Whether it may be called.
    pub may: May,
    /// Notices for a person. They do not change the decision.
    pub notices: Vec<Notice>,
    /// The time since the evidence of this approved definition was last good; `None` if the
    /// definition is not approved. The decision table uses this age to apply the offline grace.
    pub evidence_age: Option<Duration>,
}

/// The way in which an attestation binds definitions.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// The identity provider has vouched for the key. It has not seen the definition.
    Key,
    /// The identity provider has vouched for the digest.
    Digest,
}

/// The reason why a key is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyTrust {
    /// The trust configuration has it.
    Configured,
    /// A person supplied it for this server.
    Pinned,
}

/// The publisher of a definition, as far as it is proven.
///
/// Exhaustive on purpose: a new answer is a compile error in each host that matches on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Who {
    /// An identity provider vouches for it.
    Attested {
        /// The issuer.
        issuer: String,
        /// The client that the issuer names.
        client: String,
        /// The binding that the issuer vouches for.
        binding: Binding,
    },
    /// A trusted key signed it.
    Signed {
        /// The key's id.
        kid: String,
        /// Its RFC 7638 thumbprint.
        thumbprint: String,
        /// The reason why the key is trusted.
        trust: KeyTrust,
    },
    /// The evidence is good, but weaker than the provider's entry demands, or it binds neither a
    /// key nor a digest.
    Identified {
        /// The evidence, in words.
        by: String,
    },
    /// The tool is unsigned: it has no definition member.
    Anonymous,
    /// The definition makes a claim that it cannot prove.
    Impostor {
        /// The claim, and the reason why it fails.
        why: ImpostorReason,
    },
    /// The attestation has expired.
    Expired {
        /// The issuer.
        issuer: String,
        /// The time at which it expired.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// The trust configuration revokes the definition, its version or its key, or a key was removed
    /// from the key set of the provider or the issuer.
    Revoked {
        /// The key, version or digest that was revoked.
        what: String,
    },
    /// The definition cannot be checked.
    Unknown {
        /// The reason.
        why: UnknownReason,
    },
}

/// Whether a definition names the server that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The definition's `servers` names this HTTP server.
    Listed,
    /// The server is on stdio, or the definition has no `servers`: a relay could be in between.
    Unproven,
}

/// The relation of a definition to earlier records and approvals. All answers that apply are
/// reported, in this order.
///
/// Exhaustive on purpose: a new answer is a compile error in each host that matches on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Same server, same id and version, another digest.
    Tampered {
        /// Whether a trusted key or issuer stands behind the new definition: then the publisher
        /// itself gave one version two definitions.
        signer_valid: bool,
        /// The changes since the version was first seen.
        diff: Diff,
    },
    /// Same server and served name, another id, both signed.
    Replaced {
        /// The earlier id.
        id: String,
    },
    /// Another definition of this id and version was first seen on another server.
    Equivocated {
        /// The other server.
        first_seen: ServerIdentity,
    },
    /// The version is lower than the approved one, or a later approval superseded this definition.
    RolledBack {
        /// The approved version, if it is higher than this one; otherwise `None`.
        approved: Option<Version>,
        /// The changes since the approved definition.
        diff: Diff,
    },
    /// The evidence is weaker than before, or different.
    EvidenceLost {
        /// The earlier evidence, in words.
        was: String,
    },
    /// An unsigned, unversioned tool changed.
    Changed {
        /// The changes.
        diff: Diff,
    },
    /// A version higher than the approved one, or a signed definition where an unsigned one was
    /// approved.
    Upgraded {
        /// The approved version; `None` if it was unsigned.
        from: Option<Version>,
        /// The changes.
        diff: Diff,
    },
    /// The tool is served under another name than the one it was signed or approved under.
    Renamed {
        /// The name under which it was signed.
        signed: String,
        /// The name under which it is served.
        served: String,
    },
    /// The tool looks like another server's approved tool.
    Shadowed {
        /// The other server.
        by: ServerIdentity,
        /// The approved tool's id.
        id: String,
    },
    /// The approval has expired.
    ApprovalExpired {
        /// The time at which it expired.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// No approval exists.
    New,
    /// This exact definition is approved.
    Approved,
}

/// Whether a tool may be called.
///
/// Exhaustive on purpose: a new answer is a compile error in each host that matches on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum May {
    /// The client knows the scopes that calls will carry, and every required permission is granted.
    Allowed,
    /// The server judges scopes: the client does not know the scopes of calls, or the tool is
    /// unsigned.
    NotEvaluated,
    /// The tool may not be called.
    Denied {
        /// The reason.
        why: DenyReason,
    },
}

/// The reason why a tool may not be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DenyReason {
    /// Required permissions were not granted, or calls do not carry their scopes.
    MissingScopes {
        /// All missing scopes.
        scopes: Vec<Scope>,
    },
    /// A policy forbids it, or could not be evaluated.
    Policy {
        /// The reason that the policy gave.
        reason: String,
    },
    /// Too many calls.
    Rate,
    /// The tool requires call proofs, which do not exist yet.
    Proof,
}

/// A notice for a person. It does not change the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// Another server has an approved tool with the same plain name.
    SameName {
        /// The other server.
        server: ServerIdentity,
    },
    /// The definition holds characters that a person cannot see.
    HiddenCharacters,
    /// Another server's definition of this id and version differs from the approved one.
    ConflictElsewhere {
        /// The other server.
        server: ServerIdentity,
    },
    /// An approved tool of another server has this id or looks like this tool, and this tool is
    /// approved itself.
    LookAlike {
        /// The other server.
        server: ServerIdentity,
    },
}

impl Who {
    /// Returns the answer in one word, as the documentation writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attested { .. } => "Attested",
            Self::Signed { .. } => "Signed",
            Self::Identified { .. } => "Identified",
            Self::Anonymous => "Anonymous",
            Self::Impostor { .. } => "Impostor",
            Self::Expired { .. } => "Expired",
            Self::Revoked { .. } => "Revoked",
            Self::Unknown { .. } => "Unknown",
        }
    }

    /// Returns whether a trusted key or issuer stands behind the definition.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Attested { .. } | Self::Signed { .. })
    }

    /// Returns whether the definition's ledger entry counts on every server.
    #[must_use]
    pub fn is_global(&self) -> bool {
        matches!(self, Self::Attested { .. } | Self::Signed { trust: KeyTrust::Configured, .. })
    }
}

impl Origin {
    /// Returns the answer in one word, as the documentation writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "Listed",
            Self::Unproven => "Unproven",
        }
    }
}

impl What {
    /// Returns the answer in one word, as the documentation writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tampered { .. } => "Tampered",
            Self::Replaced { .. } => "Replaced",
            Self::Equivocated { .. } => "Equivocated",
            Self::RolledBack { .. } => "RolledBack",
            Self::EvidenceLost { .. } => "EvidenceLost",
            Self::Changed { .. } => "Changed",
            Self::Upgraded { .. } => "Upgraded",
            Self::Renamed { .. } => "Renamed",
            Self::Shadowed { .. } => "Shadowed",
            Self::ApprovalExpired { .. } => "ApprovalExpired",
            Self::New => "New",
            Self::Approved => "Approved",
        }
    }
}

impl Verdict {
    /// Returns whether this exact definition is approved, whatever else applies.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.what.iter().any(|what| matches!(what, What::Approved))
    }
}
