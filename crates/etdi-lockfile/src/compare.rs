//! Compares the served definitions with the locked ones.

use std::collections::{BTreeMap, BTreeSet};

use etdi_types::definition::ToolDefinition;
use etdi_types::digest::Digest;
use etdi_types::names::{Scope, Version};
use etdi_types::records::EvidenceRecord;
use etdi_types::verdict::Who;

use crate::drift::{Drift, DriftKind};
use crate::launch::{Artifact, Launch, Loose};
use crate::lockfile::{LineNumber, LockedServer, LockedTool, Signer};

/// The current listing of a server.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Served<'a> {
    /// The digest of its instructions, if it gives instructions.
    pub instructions: Option<Digest>,
    /// Its tools.
    pub tools: Vec<ServedTool<'a>>,
}

/// A listed tool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServedTool<'a> {
    /// The name under which it is served.
    pub name: &'a str,
    /// Its definition, or the reason why it is refused, in words.
    pub definition: Result<&'a ToolDefinition, String>,
    /// The result of the check of its evidence.
    pub evidence: ServedEvidence,
}

/// The result of the check of a definition's evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServedEvidence {
    /// The evidence is good. Also used for a tool without evidence: an unsigned tool.
    Good(EvidenceRecord),
    /// The evidence could not be checked; the text says why.
    Unchecked(String),
    /// The evidence is wrong or was revoked; the text says how.
    Bad(String),
}

impl<'a> ServedTool<'a> {
    /// Returns a tool with its definition, or with the reason why the definition is refused.
    #[must_use]
    pub fn new(
        name: &'a str,
        definition: Result<&'a ToolDefinition, String>,
        evidence: ServedEvidence,
    ) -> Self {
        Self { name, definition, evidence }
    }
}

impl ServedEvidence {
    /// Returns the result for an answer to "who?".
    #[must_use]
    pub fn of(who: &Who) -> Self {
        match (EvidenceRecord::of(who, None), who) {
            (Some(evidence), _) => Self::Good(evidence),
            (None, Who::Unknown { .. } | Who::Expired { .. }) => Self::Unchecked(who.to_string()),
            (None, _) => Self::Bad(who.to_string()),
        }
    }
}

impl LockedServer {
    /// Returns the differences between the served tools and the locked ones, in the order of the
    /// lockfile; tools that are not locked come last. Empty if the server does not differ from its
    /// entry and every check was possible.
    #[must_use]
    pub fn compare(&self, served: &Served<'_>) -> Vec<Drift> {
        let mut drift = Vec::new();
        self.compare_instructions(served.instructions, &mut drift);
        for locked in &self.tools {
            let is_served = served.tools.iter().any(|tool| tool.name == locked.name);
            // A tool is missing only if the server lists none of its variants. Report it once, at
            // the first variant.
            let is_first = self.variants(&locked.name).next() == Some(locked);
            if !is_served && is_first {
                let missing = Drift::of_tool(DriftKind::ToolMissing, &locked.name, locked.line);
                drift.push(missing);
            }
        }
        let mut seen = BTreeSet::new();
        for tool in &served.tools {
            if !seen.insert(tool.name) {
                let nearest = self.variants(tool.name).next();
                let line = nearest.map_or(self.line, |locked| locked.line);
                drift.push(Drift::of_tool(DriftKind::ToolDuplicate, tool.name, line));
            }
            self.compare_tool(tool, &mut drift);
        }
        // A tool that is not locked has no line.
        drift.sort_by_key(|one| (one.line.0.is_none(), one.line.0));
        drift
    }

    /// Compares the locked files of the command with the files that were found. `found` must have
    /// every locked file, and every other file that the command names; `None` means that the file
    /// is missing.
    #[must_use]
    pub fn compare_files(&self, found: &BTreeMap<String, Option<Digest>>) -> Vec<Drift> {
        let mut drift = Vec::new();
        let of = |kind| Drift::of_server(kind, self.line);
        for (path, locked) in &self.files {
            let locked_file = format!("{path} {locked}");
            match found.get(path).copied().flatten() {
                Some(digest) if digest == *locked => {}
                Some(digest) => {
                    let one = of(DriftKind::FileChanged).locked(locked_file);
                    drift.push(one.served(digest));
                }
                None => drift.push(of(DriftKind::FileMissing).locked(locked_file)),
            }
        }
        for (path, digest) in found.iter().filter(|(path, _)| !self.files.contains_key(*path)) {
            if let Some(digest) = digest {
                drift.push(of(DriftKind::FileAdded).served(format!("{path} {digest}")));
            }
        }
        drift
    }

