//! Revocations in a trust configuration: `sha256:…`, `kid:…`, `id@V`, `id@<V`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::definition::ToolDefinition;
use crate::digest::Digest;
use crate::names::{ToolId, Version};
use crate::text::escaped;

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// One definition.
    Definition(Digest),
    /// One key of the provider.
    Key(String),
    /// One version of a tool.
    Version(ToolId, Version),
    /// Every version of a tool below this version.
    Below(ToolId, Version),
}

/// The text is not a revocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is not a revocation: write sha256:<digest>, kid:<key id>, <tool id>@<version> or \
         <tool id>@<<version>", escaped(.0))]
pub struct RevocationError(String);

impl Revocation {
    /// Returns whether this revocation covers `definition`, signed by a key with the id `kid`.
    #[must_use]
    pub fn covers(&self, definition: &ToolDefinition, kid: Option<&str>) -> bool {
        let versioned = definition.signed().map(|part| (&part.id, &part.version));
        match self {
            Self::Definition(digest) => *digest == definition.digest(),
            Self::Key(revoked) => kid == Some(revoked),
            Self::Version(id, version) => versioned == Some((id, version)),
            Self::Below(id, limit) => {
                versioned.is_some_and(|(this, version)| this == id && version < limit)
            }
        }
    }
}

impl FromStr for Revocation {
    type Err = RevocationError;

    fn from_str(text: &str) -> Result<Self, RevocationError> {
        let refuse = || RevocationError(text.to_owned());
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Definition).map_err(|_| refuse());
        }
        if let Some(kid) = text.strip_prefix("kid:") {
            return if kid.is_empty() { Err(refuse()) } else { Ok(Self::Key(kid.to_owned())) };
        }
        let (id, version) = text.split_once('@').ok_or_else(refuse)?;
        let id = id.parse().map_err(|_| refuse())?;
        match version.strip_prefix('<') {
            Some(limit) => Ok(Self::Below(id, limit.parse().map_err(|_| refuse())?)),
            None => Ok(Self::Version(id, version.parse().map_err(|_| refuse())?)),
        }
    }
}

impl Display for Revocation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(digest) => write!(f, "{digest}"),
            Self::Key(kid) => write!(f, "kid:{}", escaped(kid)),
            Self::Version(id, version) => write!(f, "{id}@{version}"),
            Self::Below(id, version) => write!(f, "{id}@<{version}"),
        }
    }
}

impl<'de> Deserialize<'de> for Revocation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
