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

/// An identity provider: an OAuth issuer, and this program as its client.
///
/// [`contract::provider_keeps_its_contract`](crate::contract::provider_keeps_its_contract) checks an
/// implementation.
///
/// The trait may gain methods. A new method has a default that returns an error, such as
/// [`OAuthError::NotOffered`], so that an implementation which does not know the method lets nothing
/// through.
#[async_trait]
pub trait OAuthProvider: Debug + Send + Sync {
    /// The issuer, exactly as it calls itself.
    fn issuer(&self) -> &str;

    /// What kind of issuer it is.
    fn kind(&self) -> IssuerKind;

    /// The client that this program is, if it is one.
    fn client_id(&self) -> Option<&str>;

    /// A token for calls, from the cache or from the issuer. It holds every scope that was asked for.
    ///
    /// # Errors
    /// An [`OAuthError`]: [`InsufficientScope`](OAuthError::InsufficientScope) if the issuer granted
    /// less.
    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError>;

    /// An attestation, from the cache or from the issuer. It binds everything that was asked for and
    /// is worthless as a credential.
    ///
    /// # Errors
    /// An [`OAuthError`]: [`Attestation`](OAuthError::Attestation) if the issuer's token must not be
    /// published.
    async fn attestation(
        &self,
        request: &AttestationRequest,
    ) -> Result<AttestationToken, OAuthError>;

    /// Whom a presented token speaks for.
    ///
    /// # Errors
    /// [`OAuthError::Token`] if it is refused; another one if that cannot be known now, and then the
    /// call must be refused too.
    async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError>;

    /// What the issuer says of a token (RFC 7662).
    ///
    /// # Errors
    /// [`OAuthError::NotOffered`] if it does not say.
    async fn introspect(&self, token: &BearerToken) -> Result<Introspection, OAuthError> {
        let _ = token;
        Err(OAuthError::NotOffered("introspection"))
    }

    /// Takes a token back (RFC 7009).
    ///
    /// # Errors
    /// [`OAuthError::NotOffered`] if the issuer does not.
    async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        let _ = token;
        Err(OAuthError::NotOffered("revocation"))
    }

    /// Forgets every token.
    fn cleanup(&self) {}
}

/// A provider that is shared is a provider.
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

    fn cleanup(&self) {
        (**self).cleanup();
    }
}
