//! The problems of a tool that a handler serves.

use std::fmt::{self, Display, Formatter};

use etdi_types::text::escaped;
use etdi_types::{DefinitionError, Diff, ToolId, Version};

/// One tool that is not published in its present form, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolProblem {
    /// The tool is served, but not declared.
    #[error(
        "the tool `{}` is served but not declared: declare it with `.tool(…)`, or serve it \
         unsigned with `.allow_unsigned()`",
        escaped(tool)
    )]
    Undeclared {
        /// The tool's name.
        tool: String,
    },
    /// The tool is declared, but not served.
    #[error(
        "the tool `{}` is declared but the handler does not list it: remove the declaration, or \
         serve it",
        escaped(tool)
    )]
    NotServed {
        /// The tool's name.
        tool: String,
    },
    /// Two tools have the same name.
    #[error(
        "the tool `{}` is listed twice, and clients refuse both: give one of them another name",
        escaped(tool)
    )]
    ServedTwice {
        /// The tool's name.
        tool: String,
    },
    /// The handler writes keys into ETDI's part of `_meta`.
    #[error(
        "the handler gives the tool `{}` the `_meta` key `{}`, but only ETDI may write keys under \
         `dev.etdi/`: remove the key from the handler's tool",
        escaped(tool),
        escaped(key)
    )]
    ReservedMeta {
        /// The tool's name.
        tool: String,
        /// The key.
        key: String,
    },
    /// The output schema would not be sent to older clients.
    #[error(
        "the output schema of the tool `{}` does not have `\"type\": \"object\"` at its root: \
         clients below MCP 2026-07-28 do not get this schema, so one version would be two \
         definitions; wrap the output in an object",
        escaped(tool)
    )]
    OutputSchema {
        /// The tool's name.
        tool: String,
    },
    /// Clients would refuse the tool.
    #[error("the tool `{}` would be refused by clients: {source}", escaped(tool))]
    Definition {
        /// The tool's name.
        tool: String,
        /// The reason.
        source: DefinitionError,
    },
    /// The tool differs from the first one that was published under its version.
    #[error(
        "the tool `{}` differs from the first one that was published as version {version} of \
         `{id}`: give the change a new version, or make the definition the same each time that \
         it is listed; the changes:{diff}",
        escaped(tool)
    )]
    Changed {
        /// The tool's name.
        tool: String,
        /// Its id.
        id: ToolId,
        /// Its version.
        version: Version,
        /// The changes.
        diff: Box<Diff>,
    },
    /// The tool differs from the one that was signed at build time.
    #[error(
        "the tool `{}` differs from the signed one: sign it again, under a new version; the \
         changes:{diff}",
        escaped(tool)
    )]
    DiffersFromSigned {
        /// The tool's name.
        tool: String,
        /// The changes.
        diff: Box<Diff>,
    },
    /// Some clients are sent a tool that differs from the signed one.
    #[error(
        "some clients would not get the tool `{}` as it was signed, so its signature would not \
         verify: list the same tool to clients below MCP 2026-07-28 and to newer clients",
        escaped(tool)
    )]
    AlteredInTransit {
        /// The tool's name.
        tool: String,
    },
}

impl ToolProblem {
    /// Returns the tool's name, as the handler or the author gave it.
    #[must_use]
    pub fn tool(&self) -> &str {
        match self {
            Self::Undeclared { tool }
            | Self::NotServed { tool }
            | Self::ServedTwice { tool }
            | Self::ReservedMeta { tool, .. }
            | Self::OutputSchema { tool }
            | Self::Definition { tool, .. }
            | Self::Changed { tool, .. }
            | Self::DiffersFromSigned { tool, .. }
            | Self::AlteredInTransit { tool } => tool,
        }
    }

    /// Returns the problem in one word, for machines.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Undeclared { .. } => "undeclared",
            Self::NotServed { .. } => "not_served",
            Self::ServedTwice { .. } => "served_twice",
            Self::ReservedMeta { .. } => "reserved_meta",
            Self::OutputSchema { .. } => "output_schema",
            Self::Definition { .. } => "definition",
            Self::Changed { .. } => "changed",
            Self::DiffersFromSigned { .. } => "differs_from_signed",
            Self::AlteredInTransit { .. } => "altered_in_transit",
        }
    }
}

/// All problems of a handler, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<ToolProblem>);

impl Problems {
    /// Returns the problems, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &ToolProblem> {
        self.0.iter()
    }

    pub(crate) fn add(&mut self, problem: ToolProblem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}
