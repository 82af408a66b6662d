//! Events about tool definitions.

use etdi_types::ApprovalBasis;
use etdi_types::verdict::KeyTrust;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The tool that an event is about. Every string may be text that the server chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolRef {
    /// The server's identity: the resource URI on HTTP, the digest of the launch configuration on
    /// stdio.
    pub server: String,
    /// The tool id; for an unsigned tool `local:<server identity>/<name>`.
    pub id: String,
    /// The name under which the tool is served.
    pub name: String,
    /// The version, if the definition has one.
    pub version: Option<String>,
    /// The digest of the definition, `sha256:` and 64 hex digits.
    pub digest: Option<String>,
    /// The provider's id, if the definition names one.
    pub provider: Option<String>,
}

constructor!(ToolRef { server: impl Into<String>, id: impl Into<String>, name: impl Into<String>; version, digest, provider });

/// A tool is in a listing of this connection for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolDiscovered {
    /// The tool.
    pub tool: ToolRef,
    /// Whether its definition carries a signature, good or bad.
    pub signed: bool,
}

constructor!(ToolDiscovered { tool: ToolRef, signed: bool });

/// A definition was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolVerified {
    /// The tool.
    pub tool: ToolRef,
    /// The first answer of the verdict (who), in one word, for example `Attested` or `Signed`.
    pub who: String,
    /// Whether the definition names the server: `Listed` or `Unproven`.
    pub origin: String,
    /// The second answer of the verdict (what): all parts that apply, each in one word.
    pub what: Vec<String>,
    /// The decision: `allow`, `warn`, `ask` or `block`.
    pub decision: String,
}

constructor!(ToolVerified { tool: ToolRef, who: impl Into<String>, origin: impl Into<String>, decision: impl Into<String>; what });

/// One digest of one tool was approved, by a person or by a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolApproved {
    /// The tool, with the digest that was approved.
    pub tool: ToolRef,
    /// The name of the approver.
    pub by: String,
    /// The origin of the approval: `question`, `override`, `pinned_key`, `relaunch` or `policy`.
    #[serde(default)]
    pub basis: ApprovalBasis,
    /// The scopes that were granted.
    pub permissions: Vec<String>,
    /// The digest whose approval this one replaces.
    pub supersedes: Option<String>,
    /// The time at which the approval expires.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires: Option<OffsetDateTime>,
}

constructor!(ToolApproved { tool: ToolRef, by: impl Into<String>, basis: ApprovalBasis; permissions, supersedes, expires });

/// A tool was called. Neither arguments nor results are recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolInvoked {
    /// The tool.
    pub tool: ToolRef,
    /// The principal that called, if the call was authenticated.
    pub principal: Option<String>,
    /// Whether the call gave a result that is not an error.
    pub succeeded: bool,
    /// The duration of the call, in milliseconds.
    pub duration_ms: Option<u64>,
}

constructor!(ToolInvoked { tool: ToolRef, succeeded: bool; principal, duration_ms });

/// A known tool now has another definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolUpdated {
    /// The tool as it is now.
    pub tool: ToolRef,
    /// The approved digest, if there is one.
    pub from_digest: Option<String>,
    /// The earlier version of the definition, if the version changed.
    pub from_version: Option<String>,
}

constructor!(ToolUpdated { tool: ToolRef; from_digest, from_version });

/// A tool of an earlier listing of this connection is missing from a complete one. Its records are
/// kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolRemoved {
    /// The tool as it was last known.
    pub tool: ToolRef,
}

constructor!(ToolRemoved { tool: ToolRef });

/// The approval of a tool does not cover the served definition any longer; a person must be asked
/// again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolReapprovalRequested {
    /// The tool as it is served now.
    pub tool: ToolRef,
    /// The reasons, in the words of the verdict, for example `Upgraded`.
    pub reasons: Vec<String>,
    /// The approved digest.
    pub approved_digest: Option<String>,
    /// The changes, for a person to read. Holds text of the server.
    pub diff: Option<String>,
}

constructor!(ToolReapprovalRequested { tool: ToolRef, reasons: Vec<String>; approved_digest, diff });

/// The part that expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Expired {
    /// The approval of the tool.
    #[default]
    Approval,
    /// The attestation of an identity provider.
    Attestation,
}

/// An approval, or the evidence behind a tool, has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolExpired {
    /// The tool.
    pub tool: ToolRef,
    /// The part that expired.
    pub expired: Expired,
    /// The time at which it expired.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

constructor!(ToolExpired { tool: ToolRef, expired: Expired, since: OffsetDateTime });

/// The signature of a definition is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignatureVerified {
    /// The tool.
    pub tool: ToolRef,
    /// The key id that the signature names.
    pub kid: String,
    /// The JWS algorithm.
    pub algorithm: String,
    /// The reason why the key is trusted.
    pub trust: KeyTrust,
}

constructor!(SignatureVerified { tool: ToolRef, kid: impl Into<String>, algorithm: impl Into<String>, trust: KeyTrust });

/// The signature of a definition is not good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignatureFailed {
    /// The tool.
    pub tool: ToolRef,
    /// The key id that the signature names, if its header could be read.
    pub kid: Option<String>,
    /// The JWS algorithm that the signature names, if its header could be read.
    pub algorithm: Option<String>,
    /// The reason.
    pub reason: String,
}

constructor!(SignatureFailed { tool: ToolRef, reason: impl Into<String>; kid, algorithm });

/// A tool is served under another version than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VersionChanged {
    /// The tool as it is now.
    pub tool: ToolRef,
    /// The earlier version.
    pub from: String,
    /// The served version; `None` if the tool is unsigned now.
    pub to: Option<String>,
}

constructor!(VersionChanged { tool: ToolRef, from: impl Into<String>; to });

/// A tool asks for other permissions than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PermissionChanged {
    /// The tool as it is now.
    pub tool: ToolRef,
    /// The scopes that the tool did not ask for before.
    pub added: Vec<String>,
    /// The scopes that the tool does not ask for any longer.
    pub removed: Vec<String>,
}

constructor!(PermissionChanged { tool: ToolRef, added: Vec<String>, removed: Vec<String> });

/// An attempt to break a security rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SecurityViolation {
    /// The server from which the attempt came.
    pub server: String,
    /// The tool, if the attempt concerns one.
    pub tool: Option<ToolRef>,
    /// The violation, in one word: on a client the word of the verdict, such as `Tampered` or
    /// `Impostor`.
    pub violation: String,
    /// The meaning of the violation in this case, for a person to read. May hold text of the
    /// server.
    pub detail: String,
}

constructor!(SecurityViolation { server: impl Into<String>, violation: impl Into<String>, detail: impl Into<String>; tool });
