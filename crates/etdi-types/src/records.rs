//! The records of an approval store, and its answers when a tool is judged.
//!
//! Records are found by (server, tool id) **and** by (server, served name), in every authorization
//! context. A tool with another id, name, evidence or context is therefore still found, and never
//! counts as seen for the first time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::confusable::{id_key, name_key};
use crate::definition::ToolDefinition;
use crate::digest::Digest;
use crate::identity::{AuthorizationContext, ServerIdentity};
use crate::keys::Jwk;
use crate::names::{Scope, Version};
use crate::verdict::{Binding, KeyTrust, Who};

/// The evidence of a definition at the time of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceRecord {
    /// The tool was unsigned, or the record is of a server as a whole.
    None,
    /// Good evidence that is weaker than the trust entry demands.
    Identified,
    /// A signature.
    Signed {
        /// The key's RFC 7638 thumbprint.
        thumbprint: String,
        /// The reason why the key was trusted.
        trust: KeyTrust,
        /// The key itself, if a person supplied it for this server.
        pinned_key: Option<Jwk>,
    },
    /// An attestation.
    Attested {
        /// The issuer.
        issuer: String,
        /// The client that the issuer named.
        client: String,
        /// The binding that the issuer vouched for.
        binding: Binding,
    },
}

impl EvidenceRecord {
    /// Returns the evidence to record for `who`; `None` if `who` has no good evidence.
    #[must_use]
    pub fn of(who: &Who, pinned_key: Option<&Jwk>) -> Option<Self> {
        Some(match who {
            Who::Anonymous => Self::None,
            Who::Identified { .. } => Self::Identified,
            Who::Signed { thumbprint, trust, .. } => Self::Signed {
                thumbprint: thumbprint.clone(),
                trust: *trust,
                pinned_key: pinned_key.cloned().filter(|_| *trust == KeyTrust::Pinned),
            },
            Who::Attested { issuer, client, binding } => {
                Self::Attested { issuer: issuer.clone(), client: client.clone(), binding: *binding }
            }
            _ => return None,
        })
    }

    /// Returns the strength of this evidence, to compare two records.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Identified => 1,
            Self::Signed { .. } => 2,
            Self::Attested { binding: Binding::Key, .. } => 3,
            Self::Attested { binding: Binding::Digest, .. } => 4,
        }
    }

    /// Returns whether a trusted key or issuer stood behind the definition.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Signed { .. } | Self::Attested { .. })
    }

    /// Returns the evidence in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::None => "unsigned".to_owned(),
            Self::Identified => "identified".to_owned(),
            Self::Signed { trust: KeyTrust::Configured, .. } => {
                "signed with a trusted key".to_owned()
            }
            Self::Signed { thumbprint, trust: KeyTrust::Pinned, .. } => {
                format!("signed with the pinned key {thumbprint}")
            }
            Self::Attested { issuer, client, .. } => {
                format!("attested by {issuer} for its client {client}")
            }
        }
    }
}

/// The record of a tool on a server, as the tool was first seen or last approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pin {
    /// The server.
    pub server: ServerIdentity,
    /// The tool id; `local:<server>/<name>` for an unsigned tool.
    pub id: String,
    /// The name under which it was served.
    pub served_name: String,
    /// The provider that it named.
    pub provider: Option<String>,
    /// The version; `None` for an unsigned tool.
    pub version: Option<Version>,
    /// The evidence.
    pub evidence: EvidenceRecord,
    /// The digest.
    pub digest: Digest,
    /// The canonical definition itself.
    pub definition: Arc<str>,
    /// The time of the record.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl Pin {
    /// Returns a pin of a server as a whole, for example of its instructions. The pin has no served
    /// name, provider or version; for a tool, set those fields.
    #[must_use]
    pub fn new(
        server: ServerIdentity,
        id: impl Into<String>,
        evidence: EvidenceRecord,
        digest: Digest,
        definition: impl Into<Arc<str>>,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            server,
            id: id.into(),
            // A tool always has a name, so a tool is never taken for a record of the server.
            served_name: String::new(),
            provider: None,
            version: None,
            evidence,
            digest,
            definition: definition.into(),
            at,
        }
    }

    /// Returns the pin of a tool with this definition.
    #[must_use]
    pub fn of_tool(
        server: &ServerIdentity,
        definition: &ToolDefinition,
        evidence: EvidenceRecord,
        at: OffsetDateTime,
    ) -> Self {
        let part = definition.signed();
        Self {
            server: server.clone(),
            id: tool_id(server, definition),
            served_name: definition.served_name().to_owned(),
            provider: part.map(|part| part.provider.id().to_owned()),
            version: part.map(|part| part.version.clone()),
            evidence,
            digest: definition.digest(),
            definition: definition.canonical().clone(),
            at,
        }
    }
}