    /// Compares the packages, images and commits of the command with the locked ones.
    #[must_use]
    pub fn compare_packages(&self, found: &BTreeSet<Artifact>) -> Option<Drift> {
        if *found == self.packages {
            return None;
        }
        let listed = |all: &BTreeSet<Artifact>| {
            let all: Vec<_> = all.iter().map(Artifact::as_str).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        let mut drift = Drift::of_server(DriftKind::PackageChanged, self.line);
        (drift.locked, drift.served) = (listed(&self.packages), listed(found));
        Some(drift)
    }

    /// Compares the words with a target that can change with those that the lockfile names.
    #[must_use]
    pub fn compare_binding(&self, launch: &Launch) -> Option<Drift> {
        let is_known = |loose: &&Loose| loose.of_machine || self.unbound.contains(&loose.word);
        let (known, new): (Vec<_>, Vec<_>) = launch.loose.iter().partition(is_known);
        let kind = match (new.is_empty(), known.is_empty()) {
            (false, _) => DriftKind::BindingLost,
            (true, false) => DriftKind::Unbound,
            (true, true) => return None,
        };
        let words = if new.is_empty() { known } else { new };
        let words: Vec<_> = words.into_iter().map(ToString::to_string).collect();
        Some(Drift::of_server(kind, self.line).served(words.join("; ")))
    }

    fn compare_instructions(&self, served: Option<Digest>, drift: &mut Vec<Drift>) {
        let kind = match (self.instructions, served) {
            (None, None) => return,
            (Some(locked), Some(served)) if locked == served => return,
            (Some(_), Some(_)) => DriftKind::InstructionsChanged,
            (None, Some(_)) => DriftKind::InstructionsAdded,
            (Some(_), None) => DriftKind::InstructionsMissing,
        };
        let mut one = Drift::of_server(kind, self.line);
        one.locked = self.instructions.map(|digest| digest.to_string());
        one.served = served.map(|digest| digest.to_string());
        drift.push(one);
    }

    fn compare_tool(&self, tool: &ServedTool<'_>, drift: &mut Vec<Drift>) {
        let nearest = self.variants(tool.name).next();
        let line = nearest.map_or(self.line, |locked| locked.line);
        let definition = match &tool.definition {
            Ok(definition) => *definition,
            Err(why) => {
                drift.push(Drift::of_tool(DriftKind::ToolRefused, tool.name, line).served(why));
                return;
            }
        };
        let digest = definition.digest();
        if let Some(locked) = self.variants(tool.name).find(|locked| locked.digest == digest) {
            if !locked.is_entry_of(definition) {
                drift.push(
                    Drift::of_tool(DriftKind::EntryMismatch, tool.name, locked.line)
                        .locked(locked.describe())
                        .served(describe(definition)),
                );
            }
            drift.extend(locked.compare_signer(tool));
            return;
        }
        let id = definition.signed().map(|part| &part.id);
        let same =
            self.variants(tool.name).find(|locked| locked.signed.as_ref().map(|s| &s.id) == id);
        match (same, nearest) {
            (Some(locked), _) => locked.compare_definition(tool, definition, drift),
            (None, Some(locked)) => {
                let kind =
                    if id.is_none() { DriftKind::EvidenceLost } else { DriftKind::ToolReplaced };
                drift.push(
                    Drift::of_tool(kind, tool.name, locked.line)
                        .locked(locked.describe())
                        .served(describe(definition)),
                );
            }
            (None, None) => {
                // The tool has no line in the lockfile, so it comes last.
                let added = Drift::of_tool(DriftKind::ToolAdded, tool.name, LineNumber::default());
                drift.push(added.served(describe(definition)));
            }
        }
    }

    fn variants<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s LockedTool> {
        self.tools.iter().filter(move |locked| locked.name == name)
    }
}

impl LockedTool {
    /// Compares the entry with another definition of the same id, or of the same unsigned tool.
    fn compare_definition(
        &self,
        tool: &ServedTool<'_>,
        definition: &ToolDefinition,
        drift: &mut Vec<Drift>,
    ) {
        let versions = self.signed.as_ref().zip(definition.signed());
        let kind = match versions.map(|(locked, served)| served.version.cmp(&locked.version)) {
            None | Some(std::cmp::Ordering::Equal) => DriftKind::ToolChanged,
            Some(std::cmp::Ordering::Greater) => DriftKind::ToolUpgraded,
            Some(std::cmp::Ordering::Less) => DriftKind::VersionLowered,
        };
        let mut changed = Drift::of_tool(kind, &self.name, self.line)
            .locked(self.describe())
            .served(describe(definition));
        changed.parts = self.differing_parts(definition);
        drift.push(changed);
        let part = definition.signed();
        let asked = part.map(|part| part.permissions.as_slice()).unwrap_or_default();
        let added = asked.iter().filter(|asked| {
            let known = if asked.required { &[][..] } else { &self.optional_permissions[..] };
            !self.permissions.contains(&asked.scope) && !known.contains(&asked.scope)
        });
        for scope in added.map(|asked| &asked.scope) {
            let one = Drift::of_tool(DriftKind::PermissionAdded, &self.name, self.line);
            drift.push(one.served(scope));
        }
        let locked = self.permissions.iter().chain(&self.optional_permissions);
        let is_asked = |scope: &&Scope| asked.iter().any(|asked| asked.scope == **scope);
        for scope in locked.filter(|scope| !is_asked(scope)) {
            let one = Drift::of_tool(DriftKind::PermissionRemoved, &self.name, self.line);
            drift.push(one.locked(scope));
        }
        drift.extend(self.compare_signer(tool));
    }

