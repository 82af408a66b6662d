//! The values that a token must have, and the caller that a valid token speaks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use etdi_types::AuthorizationContext;
use time::OffsetDateTime;

use super::claims::Claims;
use crate::instants::instant;

/// The audience and the scopes that a token must have.
///
/// ```
/// use etdi_oauth::Expectations;
/// let expected = Expectations::audience("https://api.example").scope("execute:tools");
/// ```
#[derive(Clone, Debug)]
pub struct Expectations {
    /// One of these is enough.
    audiences: Vec<String>,
    scopes: BTreeSet<String>,
    proven_key: Option<String>,
}

impl Expectations {
    /// Demands this audience, compared as bytes. The audience is always checked.
    #[must_use]
    pub fn audience(audience: impl Into<String>) -> Self {
        Self { audiences: vec![audience.into()], scopes: BTreeSet::new(), proven_key: None }
    }

    /// Accepts this audience as well. One of them is enough: an API may have a name at its issuer
    /// and a URI at which clients reach it.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Demands a scope. Scopes are case-sensitive, without prefixes or wildcards.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// Demands these scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Accepts only a token that is bound to the key with this RFC 7638 thumbprint. For a server
    /// that checks DPoP proofs itself: call this only after the caller has proven that it holds the
    /// key.
    #[must_use]
    pub fn proven_key(mut self, thumbprint: impl Into<String>) -> Self {
        self.proven_key = Some(thumbprint.into());
        self
    }

    /// Returns the audience of a token that is an expected one.
    pub(crate) fn accepted<'t>(&self, audiences: &'t [String]) -> Option<&'t String> {
        audiences.iter().find(|one| self.audiences.contains(one))
    }

    pub(super) fn audience_text(&self) -> String {
        self.audiences.join(" or ")
    }

    pub(super) fn missing(&self, granted: &BTreeSet<String>) -> Vec<String> {
        self.scopes.difference(granted).cloned().collect()
    }

    pub(super) fn proven_key_thumbprint(&self) -> Option<&str> {
        self.proven_key.as_deref()
    }
}

/// The caller that a valid token speaks for. Only validation makes this type. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Claims>);

impl Principal {
    pub(super) fn new(claims: Arc<Claims>) -> Self {
        Self(claims)
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Returns the client that the token was issued to, if the token names one.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// Returns the audiences of the token; one of them is the expected one.
    #[must_use]
    pub fn audience(&self) -> &[String] {
        &self.0.audience
    }

    /// Returns every scope of the token.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.0.scopes
    }

    /// Returns the scopes of `required` that the token lacks, in the given order.
    #[must_use]
    pub fn missing_scopes<S: AsRef<str>>(
        &self,
        required: impl IntoIterator<Item = S>,
    ) -> Vec<String> {
        required
            .into_iter()
            .map(|scope| scope.as_ref().to_owned())
            .filter(|scope| !self.0.scopes.contains(scope))
            .collect()
    }

    /// Returns the time at which the token expires, without leeway.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        instant(self.0.times.expires)
    }

    /// Returns the time at which the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> OffsetDateTime {
        instant(self.0.times.issued)
    }

    /// Returns whether the token is still within its time, with the leeway of validation.
    #[must_use]
    pub fn is_current(&self, now: OffsetDateTime) -> bool {
        self.0.times.check(now).is_ok()
    }

    /// Returns the issuer, subject and client that an approval is limited to.
    #[must_use]
    pub fn context(&self) -> AuthorizationContext {
        AuthorizationContext::Principal {
            issuer: self.0.issuer.clone(),
            subject: self.0.subject.clone(),
            client: self.0.client.clone().unwrap_or_default(),
        }
    }
}
