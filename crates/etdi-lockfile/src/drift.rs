//! The differences between a server and its lockfile entry, and the checks that were not possible.

use std::fmt::{self, Display, Formatter};

use etdi_types::text::escaped;
use serde::Serialize;

use crate::lockfile::LineNumber;

/// The importance of a drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftLevel {
    /// No difference, but a check was not possible.
    Note,
    /// The server differs from the lockfile.
    Drift,
}

macro_rules! kinds {
    ($($name:ident = $id:literal, $level:ident, $what:literal, $help:expr;)+) => {
        /// The kinds of drift.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum DriftKind {
            $(#[doc = $what] #[serde(rename = $id)] $name,)+
        }

        impl DriftKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns its id, which is stable.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// Returns its importance.
            #[must_use]
            pub fn level(self) -> DriftLevel {
                match self { $(Self::$name => DriftLevel::$level,)+ }
            }

            /// Returns an explanation in one sentence.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $what,)+ }
            }

            /// Returns the next step.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

/// The next step for most kinds of drift.
const LOOK: &str =
    "look at it with `etdi show` or `etdi diff`, approve it, and lock the server again";

kinds! {
    ServerIdentity = "server-identity", Drift,
        "The configuration has another server under this name than the locked one.",
        LOOK;
    ServerAdded = "server-added", Drift,
        "The configuration names a server that is not locked.",
        "approve its tools with `etdi approve`, then lock it with `etdi lock`";
    ServerMissing = "server-missing", Drift,
        "The configuration does not name a locked server any longer.",
        "put it back, or remove it from the lockfile with `etdi lock --remove`";
    ServerSkipped = "server-skipped", Note,
        "The lockfile leaves this server out by name, and the server was not asked for its tools.",
        "lock it with `etdi lock` when it is enabled and answers";
    FileAdded = "file-added", Drift,
        "The command starts a file that is not locked.",
        LOOK;
    FileChanged = "file-changed", Drift,
        "The content of a file that the command starts differs from the locked content.",
        LOOK;
    FileMissing = "file-missing", Drift,
        "A locked file that the command starts is missing.",
        "put it back, or lock the server without it";
    PackageChanged = "package-changed", Drift,
        "The command starts other packages, images or commits than the locked ones.",
        LOOK;
    BindingLost = "binding-lost", Drift,
        "The command names a target that can change, and the lockfile does not say so.",
        "look at what the command starts now, and lock the server again";
    Unbound = "unbound", Note,
        "The command, or one of its variables, names a target that can change.",
        "name one version of a package, as in `npx -y name@1.2.3`, or a file of the repository";
    InstructionsAdded = "instructions-added", Drift,
        "The server gives instructions, and the lockfile has no instructions for it.",
        LOOK;
    InstructionsChanged = "instructions-changed", Drift,
        "The server gives other instructions than the locked ones.",
        LOOK;
    InstructionsMissing = "instructions-missing", Drift,
        "The server does not give its locked instructions any longer.",
        LOOK;
    ToolAdded = "tool-added", Drift,
        "The server lists a tool that is not locked.",
        LOOK;
    ToolMissing = "tool-missing", Drift,
        "The server does not list a locked tool.",
        "lock the server again if the tool is not wanted any longer";
    ToolDuplicate = "tool-duplicate", Drift,
        "The server lists several tools of one name, so a call could reach any of them.",
        "ask the publisher: ETDI clients do not show such a tool to a model";
    ToolRefused = "tool-refused", Drift,
        "The tool's definition is refused, so it cannot be compared.",
        "ask the publisher: ETDI clients do not show such a tool to a model";
    ToolChanged = "tool-changed", Drift,
        "The definition differs from the locked one, under the same version or without one.",
        LOOK;
    EntryMismatch = "entry-mismatch", Drift,
        "The lockfile has the digest of this definition, but other details: another id, version, provider, permission or part.",
        "find out who changed the lockfile by hand, then lock the server again";
    ToolUpgraded = "tool-upgraded", Drift,
        "The definition has a higher version than the locked one.",
        LOOK;
    VersionLowered = "version-lowered", Drift,
        "The definition has a lower version than the locked one.",
        "find out why an old version came back";
    ToolReplaced = "tool-replaced", Drift,
        "Another tool, with another id, is served under a locked name.",
        LOOK;
    PermissionAdded = "permission-added", Drift,
        "The definition asks for a permission that is not locked, or requires one that was optional.",
        LOOK;
    PermissionRemoved = "permission-removed", Drift,
        "The definition does not ask for a locked permission any longer.",
        LOOK;
    SignerChanged = "signer-changed", Drift,
        "The definition has another signer than the locked one.",
        "find out whether the publisher has a new key, then lock it again";
    EvidenceLost = "evidence-lost", Drift,
        "The definition was signed when it was locked, and is not signed any longer.",
        "do not use it: its publisher would sign it";
    EvidenceBad = "evidence-bad", Drift,
        "The evidence of the definition is wrong.",
        "do not use it, and tell its publisher";
    SignerUnchecked = "signer-unchecked", Note,
        "The definition is the locked one; its signer was not checked.",
        "pass --config with a trust configuration that has the key of the signer";
}

/// One difference from the lockfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// The kind of drift.
    pub kind: DriftKind,
    /// The name under which the tool is served, which is the server's text. `None` for the server
    /// itself.
    pub tool: Option<String>,
    /// The locked value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// The served value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// The parts of the definition that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// The line of the entry in the lockfile.
    #[serde(skip)]
    pub line: LineNumber,
}

impl Drift {
    /// Returns a drift of the server.
    #[must_use]
    pub fn of_server(kind: DriftKind, line: LineNumber) -> Self {
        Self { kind, tool: None, locked: None, served: None, parts: Vec::new(), line }
    }

    /// Returns a drift of a tool.
    #[must_use]
    pub fn of_tool(kind: DriftKind, tool: &str, line: LineNumber) -> Self {
        Self { tool: Some(tool.to_owned()), ..Self::of_server(kind, line) }
    }

    /// Returns the same drift with the locked value.
    #[must_use]
    pub fn locked(mut self, what: impl Display) -> Self {
        self.locked = Some(what.to_string());
        self
    }

    /// Returns the same drift with the served value.
    #[must_use]
    pub fn served(mut self, what: impl Display) -> Self {
        self.served = Some(what.to_string());
        self
    }
}

/// Writes one line, with hidden characters as escapes.
impl Display for Drift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(tool) = &self.tool {
            write!(f, "{}: ", escaped(tool))?;
        }
        f.write_str(self.kind.explanation())?;
        if let Some(locked) = &self.locked {
            write!(f, " Locked: {}.", escaped(locked))?;
        }
        if let Some(served) = &self.served {
            write!(f, " Served: {}.", escaped(served))?;
        }
        if !self.parts.is_empty() {
            write!(f, " It differs in: {}.", self.parts.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_and_an_id_of_its_own() {
        let mut ids: Vec<_> = DriftKind::ALL.iter().map(|kind| kind.id()).collect();
        let kinds = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), kinds);
        for kind in DriftKind::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.id());
            assert!(kind.explanation().ends_with('.') && !kind.help().is_empty());
        }
    }

    #[test]
    fn text_of_a_server_is_shown_without_hidden_characters() {
        let drift = Drift::of_tool(DriftKind::ToolAdded, "a\u{1b}[2J", LineNumber::default())
            .served("b\u{202e}");
        assert!(!drift.to_string().contains(['\u{1b}', '\u{202e}']), "{drift}");
    }
}