    /// Returns whether the id, version, provider, permissions and parts of the entry are those of
    /// `definition`, which has the locked digest.
    fn is_entry_of(&self, definition: &ToolDefinition) -> bool {
        let it = Self::of(definition, &EvidenceRecord::None, "");
        let identity = |tool: &Self| {
            let signed = tool.signed.as_ref();
            signed.map(|s| (s.id.clone(), s.version.clone(), s.provider.clone()))
        };
        identity(self) == identity(&it)
            && self.permissions == it.permissions
            && self.optional_permissions == it.optional_permissions
            && (self.parts.is_empty() || self.parts == it.parts)
    }

    fn compare_signer(&self, tool: &ServedTool<'_>) -> Option<Drift> {
        if let ServedEvidence::Bad(why) = &tool.evidence {
            let bad = Drift::of_tool(DriftKind::EvidenceBad, &self.name, self.line);
            return Some(bad.served(why));
        }
        let locked = self.signed.as_ref()?.signer.as_ref()?;
        let of = |kind| Drift::of_tool(kind, &self.name, self.line).locked(locked.describe());
        match &tool.evidence {
            ServedEvidence::Bad(_) => None,
            ServedEvidence::Unchecked(why) => Some(of(DriftKind::SignerUnchecked).served(why)),
            ServedEvidence::Good(evidence) => match Signer::of(evidence) {
                Some(signer) if signer == *locked => None,
                Some(signer) => Some(of(DriftKind::SignerChanged).served(signer.describe())),
                None => Some(of(DriftKind::EvidenceLost).served(evidence.describe())),
            },
        }
    }

    fn differing_parts(&self, definition: &ToolDefinition) -> Vec<String> {
        let served = parts_of(definition);
        let names = PARTS.iter().copied().chain([OTHER]);
        let differs = |name: &&str| self.parts.get(*name) != served.get(*name);
        if self.parts.is_empty() {
            return Vec::new();
        }
        names.filter(differs).map(str::to_owned).collect()
    }

    fn describe(&self) -> String {
        identity_in_words(self.signed.as_ref().map(|s| (s.id.as_str(), &s.version)), self.digest)
    }
}

impl Signer {
    /// Returns the signer in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Key(thumbprint) => format!("the key {thumbprint}"),
            Self::Issuer { issuer, client } => format!("{issuer} for its client {client}"),
        }
    }
}

fn describe(definition: &ToolDefinition) -> String {
    let part = definition.signed().map(|part| (part.id.as_str(), &part.version));
    identity_in_words(part, definition.digest())
}

fn identity_in_words(signed: Option<(&str, &Version)>, digest: Digest) -> String {
    match signed {
        Some((id, version)) => format!("{id} {version} {digest}"),
        None => format!("unsigned {digest}"),
    }
}

/// The parts of a definition that are compared separately, by their MCP names. The definition
/// member of ETDI is locked in its own entries.
pub(crate) const PARTS: &[&str] = &[
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
    "execution",
    "icons",
    "_meta",
];

/// The part that holds all members that MCP does not name.
pub(crate) const OTHER: &str = "other";

/// Returns a fingerprint of each part of the definition.
pub(crate) fn parts_of(definition: &ToolDefinition) -> BTreeMap<String, String> {
    let fingerprint = |text: &str| {
        let digest = Digest::of(text.as_bytes()).to_string();
        digest.chars().skip("sha256:".len()).take(16).collect::<String>()
    };
    let mut parts = BTreeMap::new();
    let mut other = String::new();
    let description = definition.member("description").map(|text| ("description".to_owned(), text));
    for (name, member) in description.into_iter().chain(definition.other_members()) {
        match PARTS.contains(&name.as_str()) {
            true => {
                parts.insert(name, fingerprint(&member));
            }
            false => other.push_str(&format!("{}:{name}{member}", name.len())),
        }
    }
    if !other.is_empty() {
        parts.insert(OTHER.to_owned(), fingerprint(&other));
    }
    parts
}
