//! What is wrong with a tool that a handler serves.

use std::fmt::{self, Display, Formatter};

use etdi_types::text::escaped;
use etdi_types::{DefinitionError, Diff, ToolId, Version};

/// One tool that is not published as it stands, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolProblem {
    /// Served, not declared.
    #[error(
        "the tool `{}` is served but not declared: declare it with `.tool(…)`, or serve it \
         unsigned with `.allow_unsigned()`",
        escaped(tool)
    )]
    Undeclared {
        /// The tool's name.
        tool: String,
    },
    /// Declared, not served.
    #[error(
        "the tool `{}` is declared but the handler does not list it: remove the declaration, or \
         serve it",
        escaped(tool)
    )]
    NotServed {
        /// The tool's name.
        tool: String,
    },
    /// Two tools of one name.
    #[error(
        "the tool `{}` is listed twice: clients refuse both; give one of them another name",
        escaped(tool)
    )]
    ServedTwice {
        /// The tool's name.
        tool: String,
    },
    /// The handler writes into ETDI's own part of `_meta`.
    #[error(
        "the handler gives the tool `{}` the _meta key `{}`: keys under `dev.etdi/` are written \
         here only; remove it",
        escaped(tool),
        escaped(key)
    )]
    ReservedMeta {
        /// The tool's name.
        tool: String,
        /// The key.
        key: String,
    },
    /// An output schema that older clients would not be sent.
    #[error(
        "the output schema of the tool `{}` does not have `\"type\": \"object\"` at its root: \
         clients below MCP 2026-07-28 are not sent such a schema, so one version would be two \
         definitions; wrap the output in an object",
        escaped(tool)
    )]
    OutputSchema {
        /// The tool's name.
        tool: String,
    },
    /// A tool that clients would refuse.
    #[error("the tool `{}` would be refused by clients: {source}", escaped(tool))]
    Definition {
        /// The tool's name.
        tool: String,
        /// Why.
        source: DefinitionError,
    },
    /// The tool is not what was first published under its version.
    #[error(
        "the tool `{}` is not what was first published as version {version} of `{id}`: give the \
         change a new version, or make the definition the same each time that it is listed; what \
         changed:{diff}",
        escaped(tool)
    )]
    Changed {
        /// The tool's name.
        tool: String,
        /// Its id.
        id: ToolId,
        /// Its version.
        version: Version,
        /// What changed.
        diff: Box<Diff>,
    },
    /// The tool is not what was signed at build time.
    #[error(
        "the tool `{}` is not what was signed: sign it again, under a new version; what \
         changed:{diff}",
        escaped(tool)
    )]
    DiffersFromSigned {
        /// The tool's name.
        tool: String,
        /// What changed.
        diff: Box<Diff>,
    },
    /// What clients are sent is not what was signed.
    #[error(
        "the tool `{}` is altered on its way to clients below or from MCP 2026-07-28, so its \
         signature would not hold",
        escaped(tool)
    )]
    AlteredInTransit {
        /// The tool's name.
        tool: String,
    },
}

impl ToolProblem {
    /// The tool's name, as the handler or the author gave it.
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

    /// The problem in one word, for machines.
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

/// Everything that is wrong with what a handler serves, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<ToolProblem>);

impl Problems {
    /// The problems, in the order in which they were met.
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