/// The origin of an approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalBasis {
    /// A person agreed after the decision to ask.
    Question,
    /// A person overrode a refusal: an old version came back, or the earlier approval granted too
    /// little.
    Override,
    /// A person supplied, for this server, the key that made the signature.
    PinnedKey,
    /// A person agreed to all tools of a server at once: the tools are the same, and another
    /// command starts the server.
    Relaunch,
    /// The review policy accepts such changes; no person was asked.
    Policy,
    /// The record is older than this field.
    #[default]
    Unrecorded,
}

/// A recorded approval of one digest of one tool from one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApprovalRecord {
    /// The definition that was approved.
    pub pin: Pin,
    /// The context that the approval is for.
    pub context: AuthorizationContext,
    /// The granted permissions; an empty set grants no permission.
    pub granted: Vec<Scope>,
    /// The name of the approver.
    pub by: String,
    /// The origin of the approval.
    #[serde(default)]
    pub basis: ApprovalBasis,
    /// The end of the approval; `None` for an approval without an end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// The time at which the definition's evidence was last good.
    #[serde(with = "time::serde::rfc3339")]
    pub evidence_good_at: OffsetDateTime,
    /// Whether a later approval replaced this one. Superseded approvals are kept, so that an old
    /// definition is recognised if it is served again.
    pub superseded: bool,
}

impl ApprovalRecord {
    /// Returns an approval without an end and without granted permissions. The evidence was good
    /// when the pin was made.
    #[must_use]
    pub fn new(
        pin: Pin,
        context: AuthorizationContext,
        by: impl Into<String>,
        basis: ApprovalBasis,
    ) -> Self {
        Self {
            evidence_good_at: pin.at,
            pin,
            context,
            granted: Vec::new(),
            by: by.into(),
            basis,
            until: None,
            superseded: false,
        }
    }
}

/// An entry of the ledger: the digest that was first seen for (provider, id, version).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The server on which it was first seen.
    pub server: ServerIdentity,
    /// The provider that the definition named.
    pub provider: String,
    /// The tool id.
    pub id: String,
    /// The version.
    pub version: Version,
    /// The digest.
    pub digest: Digest,
    /// The canonical definition itself.
    pub definition: Arc<str>,
    /// Whether the entry counts on every server. Only an attested definition, or a definition that
    /// a configured key signed, has such an entry.
    pub global: bool,
}

impl LedgerEntry {
    /// Returns an entry that counts on this server alone.
    #[must_use]
    pub fn new(
        server: ServerIdentity,
        provider: impl Into<String>,
        id: impl Into<String>,
        version: Version,
        digest: Digest,
        definition: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            server,
            provider: provider.into(),
            id: id.into(),
            version,
            digest,
            definition: definition.into(),
            global: false,
        }
    }

    /// Returns the entry of a pin; the entry counts on this server alone. Returns `None` if the pin
    /// has no provider or no version.
    #[must_use]
    pub fn of(pin: &Pin) -> Option<Self> {
        let (provider, version) = (pin.provider.clone()?, pin.version.clone()?);
        let server = pin.server.clone();
        Some(Self::new(server, provider, &pin.id, version, pin.digest, pin.definition.clone()))
    }
}

/// The names and keys by which a store finds its records of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Subject {
    /// The server that serves it.
    pub server: ServerIdentity,
    /// The tool id; `local:<server>/<name>` for an unsigned tool.
    pub id: String,
    /// The name under which it is served.
    pub served_name: String,
    /// The provider that it names.
    pub provider: Option<String>,
    /// Its version.
    pub version: Option<Version>,
    /// The confusable key of the id of a signed tool.
    pub id_key: Option<String>,
    /// The confusable key of the served name.
    pub name_key: String,
}

impl Subject {
    /// Returns the subject for `definition` as served by `server`.
    #[must_use]
    pub fn new(server: &ServerIdentity, definition: &ToolDefinition) -> Self {
        let part = definition.signed();
        let served_name = definition.served_name().to_owned();
        Self {
            server: server.clone(),
            id: tool_id(server, definition),
            provider: part.map(|part| part.provider.id().to_owned()),
            version: part.map(|part| part.version.clone()),
            id_key: part.map(|part| id_key(part.id.as_str())),
            name_key: name_key(&served_name),
            served_name,
        }
    }

