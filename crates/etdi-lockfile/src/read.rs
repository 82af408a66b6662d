//! Reads a lockfile strictly.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use etdi_types::digest::Digest;
use etdi_types::identity::ServerIdentity;
use etdi_types::names::{Scope, ToolId, Version};
use etdi_types::text::escaped;
use serde::Deserialize;
use toml::Spanned;

use crate::compare::{OTHER, PARTS};
use crate::launch::Artifact;
use crate::lockfile::{
    LOCKFILE_SCHEMA, LineNumber, LockedIdentity, LockedServer, LockedTool, Lockfile, Signer,
    SkipReason,
};

/// The reason why a text is not a lockfile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockfileError {
    /// The text is not the TOML of a lockfile.
    #[error("{}{}", at(*line), escaped(what))]
    Malformed {
        /// The line, from 1, if it is known.
        line: Option<usize>,
        /// The problem.
        what: String,
    },
    /// The lockfile has another version of the format.
    #[error(
        "the lockfile has the schema {}, and this program understands {LOCKFILE_SCHEMA}: use the \
             version of `etdi` that wrote it",
        escaped(found)
    )]
    Schema {
        /// The version that it names.
        found: String,
    },
    /// Two entries are the same.
    #[error("{}{} appears twice", at(*line), escaped(what))]
    Duplicate {
        /// The line of the second entry, from 1, if it is known.
        line: Option<usize>,
        /// The repeated entry.
        what: String,
    },
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockfileTable {
    #[serde(rename = "schema")]
    _schema: i64,
    #[serde(default, rename = "server")]
    servers: Vec<Spanned<ServerTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerTable {
    name: String,
    identity: Option<ServerIdentity>,
    from: Option<String>,
    skipped: Option<SkipReason>,
    instructions: Option<Digest>,
    #[serde(default)]
    packages: BTreeSet<Artifact>,
    #[serde(default)]
    unbound: BTreeSet<String>,
    /// The one package of a lockfile from before `packages`.
    package: Option<Artifact>,
    #[serde(default)]
    files: BTreeMap<String, Digest>,
    #[serde(default, rename = "tool")]
    tools: Vec<Spanned<ToolTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolTable {
    name: String,
    id: Option<ToolId>,
    version: Option<Version>,
    provider: Option<String>,
    digest: Digest,
    signer: Option<SignerTable>,
    #[serde(default)]
    permissions: Vec<Scope>,
    #[serde(default)]
    optional_permissions: Vec<Scope>,
    approved_by: String,
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignerTable {
    key: Option<String>,
    issuer: Option<String>,
    client: Option<String>,
}

pub(crate) fn lockfile(text: &str) -> Result<Lockfile, LockfileError> {
    let lines = Lines(text);
    let malformed = |error: toml::de::Error| LockfileError::Malformed {
        line: error.span().map(|span| lines.of(&span)),
        what: error.message().to_owned(),
    };
    // Check the schema first: this code does not know the members of another schema.
    let table: toml::Table = toml::from_str(text).map_err(malformed)?;
    match table.get("schema") {
        Some(toml::Value::Integer(LOCKFILE_SCHEMA)) => {}
        Some(other) => return Err(LockfileError::Schema { found: other.to_string() }),
        None => {
            let what = "the file has no `schema`, so it is not a lockfile".to_owned();
            return Err(LockfileError::Malformed { line: None, what });
        }
    }
    let file: LockfileTable = toml::from_str(text).map_err(malformed)?;
    let mut servers = Vec::with_capacity(file.servers.len());
    for entry in file.servers {
        let line = lines.of(&entry.span());
        servers.push(server(entry.into_inner(), line, &lines)?);
    }
    refuse_duplicates(&servers)?;
    Ok(Lockfile::sorted(servers))
}

fn server(
    entry: ServerTable,
    line: usize,
    lines: &Lines<'_>,
) -> Result<LockedServer, LockfileError> {
    let paths = entry.files.keys().map(String::as_str).chain(entry.from.as_deref());
    if let Some(path) = paths.into_iter().find(|path| !is_relative(path)) {
        let what = format!("the path \"{path}\" leads out of the folder of the lockfile");
        return Err(LockfileError::Malformed { line: Some(line), what });
    }
    if entry.identity.is_none() {
        let has_more = entry.instructions.is_some()
            || entry.package.is_some()
            || !entry.unbound.is_empty()
            || !(entry.packages.is_empty() && entry.files.is_empty() && entry.tools.is_empty());
        if entry.skipped.is_none() || entry.from.is_none() || has_more {
            let what = "a server without an `identity` must have `skipped` and `from`, and no other \
                        member";
            return Err(LockfileError::Malformed { line: Some(line), what: what.to_owned() });
        }
    }
    let packages = match (entry.package, entry.packages) {
        (None, packages) => packages,
        (Some(package), packages) if packages.is_empty() => BTreeSet::from([package]),
        (Some(_), _) => {
            let what = "`package` and `packages` must not stand together".to_owned();
            return Err(LockfileError::Malformed { line: Some(line), what });
        }
    };
    let mut tools = Vec::with_capacity(entry.tools.len());
    for one in entry.tools {
        let line = lines.of(&one.span());
        tools.push(tool(one.into_inner(), line)?);
    }
    tools.sort_by_cached_key(LockedTool::key);
    Ok(LockedServer {
        name: entry.name,
        identity: entry.identity,
        from: entry.from,
        skipped: entry.skipped,
        instructions: entry.instructions,
        packages,
        unbound: entry.unbound,
        files: entry.files,
        tools,
        line: LineNumber(Some(line)),
    })
}

fn tool(entry: ToolTable, line: usize) -> Result<LockedTool, LockfileError> {
    let malformed =
        |what: &str| LockfileError::Malformed { line: Some(line), what: what.to_owned() };
    let signer = match entry.signer {
        None => None,
        Some(SignerTable { key: Some(key), issuer: None, client: None }) => Some(Signer::Key(key)),
        Some(SignerTable { key: None, issuer: Some(issuer), client: Some(client) }) => {
            Some(Signer::Issuer { issuer, client })
        }
        Some(_) => {
            return Err(malformed(
                "a signer must have either a `key`, or an `issuer` and a `client`",
            ));
        }
    };
    let signed = match (entry.id, entry.version, entry.provider) {
        (Some(id), Some(version), Some(provider)) => {
            Some(LockedIdentity { id, version, provider, signer })
        }
        (None, None, None) if signer.is_none() => None,
        (None, None, None) => return Err(malformed("an unsigned tool must not have a `signer`")),
        _ => return Err(malformed("`id`, `version` and `provider` go together")),
    };
    let is_part = |name: &str| name == OTHER || PARTS.contains(&name);
    if let Some(name) = entry.parts.keys().find(|name| !is_part(name)) {
        return Err(malformed(&format!("a definition has no part with the name \"{name}\"")));
    }
    Ok(LockedTool {
        name: entry.name,
        signed,
        digest: entry.digest,
        permissions: entry.permissions,
        optional_permissions: entry.optional_permissions,
        approved_by: entry.approved_by,
        parts: entry.parts,
        line: LineNumber(Some(line)),
    })
}

pub(crate) fn refuse_duplicates(servers: &[LockedServer]) -> Result<(), LockfileError> {
    let (mut names, mut identities) = (HashSet::new(), HashSet::new());
    for server in servers {
        let twice = |what| LockfileError::Duplicate { line: server.line.0, what };
        if !names.insert(&server.name) {
            return Err(twice(format!("the server \"{}\"", server.name)));
        }
        // A server that is left out may be another name of one that is locked.
        if let Some(identity) = &server.identity
            && server.skipped.is_none()
            && !identities.insert(identity)
        {
            return Err(twice(format!("the identity {identity}")));
        }
        let (mut ids, mut unsigned) = (HashSet::new(), HashSet::new());
        let mut definitions = HashSet::new();
        for tool in &server.tools {
            if !definitions.insert((&tool.name, tool.digest)) {
                let what = format!("the definition {} of \"{}\"", tool.digest, tool.name);
                return Err(LockfileError::Duplicate { line: tool.line.0, what });
            }
            let is_new = match &tool.signed {
                Some(signed) => ids.insert(&signed.id),
                None => unsigned.insert(&tool.name),
            };
            if !is_new {
                let what = match &tool.signed {
                    Some(signed) => format!("the tool {}", signed.id),
                    None => format!("the unsigned tool \"{}\"", tool.name),
                };
                return Err(LockfileError::Duplicate { line: tool.line.0, what });
            }
        }
    }
    Ok(())
}

/// Returns whether a path stays in its folder, on every system.
fn is_relative(path: &str) -> bool {
    let plain = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
    !path.contains(['\\', ':', '\0']) && path.split('/').all(plain)
}

/// Finds the line of a place in a text.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn of(&self, span: &Range<usize>) -> usize {
        let before = self.0.as_bytes().iter().take(span.start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}
