//! The provider for every issuer that speaks OAuth 2.

use std::borrow::Borrow;
use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_types::trust::IssuerKind;

use crate::config::OAuthConfig;
use crate::error::OAuthError;
use crate::introspection::Introspection;
use crate::issuer_client::IssuerClient;
use crate::jwks::JwksClient;
use crate::provider::OAuthProvider;
use crate::request::{AttestationRequest, TokenRequest};
use crate::token::{AccessToken, AttestationToken, BearerToken};
use crate::validation::{Expectations, Principal};

/// An issuer with this program as its client. Cheap to clone; clones share tokens and keys.
///
/// The configuration names the kind of the issuer, and the kind decides the other rules.
/// [`Auth0Provider`] and similar types accept the configuration of one kind only;
/// [`IssuerProvider::any`] accepts every kind.
pub struct IssuerProvider<K = AnyKind> {
    client: Arc<IssuerClient>,
    kind: PhantomData<fn() -> K>,
}

/// Auth0.
pub type Auth0Provider = IssuerProvider<Auth0>;

/// Okta.
pub type OktaProvider = IssuerProvider<Okta>;

/// Microsoft Entra ID. Entra copies no part of a request into a token, so its attestations can bind
/// a key but not a digest.
pub type EntraProvider = IssuerProvider<Entra>;

/// Any other issuer that speaks OAuth 2 with JWT access tokens (RFC 9068) and publishes its
/// metadata (RFC 8414, or OpenID Connect Discovery).
pub type GenericProvider = IssuerProvider<Generic>;

impl IssuerProvider<AnyKind> {
    /// Does the same as [`initialize`](Self::initialize), for a configuration of any kind.
    ///
    /// # Errors
    /// An [`OAuthError`] that includes the next step.
    pub async fn any(config: OAuthConfig) -> Result<Self, OAuthError> {
        Self::initialize(config).await
    }
}

impl<K: ProviderKind> IssuerProvider<K> {
    /// Finds the issuer's endpoints and fetches its keys. Fails if it cannot get both, so a
    /// provider is ready as soon as it exists.
    ///
    /// # Errors
    /// An [`OAuthError`] that includes the next step.
    pub async fn initialize(config: OAuthConfig) -> Result<Self, OAuthError> {
        let kind = K::KIND.unwrap_or(config.kind());
        let client = IssuerClient::initialize(config, kind).await?;
        Ok(Self { client, kind: PhantomData })
    }

    /// Returns the issuer's keys.
    #[must_use]
    pub fn jwks(&self) -> &JwksClient {
        self.client.jwks()
    }

    /// Returns the audience for calls, if one is configured.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.client.config().default_audience()
    }

    /// Does the same as [`OAuthProvider::token`].
    ///
    /// # Errors
    /// Those of [`OAuthProvider::token`].
    pub async fn token(
        &self,
        request: impl Borrow<TokenRequest>,
    ) -> Result<AccessToken, OAuthError> {
        let request = request.borrow().clone();
        self.client.token(&request).await
    }

    /// Does the same as [`OAuthProvider::attestation`].
    ///
    /// # Errors
    /// Those of [`OAuthProvider::attestation`].
    pub async fn attestation(
        &self,
        request: impl Borrow<AttestationRequest>,
    ) -> Result<AttestationToken, OAuthError> {
        let request = request.borrow().clone();
        self.client.attestation(&request).await
    }

    /// Does the same as [`OAuthProvider::validate`].
    ///
    /// # Errors
    /// Those of [`OAuthProvider::validate`].
    pub async fn validate(
        &self,
        token: &BearerToken,
        expected: impl Borrow<Expectations> + Send,
    ) -> Result<Principal, OAuthError> {
        self.client.validate(token, expected.borrow()).await
    }
}

#[async_trait]
impl<K: ProviderKind> OAuthProvider for IssuerProvider<K> {
    fn issuer(&self) -> &str {
        self.client.issuer()
    }

    fn kind(&self) -> IssuerKind {
        self.client.kind()
    }

    fn client_id(&self) -> Option<&str> {
        self.client.config().client_id()
    }

    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError> {
        self.client.token(request).await
    }

    async fn attestation(
        &self,
        request: &AttestationRequest,
    ) -> Result<AttestationToken, OAuthError> {
        self.client.attestation(request).await
    }

    async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError> {
        self.client.validate(token, expected).await
    }

    async fn introspect(&self, token: &BearerToken) -> Result<Introspection, OAuthError> {
        self.client.introspect(token).await
    }

    async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        self.client.revoke(token).await
    }

    fn forget(&self, token: &BearerToken) {
        self.client.forget(token);
    }

    fn cleanup(&self) {
        self.client.clear();
    }
}

impl<K> Clone for IssuerProvider<K> {
    fn clone(&self) -> Self {
        Self { client: Arc::clone(&self.client), kind: PhantomData }
    }
}

impl<K> Debug for IssuerProvider<K> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerProvider")
            .field("kind", &self.client.kind())
            .field("issuer", &self.client.issuer())
            .field("client", &self.client.config().client_id())
            .finish_non_exhaustive()
    }
}

/// The kinds that a provider can be limited to. The trait is not exported, so only the types below
/// implement it.
pub trait ProviderKind: 'static {
    /// The one kind that is accepted. `None` accepts every kind.
    const KIND: Option<IssuerKind>;
}

/// Every kind.
#[derive(Debug)]
pub enum AnyKind {}

/// Auth0.
#[derive(Debug)]
pub enum Auth0 {}

/// Okta.
#[derive(Debug)]
pub enum Okta {}

/// Entra.
#[derive(Debug)]
pub enum Entra {}

/// Any other issuer.
#[derive(Debug)]
pub enum Generic {}

impl ProviderKind for AnyKind {
    const KIND: Option<IssuerKind> = None;
}

impl ProviderKind for Auth0 {
    const KIND: Option<IssuerKind> = Some(IssuerKind::Auth0);
}

impl ProviderKind for Okta {
    const KIND: Option<IssuerKind> = Some(IssuerKind::Okta);
}

impl ProviderKind for Entra {
    const KIND: Option<IssuerKind> = Some(IssuerKind::Entra);
}

impl ProviderKind for Generic {
    const KIND: Option<IssuerKind> = Some(IssuerKind::Generic);
}
