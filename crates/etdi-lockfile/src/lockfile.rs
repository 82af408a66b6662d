//! `etdi.lock`: the tools that a team lets its servers list, as a file for its repository.
//!
//! For each server, a lockfile states its identity. For each tool it states the id, version,
//! digest, signer, permissions and the approver. It holds no definition, no secret, and no data of
//! one machine, so it is short to read and its differences are worth reading. [`Lockfile::parse`]
//! is strict, and a lockfile has only one printed text. [`LockedServer::compare`] returns the
//! differences between a server and its entry; it needs no network and no store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use etdi_types::definition::ToolDefinition;
use etdi_types::digest::Digest;
use etdi_types::identity::ServerIdentity;
use etdi_types::names::{Scope, ToolId, Version};
use etdi_types::records::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::launch::Artifact;
use crate::read::LockfileError;
use crate::{compare, read};

/// The only version of the format that this crate understands.
pub const LOCKFILE_SCHEMA: i64 = 1;

/// A lockfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    servers: Vec<LockedServer>,
}

/// The locked data of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedServer {
    /// The name by which people know it; each server has its own.
    pub name: String,
    /// The identity of the server. `None` only for a skipped server whose configuration did not say
    /// which server it is.
    pub identity: Option<ServerIdentity>,
    /// The file of the host's configuration that says how to reach the server: a path with `/`,
    /// relative to the lockfile. `None` for a server on HTTP that is known by its address alone.
    pub from: Option<String>,
    /// The reason why the server was not asked for its tools. `None` for a server that was asked.
    pub skipped: Option<SkipReason>,
    /// The digest of the instructions that may go to a model; `None` if there are no such
    /// instructions.
    pub instructions: Option<Digest>,
    /// The packages, images and commits that its command starts.
    pub packages: BTreeSet<Artifact>,
    /// The words of its command, and the names of its variables, with a target that can change.
    pub unbound: BTreeSet<String>,
    /// The files of the repository that its command starts: paths with `/`, relative to the lockfile.
    pub files: BTreeMap<String, Digest>,
    /// The tools that it may list. Several tools of one name, each with its own id, are variants: a
    /// listing may have any of them, by scope or by language.
    pub tools: Vec<LockedTool>,
    /// The line of this entry in the file that it was read from.
    pub line: LineNumber,
}

/// The reason why a lockfile leaves out the tools of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The configuration disables the server.
    Disabled,
    /// The server could not be reached, or its configuration could not be read.
    Unreachable,
}

/// The locked data of one tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedTool {
    /// The name under which it is served.
    pub name: String,
    /// The identity in a signed definition; `None` for an unsigned one.
    pub signed: Option<LockedIdentity>,
    /// The digest of the definition.
    pub digest: Digest,
    /// The permissions that the definition requires.
    pub permissions: Vec<Scope>,
    /// The permissions that the definition asks for and does not require.
    pub optional_permissions: Vec<Scope>,
    /// The name of the approver.
    pub approved_by: String,
    /// A fingerprint of each part of the definition, so that a report can name the part that
    /// changed. Fingerprints do not decide whether a definition is accepted.
    pub parts: BTreeMap<String, String>,
    /// The line of this entry in the file that it was read from.
    pub line: LineNumber,
}

/// The identity of a signed tool's definition, and its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedIdentity {
    /// The tool id.
    pub id: ToolId,
    /// The version.
    pub version: Version,
    /// The provider id.
    pub provider: String,
    /// The signer; `None` if the evidence was too weak to name a signer.
    pub signer: Option<Signer>,
}

/// The party behind a signed definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key, by its RFC 7638 thumbprint.
    Key(String),
    /// An identity provider, which named this client.
    Issuer {
        /// The issuer.
        issuer: String,
        /// The client.
        client: String,
    },
}

/// A line of the file, from 1. Two line numbers always compare as equal, because the place of an
/// entry is not part of its value.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineNumber(pub Option<usize>);

impl PartialEq for LineNumber {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LineNumber {}

impl Lockfile {
    /// Reads a lockfile. Checks everything before it returns any of the content.
    ///
    /// # Errors
    /// [`LockfileError`], which says what is wrong and in which line: TOML of another shape, a
    /// member that schema 1 does not define, another schema, two servers of one name or one
    /// identity, two tools of one id, two unsigned tools of one name, or one definition twice.
    pub fn parse(text: &str) -> Result<Self, LockfileError> {
        read::lockfile(text)
    }

