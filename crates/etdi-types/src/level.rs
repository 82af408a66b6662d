//! The strictness of a client.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The column of the decision table that applies. The default is [`SecurityLevel::Enhanced`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SecurityLevel {
    /// Pins a tool when it is first seen, and warns; blocks a tool that is provably wrong.
    Basic,
    /// Asks a person before the first use and after every change.
    #[default]
    Enhanced,
    /// Blocks every tool that is not proven. A client at this level needs call proofs, which do not
    /// exist yet.
    #[serde(alias = "high")]
    Strict,
}

impl SecurityLevel {
    /// Returns the greatest age that the last complete `tools/list` may have at a call. If the list
    /// is older, the call reads it again first.
    #[must_use]
    pub fn definition_max_age(self) -> Duration {
        match self {
            Self::Basic => Duration::from_secs(60 * 60),
            Self::Enhanced => Duration::from_secs(5 * 60),
            Self::Strict => Duration::ZERO,
        }
    }

    /// Returns how long an approved definition stays callable after its evidence was last good,
    /// while the identity provider does not answer or the attestation has expired.
    #[must_use]
    pub fn offline_grace(self) -> Duration {
        match self {
            Self::Basic | Self::Enhanced => Duration::from_secs(7 * 24 * 60 * 60),
            Self::Strict => Duration::from_secs(60 * 60),
        }
    }
}

impl Display for SecurityLevel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "basic",
            Self::Enhanced => "enhanced",
            Self::Strict => "strict",
        })
    }
}

/// The text does not name a security level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a security level is one of: basic, enhanced, strict (or high, which means strict)")]
pub struct LevelError;

impl FromStr for SecurityLevel {
    type Err = LevelError;

    /// Reads a level, case-insensitively; `high` is another name of `strict`.
    fn from_str(text: &str) -> Result<Self, LevelError> {
        match text.to_ascii_lowercase().as_str() {
            "basic" => Ok(Self::Basic),
            "enhanced" => Ok(Self::Enhanced),
            "strict" | "high" => Ok(Self::Strict),
            _ => Err(LevelError),
        }
    }
}
