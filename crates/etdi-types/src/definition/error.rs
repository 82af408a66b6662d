//! Why a definition is refused.

use crate::json::JsonError;
use crate::names::NameError;
use crate::text::escaped;

/// A definition that must not be used, and why. Every variant blocks, at every level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The text is not JSON that all readers read alike.
    #[error("the tool's JSON is refused: {0}")]
    Json(#[from] JsonError),
    /// An element of `tools` that is no object.
    #[error("a tool must be an object, not {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// The tool has no name.
    #[error("the tool has no name, or one that is not a non-empty string")]
    Name,
    /// `_meta` is no object.
    #[error("the tool's _meta must be an object, not {found}")]
    Meta {
        /// What it is.
        found: &'static str,
    },
    /// A key under `dev.etdi/` that schema 1 does not define.
    #[error("the tool's _meta has the key \"{}\", which schema 1 does not define", escaped(.0))]
    UnknownMetaKey(String),
    /// A schema version that is not understood, so nothing can be verified.
    #[error(
        "the definition's schema is not 1, the only one understood here; \
             a newer release may understand it"
    )]
    UnknownSchema,
    /// A member that schema 1 does not define, such as a self-declared `verified`.
    #[error("the definition has the member \"{}\", which schema 1 does not define", escaped(.0))]
    UnknownMember(String),
    /// A required member is missing.
    #[error("the definition lacks the member `{0}`")]
    MissingMember(&'static str),
    /// A member of the wrong form.
    #[error("the definition's member `{name}` {problem}")]
    Member {
        /// Which member.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// An id, version, provider or scope of the wrong form.
    #[error("the definition is malformed: {0}")]
    Malformed(#[from] NameError),
}