    /// Returns the lockfile of these servers, sorted by name. The caller checks that they are
    /// distinct.
    pub(crate) fn sorted(mut servers: Vec<LockedServer>) -> Self {
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        Self { servers }
    }

    /// Returns the servers, sorted by name.
    #[must_use]
    pub fn servers(&self) -> &[LockedServer] {
        &self.servers
    }

    /// Returns the server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&LockedServer> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// Puts a server into the lockfile, and replaces the server of the same name. Sorts its tools
    /// by name, then by id.
    ///
    /// # Errors
    /// [`LockfileError::Duplicate`] if two servers that were asked have one identity, or two of its
    /// tools are the same; the lockfile is unchanged then.
    pub fn put(&mut self, mut server: LockedServer) -> Result<(), LockfileError> {
        server.tools.sort_by_cached_key(LockedTool::key);
        let mut servers = self.servers.clone();
        servers.retain(|known| known.name != server.name);
        servers.push(server);
        let lockfile = Self::sorted(servers);
        read::refuse_duplicates(&lockfile.servers)?;
        *self = lockfile;
        Ok(())
    }

    /// Removes the server of this name, and returns whether it existed.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.servers.len();
        self.servers.retain(|server| server.name != name);
        before != self.servers.len()
    }
}

impl LockedServer {
    /// Returns a server with only its name and identity locked.
    #[must_use]
    pub fn new(name: impl Into<String>, identity: ServerIdentity) -> Self {
        Self {
            name: name.into(),
            identity: Some(identity),
            from: None,
            skipped: None,
            instructions: None,
            packages: BTreeSet::new(),
            unbound: BTreeSet::new(),
            files: BTreeMap::new(),
            tools: Vec::new(),
            line: LineNumber::default(),
        }
    }
}

impl LockedServer {
    /// Returns an entry that leaves out a server of the configuration `from`.
    #[must_use]
    pub fn left_out(
        name: impl Into<String>,
        from: impl Into<String>,
        identity: Option<ServerIdentity>,
        why: SkipReason,
    ) -> Self {
        Self {
            name: name.into(),
            identity,
            from: Some(from.into()),
            skipped: Some(why),
            instructions: None,
            packages: BTreeSet::new(),
            unbound: BTreeSet::new(),
            files: BTreeMap::new(),
            tools: Vec::new(),
            line: LineNumber::default(),
        }
    }
}

impl SkipReason {
    /// Returns the reason as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Display for SkipReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LockedTool {
    /// Returns the locked data of a definition that this person approved. `evidence` is the
    /// evidence at the approval.
    #[must_use]
    pub fn of(definition: &ToolDefinition, evidence: &EvidenceRecord, approved_by: &str) -> Self {
        let part = definition.signed();
        let permissions = part.map(|part| part.permissions.as_slice()).unwrap_or_default();
        let scopes = |required: bool| {
            let asked = permissions.iter().filter(move |asked| asked.required == required);
            asked.map(|asked| asked.scope.clone()).collect()
        };
        Self {
            name: definition.served_name().to_owned(),
            signed: part.map(|part| LockedIdentity {
                id: part.id.clone(),
                version: part.version.clone(),
                provider: part.provider.id().to_owned(),
                signer: Signer::of(evidence),
            }),
            digest: definition.digest(),
            permissions: scopes(true),
            optional_permissions: scopes(false),
            approved_by: approved_by.to_owned(),
            parts: compare::parts_of(definition),
            line: LineNumber::default(),
        }
    }

    /// Returns the key of the tool. Two tools of one server have different keys.
    pub(crate) fn key(&self) -> (String, Option<String>) {
        let id = self.signed.as_ref().map(|signed| signed.id.as_str().to_owned());
        (self.name.clone(), id)
    }
}

impl LockedIdentity {
    /// Returns the identity in a signed definition, with the signer whose evidence counted.
    #[must_use]
    pub fn new(
        id: ToolId,
        version: Version,
        provider: impl Into<String>,
        signer: Option<Signer>,
    ) -> Self {
        Self { id, version, provider: provider.into(), signer }
    }
}

impl Signer {
    /// Returns the signer that this evidence names.
    #[must_use]
    pub fn of(evidence: &EvidenceRecord) -> Option<Self> {
        match evidence {
            EvidenceRecord::Signed { thumbprint, .. } => Some(Self::Key(thumbprint.clone())),
            EvidenceRecord::Attested { issuer, client, .. } => {
                Some(Self::Issuer { issuer: issuer.clone(), client: client.clone() })
            }
            // No evidence, or evidence that does not name a signer.
            _ => None,
        }
    }
}
