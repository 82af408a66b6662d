//! The approval that a person gives.

use etdi_types::{Jwk, Scope};
use time::OffsetDateTime;

/// A person's approval of the definition that was shown.
///
/// By default an approval grants the required permissions of the tool and no optional ones, and has
/// no end.
#[derive(Clone, Debug)]
#[must_use]
pub struct Approval {
    pub(crate) by: String,
    pub(crate) granted: Option<Vec<Scope>>,
    pub(crate) until: Option<OffsetDateTime>,
    pub(crate) pinned_key: Option<Jwk>,
}

impl Approval {
    /// Makes an approval by this person.
    pub fn by(person: impl Into<String>) -> Self {
        Self { by: person.into(), granted: None, until: None, pinned_key: None }
    }

    /// Grants exactly these permissions, which may include optional ones. An empty set grants no
    /// permission.
    pub fn granting(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.granted = Some(scopes.into_iter().collect());
        self
    }

    /// Ends the approval at this instant.
    pub fn until(mut self, end: OffsetDateTime) -> Self {
        self.until = Some(end);
        self
    }

    /// Trusts this key, for this server only.
    ///
    /// The person must get the key from the publisher, not from the server: a definition never
    /// brings its own key. A tool whose key is not configured needs a pinned key. This key must
    /// have made the signature of the definition.
    pub fn pinning(mut self, key: Jwk) -> Self {
        self.pinned_key = Some(key);
        self
    }
}
