//! The verdict: three answers, never one boolean or a score.

mod display;
mod reasons;

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use crate::diff::Diff;
use crate::identity::ServerIdentity;
use crate::names::{Scope, Version};
pub use reasons::{ImpostorReason, UnknownReason};

/// What is known of one tool on one server at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Who published the definition, as far as it is proven.
    pub who: Who,
    /// Whether the definition names the server that serves it.
    pub origin: Origin,
    /// How it relates to what was seen and approved before. Never empty; in the order of [`What`].
    pub what: Vec<What>,
    /// Whether it may be called.
    pub may: May,
    /// What a person should know, and what changes no decision.
    pub notices: Vec<Notice>,
    /// How long ago the evidence of this approved definition was last good; `None` if it is not
    /// approved. Decides whether the offline grace still runs.
    pub evidence_age: Option<Duration>,
}

/// How an attestation binds definitions.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// The identity provider has vouched for the key, not seen the definition.
    Key,
    /// The identity provider has vouched for the digest.
    Digest,
}

/// Why a key is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyTrust {
    /// The trust configuration has it.
    Configured,
    /// A person supplied it for this server.
    Pinned,
}

/// Who published a definition.
///
/// Exhaustive on purpose: a host that matches on it hears from the compiler when an answer is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Who {
    /// An identity provider vouches for it.
    Attested {
        /// The issuer.
        issuer: String,
        /// The client that the issuer names.
        client: String,
        /// What the issuer vouches for.
        binding: Binding,
    },
    /// A trusted key signed it.
    Signed {
        /// The key's id.
        kid: String,
        /// Its RFC 7638 thumbprint.
        thumbprint: String,
        /// Why the key is trusted.
        trust: KeyTrust,
    },
    /// Evidence that is good, but weaker than the provider's entry demands, or bound to nothing.
    Identified {
        /// What there is, in words.
        by: String,
    },
    /// No evidence at all.
    Anonymous,
    /// It claims what it cannot prove.
    Impostor {
        /// Which claim, and what is wrong with it.
        why: ImpostorReason,
    },
    /// The attestation has expired.
    Expired {
        /// The issuer.
        issuer: String,
        /// When it expired.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// The trust configuration, or the provider's key set, takes it back.
    Revoked {
        /// What was revoked.
        what: String,
    },
    /// It cannot be checked.
    Unknown {
        /// Why not.
        why: UnknownReason,
    },
}

/// Whether a definition names the server that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The definition's `servers` names this HTTP server.
    Listed,
    /// stdio, or no `servers`: a relay could stand between.
    Unproven,
}

/// How a definition relates to what was seen and approved before. All that apply are reported, in
/// this order.
///
/// Exhaustive on purpose: a host that matches on it hears from the compiler when an answer is added.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Same server, same id and version, other digest.
    Tampered {
        /// Whether a trusted key signed the change: then the publisher broke its own promise.
        signer_valid: bool,
        /// What changed since the version was first seen.
        diff: Diff,
    },
    /// Same server and served name, another id, both signed.
    Replaced {
        /// The id that was there before.
        id: String,
    },
    /// Another definition of this id and version was first seen elsewhere.
    Equivocated {
        /// Where.
        first_seen: ServerIdentity,
    },
    /// Lower than the approved version, or a definition that an approval superseded.
    RolledBack {
        /// The approved version, if it has one.
        approved: Option<Version>,
        /// What changed since the approved definition.
        diff: Diff,
    },
    /// Weaker or other evidence than before.
    EvidenceLost {
        /// What there was, in words.
        was: String,
    },
    /// An unsigned, unversioned tool changed.
    Changed {
        /// What changed.
        diff: Diff,
    },
    /// A higher version than the approved one, or signed where it was approved unsigned.
    Upgraded {
        /// The approved version; `None` if it was unsigned.
        from: Option<Version>,
        /// What changed.
        diff: Diff,
    },
    /// Served under another name than it was signed or approved under.
    Renamed {
        /// The name that it was signed under.
        signed: String,
        /// The name that it is served under.
        served: String,
    },
    /// It looks like another server's approved tool.
    Shadowed {
        /// That server.
        by: ServerIdentity,
        /// The approved tool's id.
        id: String,
    },
    /// The approval has run out.
    ApprovalExpired {
        /// When.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
    },
    /// No approval exists.
    New,
    /// Exactly this definition is approved.
    Approved,
}

/// Whether a tool may be called.
///
/// Exhaustive on purpose: a host that matches on it hears from the compiler when an answer is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum May {
    /// A policy allows it.
    Allowed,
    /// There is no policy; the server judges scopes.
    NotEvaluated,
    /// It may not.
    Denied {
        /// Why not.
        why: DenyReason,
    },
}

/// Why a tool may not be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DenyReason {
    /// Required permissions that were not granted.
    MissingScopes {
        /// All of them.
        scopes: Vec<Scope>,
    },
    /// A policy forbids it, or could not be evaluated.
    Policy {
        /// What the policy said.
        reason: String,
    },
    /// Too many calls.
    Rate,
    /// The tool wants call proofs, which do not exist yet.
    Proof,
}

/// What a person should know, and what changes no decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// Another server has an approved tool of the same plain name.
    SameName {
        /// That server.
        server: ServerIdentity,
    },
    /// The definition holds characters that a person cannot see.
    HiddenCharacters,
    /// Another server's definition of this id and version differs from the approved one.
    ConflictElsewhere {
        /// That server.
        server: ServerIdentity,
    },
    /// Another server's approved tool has this id or looks like it; this one is approved itself.
    LookAlike {
        /// That server.
        server: ServerIdentity,
    },
}

impl Who {
    /// The answer in one word, as the documentation writes it.
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

    /// Whether a trusted key or issuer stands behind the definition.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Attested { .. } | Self::Signed { .. })
    }

    /// Whether the definition may enter the ledger for all servers.
    #[must_use]
    pub fn is_global(&self) -> bool {
        matches!(self, Self::Attested { .. } | Self::Signed { trust: KeyTrust::Configured, .. })
    }
}

impl Origin {
    /// The answer in one word, as the documentation writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "Listed",
            Self::Unproven => "Unproven",
        }
    }
}

impl What {
    /// The answer in one word, as the documentation writes it.
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
    /// Whether exactly this definition is approved, whatever else applies.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.what.iter().any(|what| matches!(what, What::Approved))
    }
}
