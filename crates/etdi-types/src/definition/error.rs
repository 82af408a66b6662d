//! Why a definition is refused.

use crate::json::JsonError;
use crate::names::NameError;
use crate::text::escaped;

/// The reason why a definition must not be used. A tool with such a definition is blocked at every
/// level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The text is not JSON that all readers read alike.
    #[error("the tool's JSON is refused: {0}")]
    Json(#[from] JsonError),
    /// An element of `tools` is not an object.
    #[error("a tool must be an object, not {found}")]
    NotAnObject {
        /// The kind of value that was found.
        found: &'static str,
    },
    /// The tool has no valid name.
    #[error("the tool's name is missing, empty, or not a string")]
    Name,
    /// `_meta` is not an object.
    #[error("the tool's _meta must be an object, not {found}")]
    Meta {
        /// The kind of value that was found.
        found: &'static str,
    },
    /// A key under `dev.etdi/` that schema 1 does not define.
    #[error("the tool's _meta has the key \"{}\", which schema 1 does not define", escaped(.0))]
    UnknownMetaKey(String),
    /// The schema version is unknown, so the definition cannot be verified.
    #[error(
        "the definition's schema is not 1, the only one that this release supports; \
             a newer release may support it"
    )]
    UnknownSchema,
    /// A member that schema 1 does not define, such as a self-declared `verified`.
    #[error("the definition has the member \"{}\", which schema 1 does not define", escaped(.0))]
    UnknownMember(String),
    /// A required member is missing.
    #[error("the definition lacks the member `{0}`")]
    MissingMember(&'static str),
    /// A member has the wrong form.
    #[error("the definition's member `{name}` {problem}")]
    Member {
        /// The member.
        name: &'static str,
        /// The problem with the member.
        problem: String,
    },
    /// An id, version, provider or scope has the wrong form.
    #[error("the definition is malformed: {0}")]
    Malformed(#[from] NameError),
}
