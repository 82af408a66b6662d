//! What a server does otherwise than locked, and what could not be told.

use std::fmt::{self, Display, Formatter};

use etdi_types::text::escaped;
use serde::Serialize;

use crate::lockfile::LineNumber;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftLevel {
    /// Nothing is other than locked; something was not checked.
    Note,
    /// It is not what was locked.
    Drift,
}

macro_rules! kinds {
    ($($name:ident = $id:literal, $level:ident, $what:literal, $help:expr;)+) => {
        /// What is other than locked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum DriftKind {
            $(#[doc = $what] #[serde(rename = $id)] $name,)+
        }

        impl DriftKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its id, which stays.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// How much it matters.
            #[must_use]
            pub fn level(self) -> DriftLevel {
                match self { $(Self::$name => DriftLevel::$level,)+ }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $what,)+ }
            }

            /// What to do about it.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

/// What most drift wants.
const LOOK: &str =
    "look at it with `etdi show` or `etdi diff`, approve it, and lock the server again";

kinds! {
    ServerIdentity = "server-identity", Drift,
        "The configuration reaches another server under this name than the one that is locked.",
        LOOK;
    ServerAdded = "server-added", Drift,
        "The configuration names a server that is not locked.",
        "approve its tools with `etdi approve`, then lock it with `etdi lock`";
    ServerMissing = "server-missing", Drift,
        "The configuration does not name a server any more that is locked.",
        "put it back, or take it out of the lockfile with `etdi lock --remove`";
    FileAdded = "file-added", Drift,
        "The command starts a file that is not locked.",
        LOOK;
    FileChanged = "file-changed", Drift,
        "A file that the command starts has another content than the one that is locked.",
        LOOK;
    FileMissing = "file-missing", Drift,
        "A file that the command starts, and that is locked, is not there.",
        "put it back, or lock the server without it";
    PackageChanged = "package-changed", Drift,
        "The command starts another package than the one that is locked.",
        LOOK;
    Unbound = "unbound", Note,
        "Nothing binds the command to what it starts: it names neither one version of a package nor a file beside the lockfile.",
        "name one version of a package, as in `npx -y name@1.2.3`, or a file of the repository";
    InstructionsAdded = "instructions-added", Drift,
        "The server gives instructions, and none are locked.",
        LOOK;
    InstructionsChanged = "instructions-changed", Drift,
        "The server gives other instructions than those that are locked.",
        LOOK;
    InstructionsMissing = "instructions-missing", Drift,
        "The server gives no instructions any more.",
        LOOK;
    ToolAdded = "tool-added", Drift,
        "The server lists a tool that is not locked.",
        LOOK;
    ToolMissing = "tool-missing", Drift,
        "The server does not list a tool that is locked.",
        "lock the server again if the tool is no longer wanted";
    ToolDuplicate = "tool-duplicate", Drift,
        "The server lists several tools of one name, so nobody can tell which one a call reaches.",
        "ask the publisher: no client of this project would show it to a model";
    ToolRefused = "tool-refused", Drift,
        "The tool is listed in a form that is refused, so it cannot be compared.",
        "ask the publisher: no client of this project would show it to a model";
    ToolChanged = "tool-changed", Drift,
        "The definition is another one, under the version that is locked or without one.",
        LOOK;
    EntryMismatch = "entry-mismatch", Drift,
        "The lockfile has the digest of this definition and says something else of it: another id, version, provider, permission or part.",
        "find out who changed the lockfile by hand, then lock the server again";
    ToolUpgraded = "tool-upgraded", Drift,
        "The definition has a higher version than the one that is locked.",
        LOOK;
    VersionLowered = "version-lowered", Drift,
        "The definition has a lower version than the one that is locked.",
        "find out why an old version came back";
    ToolReplaced = "tool-replaced", Drift,
        "Another tool, with another id, is served under a name that is locked.",
        LOOK;
    PermissionAdded = "permission-added", Drift,
        "The definition asks for a permission that is not locked, or requires one that was optional.",
        LOOK;
    PermissionRemoved = "permission-removed", Drift,
        "The definition does not ask for a permission any more that is locked.",
        LOOK;
    SignerChanged = "signer-changed", Drift,
        "Somebody else stands behind the definition than the signer that is locked.",
        "find out whether the publisher has a new key, then lock it again";
    EvidenceLost = "evidence-lost", Drift,
        "The definition was signed when it was locked, and is not any more.",
        "do not use it: its publisher would sign it";
    EvidenceBad = "evidence-bad", Drift,
        "The evidence of the definition is wrong.",
        "do not use it, and tell its publisher";
    SignerUnchecked = "signer-unchecked", Note,
        "The definition is the one that is locked; who signed it was not checked.",
        "give --config with a trust configuration that has the key of the signer";
}

/// One thing that is other than locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// What.
    pub kind: DriftKind,
    /// The tool, by the name under which it is served: text of the server. `None` for the server
    /// itself.
    pub tool: Option<String>,
    /// What is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// What is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<String>,
    /// Which parts of the definition differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Where what is locked stands in the lockfile.
    #[serde(skip)]
    pub line: LineNumber,
}

impl Drift {
    /// Something about the server.
    #[must_use]
    pub fn of_server(kind: DriftKind, line: LineNumber) -> Self {
        Self { kind, tool: None, locked: None, served: None, parts: Vec::new(), line }
    }

    /// Something about a tool.
    #[must_use]
    pub fn of_tool(kind: DriftKind, tool: &str, line: LineNumber) -> Self {
        Self { tool: Some(tool.to_owned()), ..Self::of_server(kind, line) }
    }

    /// With what is locked.
    #[must_use]
    pub fn locked(mut self, what: impl Display) -> Self {
        self.locked = Some(what.to_string());
        self
    }

    /// With what is served.
    #[must_use]
    pub fn served(mut self, what: impl Display) -> Self {
        self.served = Some(what.to_string());
        self
    }
}

/// On one line, without a hidden character.
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
    fn what_a_server_says_is_shown_without_hidden_characters() {
        let drift = Drift::of_tool(DriftKind::ToolAdded, "a\u{1b}[2J", LineNumber::default())
            .served("b\u{202e}");
        assert!(!drift.to_string().contains(['\u{1b}', '\u{202e}']), "{drift}");
    }
}