    /// Returns the subject for a record of a server as a whole, for example of its instructions.
    /// `id` must have a colon before any slash, because the id of a signed tool never has this
    /// form, and must not begin with `local:`, as the ids of unsigned tools do.
    #[must_use]
    pub fn of_server(server: &ServerIdentity, id: &str) -> Self {
        Self {
            server: server.clone(),
            id: id.to_owned(),
            served_name: String::new(),
            provider: None,
            version: None,
            id_key: None,
            name_key: String::new(),
        }
    }

    /// Returns whether `pin` is a record of this tool: same server, and same id or same served
    /// name. A store returns such pins, and approvals with such a pin.
    #[must_use]
    pub fn is_same_tool(&self, pin: &Pin) -> bool {
        pin.server == self.server && (pin.id == self.id || pin.served_name == self.served_name)
    }

    /// Returns whether `pin` is a tool of another server that has this id or looks like this tool.
    #[must_use]
    pub fn looks_like(&self, pin: &Pin) -> bool {
        pin.server != self.server
            && (name_key(&pin.served_name) == self.name_key || self.has_id_like(pin))
    }

    /// Returns whether the ledger entry is about this tool and version, on this server or
    /// everywhere. A store returns such entries.
    #[must_use]
    pub fn is_same_version(&self, entry: &LedgerEntry) -> bool {
        let here = entry.server == self.server;
        let everywhere = entry.global && self.provider.as_ref() == Some(&entry.provider);
        entry.id == self.id && self.version.as_ref() == Some(&entry.version) && (here || everywhere)
    }

    pub(crate) fn has_id_like(&self, pin: &Pin) -> bool {
        pin.provider.is_some() && self.id_key.as_ref().is_some_and(|key| *key == id_key(&pin.id))
    }
}

/// Returns the id of a tool: its own id if it has a definition, otherwise an id that is local to
/// the server.
#[must_use]
pub fn tool_id(server: &ServerIdentity, definition: &ToolDefinition) -> String {
    match definition.signed() {
        Some(part) => part.id.as_str().to_owned(),
        None => format!("local:{server}/{}", definition.served_name()),
    }
}

/// A store's records of one [`Subject`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Known {
    /// Pins of this tool ([`Subject::is_same_tool`]).
    pub pins: Vec<Pin>,
    /// Approvals of this tool, in every context, superseded ones included.
    pub approvals: Vec<ApprovalRecord>,
    /// Ledger entries of this tool and version ([`Subject::is_same_version`]).
    pub ledger: Vec<LedgerEntry>,
    /// Approvals on other servers that look like this tool ([`Subject::looks_like`]), without
    /// superseded ones.
    pub elsewhere: Vec<ApprovalRecord>,
    /// The keys that persons supplied for this server, from the pins of its tools.
    pub pinned_keys: Vec<PinnedKey>,
}

/// A key that a person supplied for one provider on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinnedKey {
    /// The provider id.
    pub provider: String,
    /// The key.
    pub key: Jwk,
}

impl PinnedKey {
    /// Returns a key that a person supplied for this provider.
    #[must_use]
    pub fn new(provider: impl Into<String>, key: Jwk) -> Self {
        Self { provider: provider.into(), key }
    }

    /// Returns the key that `pin` holds, if it holds a key.
    #[must_use]
    pub fn of(pin: &Pin) -> Option<Self> {
        match (&pin.provider, &pin.evidence) {
            (Some(provider), EvidenceRecord::Signed { pinned_key: Some(key), .. }) => {
                Some(Self { provider: provider.clone(), key: key.clone() })
            }
            _ => None,
        }
    }
}

impl Known {
    /// Returns the approval of this id that counts in this context, for any digest.
    #[must_use]
    pub fn approval(&self, id: &str, context: &AuthorizationContext) -> Option<&ApprovalRecord> {
        self.approvals.iter().find(|a| !a.superseded && a.pin.id == id && a.context == *context)
    }

    /// Returns the key that a person supplied for this server, this provider and this key id.
    #[must_use]
    pub fn pinned_key(&self, provider: &str, kid: &str) -> Option<&Jwk> {
        let mut keys = self.pinned_keys.iter().filter(|pinned| pinned.provider == provider);
        keys.find(|pinned| pinned.key.kid() == Some(kid)).map(|pinned| &pinned.key)
    }
}
