//! A person's yes.

use etdi_types::{Jwk, Scope};
use time::OffsetDateTime;

/// A person's yes to the definition that was shown.
///
/// By default it grants the permissions that the tool requires and no optional one, and has no end.
#[derive(Clone, Debug)]
#[must_use]
pub struct Approval {
    pub(crate) by: String,
    pub(crate) granted: Option<Vec<Scope>>,
    pub(crate) until: Option<OffsetDateTime>,
    pub(crate) pinned_key: Option<Jwk>,
}

impl Approval {
    /// An approval by this person.
    pub fn by(person: impl Into<String>) -> Self {
        Self { by: person.into(), granted: None, until: None, pinned_key: None }
    }

    /// Grants exactly these permissions, optional ones among them. An empty set grants none.
    pub fn granting(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.granted = Some(scopes.into_iter().collect());
        self
    }

    /// Ends at this instant.
    pub fn until(mut self, end: OffsetDateTime) -> Self {
        self.until = Some(end);
        self
    }

    /// Trusts this key, for this server only.
    ///
    /// The person got it from the publisher, not from the server: a definition never brings its own
    /// key. Needed to approve a tool whose key nothing configures; it must be the key that made the
    /// definition's signature.
    pub fn pinning(mut self, key: Jwk) -> Self {
        self.pinned_key = Some(key);
        self
    }
}
