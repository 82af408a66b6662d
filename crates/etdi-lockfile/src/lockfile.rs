//! `etdi.lock`: what a team lets its servers list, as a file for its repository.
//!
//! A lockfile says of each server who it is, and of each tool its id, version, digest, signer,
//! permissions and who approved it. It holds no definition, no secret, and nothing of one machine, so
//! it is short to read and its differences are worth reading. [`Lockfile::parse`] is strict, and
//! printing one gives the one text that stands for it. [`LockedServer::compare`] says what a server
//! does otherwise than locked; it needs no network and no store.

use std::collections::BTreeMap;

use etdi_types::definition::ToolDefinition;
use etdi_types::digest::Digest;
use etdi_types::identity::ServerIdentity;
use etdi_types::names::{Scope, ToolId, Version};
use etdi_types::records::EvidenceRecord;

use crate::launch::PackageVersion;
use crate::read::LockfileError;
use crate::{compare, read};

/// The one version of the format that this crate understands.
pub const LOCKFILE_SCHEMA: i64 = 1;

/// A lockfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    servers: Vec<LockedServer>,
}

/// What is locked of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedServer {
    /// The name by which people know it; one server each.
    pub name: String,
    /// Who it is.
    pub identity: ServerIdentity,
    /// The host's configuration that says how to reach it under its name: a path with `/`, relative
    /// to the lockfile. `None` for a server on HTTP that is known by its address alone.
    pub from: Option<String>,
    /// The instructions that may go to a model; `None`: it has none that may.
    pub instructions: Option<Digest>,
    /// The package that its command starts, in one version.
    pub package: Option<PackageVersion>,
    /// The files of the repository that its command starts: paths with `/`, relative to the lockfile.
    pub files: BTreeMap<String, Digest>,
    /// The tools that it may list. Several of one name, with ids of their own, are variants: a listing
    /// may have any of them, by scope or by language.
    pub tools: Vec<LockedTool>,
    /// Where this stands in the file that it was read from.
    pub line: LineNumber,
}

/// What is locked of one tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedTool {
    /// The name under which it is served.
    pub name: String,
    /// What a signed definition says of itself; `None` for an unsigned one.
    pub signed: Option<LockedIdentity>,
    /// The digest of the definition.
    pub digest: Digest,
    /// The permissions that the definition requires.
    pub permissions: Vec<Scope>,
    /// Those that it asks for and does not require.
    pub optional_permissions: Vec<Scope>,
    /// Who approved it.
    pub approved_by: String,
    /// A fingerprint of each part of the definition, so that a change can be told where it is. They
    /// decide nothing.
    pub parts: BTreeMap<String, String>,
    /// Where this stands in the file that it was read from.
    pub line: LineNumber,
}

/// Which definition a signed tool is, and who stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedIdentity {
    /// The tool id.
    pub id: ToolId,
    /// The version.
    pub version: Version,
    /// The provider id.
    pub provider: String,
    /// Who signed it; `None` where its evidence counted for less.
    pub signer: Option<Signer>,
}

/// Who stands behind a signed definition.
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

/// The line of a file, from 1. Where something stands is not what it is: all places are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineNumber(pub Option<usize>);

impl PartialEq for LineNumber {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LineNumber {}

impl Lockfile {
    /// Reads a lockfile. Everything is checked before anything is believed.
    ///
    /// # Errors
    /// [`LockfileError`], which says what is wrong and in which line: TOML of another shape, a member
    /// that schema 1 does not know, another schema, two servers of one name or one identity, two tools
    /// of one id.
    pub fn parse(text: &str) -> Result<Self, LockfileError> {
        read::lockfile(text)
    }

    /// Returns the lockfile of these servers, which are distinct.
    pub(crate) fn sorted(mut servers: Vec<LockedServer>) -> Self {
        servers.sort_by(|one, other| one.name.cmp(&other.name));
        Self { servers }
    }

    /// The servers, by name.
    #[must_use]
    pub fn servers(&self) -> &[LockedServer] {
        &self.servers
    }

    /// The server of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&LockedServer> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// Puts a server in, in place of the one of its name. With its tools in order: by name, then by
    /// id.
    ///
    /// # Errors
    /// [`LockfileError::Duplicate`] if a server of another name has its identity, or two of its tools
    /// are the same; nothing is put in then.
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

    /// Takes the server of this name out, and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.servers.len();
        self.servers.retain(|server| server.name != name);
        before != self.servers.len()
    }
}

impl LockedServer {
    /// Returns a server of which nothing is locked yet but its name and identity.
    #[must_use]
    pub fn new(name: impl Into<String>, identity: ServerIdentity) -> Self {
        Self {
            name: name.into(),
            identity,
            from: None,
            instructions: None,
            package: None,
            files: BTreeMap::new(),
            tools: Vec::new(),
            line: LineNumber::default(),
        }
    }
}

impl LockedTool {
    /// What is locked of a definition that this person approved. `evidence` is what it was approved
    /// with.
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

    /// Two tools of one server have different ones.
    pub(crate) fn key(&self) -> (String, Option<String>) {
        let id = self.signed.as_ref().map(|signed| signed.id.as_str().to_owned());
        (self.name.clone(), id)
    }
}

impl LockedIdentity {
    /// Returns what a signed definition says of itself, with the signer whose evidence counted.
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
    /// Whom this evidence names.
    #[must_use]
    pub fn of(evidence: &EvidenceRecord) -> Option<Self> {
        match evidence {
            EvidenceRecord::Signed { thumbprint, .. } => Some(Self::Key(thumbprint.clone())),
            EvidenceRecord::Attested { issuer, client, .. } => {
                Some(Self::Issuer { issuer: issuer.clone(), client: client.clone() })
            }
            // No evidence, or evidence that names nobody.
            _ => None,
        }
    }
}
