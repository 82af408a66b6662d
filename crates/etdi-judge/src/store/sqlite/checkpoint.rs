//! The id and revision of a store, for a host to keep elsewhere.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of a store, and its revision at one time. A host that keeps it outside of the store's
/// file can tell an older copy of the file from the store itself.
///
/// Its text is the store's random id (32 lower-case hex digits), `@`, and the revision in decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    store: String,
    revision: u64,
}

/// The error of a text that is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a checkpoint is 32 lower-case hex digits, `@` and a number below 2^63")]
pub struct CheckpointError;

impl Checkpoint {
    pub(super) fn new(store: &str, revision: u64) -> Result<Self, CheckpointError> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = store.len() == 32 && store.bytes().all(is_hex);
        let fits = i64::try_from(revision).is_ok();
        if is_id && fits {
            Ok(Self { store: store.to_owned(), revision })
        } else {
            Err(CheckpointError)
        }
    }

    /// Returns the store's random id.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.store
    }

    /// Returns the revision: a number that grows with every change of an approval, a pin or the
    /// ledger.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl Display for Checkpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.store, self.revision)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (store, digits) = text.split_once('@').ok_or(CheckpointError)?;
        let revision = digits.parse().map_err(|_| CheckpointError)?;
        let checkpoint = Self::new(store, revision)?;
        // Each checkpoint has only one text: no sign, no leading zeros.
        if checkpoint.revision.to_string() == digits {
            Ok(checkpoint)
        } else {
            Err(CheckpointError)
        }
    }
}

impl Serialize for Checkpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checkpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_from_its_text() {
        let id = "0123456789abcdef0123456789abcdef";
        let text = &*format!("{id}@42");
        let checkpoint: Checkpoint = text.parse().unwrap();
        assert_eq!((checkpoint.store(), checkpoint.revision()), (id, 42));
        assert_eq!(checkpoint.to_string(), text);
        let json = serde_json::to_string(&checkpoint).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Checkpoint>(&json).unwrap(), checkpoint);
    }

    #[test]
    fn text_that_is_almost_a_checkpoint_is_refused() {
        let id = "0123456789abcdef0123456789abcdef";
        for text in [
            "",
            id,
            &format!("{id}@"),
            &format!("{id}@-1"),
            &format!("{id}@+1"),
            &format!("{id}@01"),
            &format!("{id}@1 "),
            &format!("{id}@9223372036854775808"),
            &format!("{}@1", id.trim_start_matches('0')),
            &format!("{}@1", id.to_uppercase()),
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(CheckpointError), "{text}");
        }
    }
}
