//! The trait of identity providers.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_types::trust::IssuerKind;

use crate::error::OAuthError;
use crate::introspection::Introspection;
use crate::request::{AttestationRequest, TokenRequest};
use crate::token::{AccessToken, AttestationToken, BearerToken};
use crate::validation::{Expectations, Principal};

/// An identity provider: an OAuth issuer with this program as its client.
///
/// [`contract::provider_keeps_its_contract`](crate::contract::provider_keeps_its_contract) checks an
/// implementation.
///
/// The trait may gain methods. A new method has a default that returns an error, such as
/// [`OAuthError::NotOffered`], so that an implementation without the method does not accept a token
/// by accident.
#[async_trait]
pub trait OAuthProvider: Debug + Send + Sync {
    /// Returns the issuer, by exactly the name that the issuer gives itself.
    fn issuer(&self) -> &str;

    /// Returns the kind of the issuer.
    fn kind(&self) -> IssuerKind;

    /// Returns the id of this program's client at the issuer, if the program has a client.
    fn client_id(&self) -> Option<&str>;

    /// Returns a token for calls, from the cache or from the issuer. The token holds every scope
    /// that was asked for.
    ///
    /// # Errors
    /// An [`OAuthError`]: [`InsufficientScope`](OAuthError::InsufficientScope) if the issuer
    /// granted fewer scopes.
    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError>;

    /// Returns an attestation, from the cache or from the issuer. The attestation binds everything
    /// that was asked for, and cannot be used as a credential.
    ///
    /// # Errors
    /// An [`OAuthError`]: [`Attestation`](OAuthError::Attestation) if the issuer's token must not be
    /// published.
    async fn attestation(
        &self,
        request: &AttestationRequest,
    ) -> Result<AttestationToken, OAuthError>;

    /// Validates a token that a caller presented, and returns the caller.
    ///
    /// # Errors
    /// [`OAuthError::Token`] if the token is refused. Any other error means that the token cannot
    /// be validated now. Refuse the call in both cases.
    async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError>;

    /// Asks the issuer about a token (RFC 7662).
    ///
    /// # Errors
    /// [`OAuthError::NotOffered`] if the issuer does not offer introspection.
    async fn introspect(&self, token: &BearerToken) -> Result<Introspection, OAuthError> {
        let _ = token;
        Err(OAuthError::NotOffered("introspection"))
    }

    /// Revokes a token (RFC 7009). This provider must refuse the token from then on, even if the
    /// issuer does not revoke it: the signature of a revoked JWT stays good until it expires, and
    /// other servers accept it until then.
    ///
    /// # Errors
    /// [`OAuthError::NotOffered`] if the issuer does not offer revocation.
    async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        let _ = token;
        Err(OAuthError::NotOffered("revocation"))
    }

    /// Forgets this token of [`token`](Self::token), because a server refused it as invalid. The
    /// next request gets another token. By default forgets every token.
    fn forget(&self, token: &BearerToken) {
        let _ = token;
        self.cleanup();
    }

    /// Forgets every token.
    fn cleanup(&self) {}
}

/// A shared provider is also a provider.
#[async_trait]
impl<P: OAuthProvider + ?Sized> OAuthProvider for Arc<P> {
    fn issuer(&self) -> &str {
        (**self).issuer()
    }

    fn kind(&self) -> IssuerKind {
        (**self).kind()
    }

    fn client_id(&self) -> Option<&str> {
        (**self).client_id()
    }

    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError> {
        (**self).token(request).await
    }

    async fn attestation(
        &self,
        request: &AttestationRequest,
    ) -> Result<AttestationToken, OAuthError> {
        (**self).attestation(request).await
    }

    async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError> {
        (**self).validate(token, expected).await
    }

    async fn introspect(&self, token: &BearerToken) -> Result<Introspection, OAuthError> {
        (**self).introspect(token).await
    }

    async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        (**self).revoke(token).await
    }

    fn forget(&self, token: &BearerToken) {
        (**self).forget(token);
    }

    fn cleanup(&self) {
        (**self).cleanup();
    }
}
