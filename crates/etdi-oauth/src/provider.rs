//! Identity providers.

use std::borrow::Borrow;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use etdi_types::trust::IssuerKind;

use crate::config::OAuthConfig;
use crate::error::OAuthError;
use crate::introspection::Introspection;
use crate::issuer_client::IssuerClient;
use crate::jwks::JwksClient;
use crate::request::{AttestationRequest, TokenRequest};
use crate::token::{AccessToken, AttestationToken, BearerToken};
use crate::validation::{Expectations, Principal};

/// An identity provider: an OAuth issuer, and this program as its client.
///
/// Whoever implements it proves it with
/// [`contract::provider_keeps_its_contract`](crate::contract::provider_keeps_its_contract).
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

macro_rules! provider {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone; clones share tokens and keys.
        #[derive(Clone)]
        pub struct $name(Arc<IssuerClient>);

        impl $name {
            /// Finds the issuer's endpoints and fetches its keys. Afterwards the provider works, or
            /// there is none.
            ///
            /// # Errors
            /// An [`OAuthError`] that says what to do about it.
            pub async fn initialize(config: OAuthConfig) -> Result<Self, OAuthError> {
                IssuerClient::initialize(config, IssuerKind::$kind).await.map(Self)
            }

            /// The issuer's keys.
            #[must_use]
            pub fn jwks(&self) -> &JwksClient {
                &self.0.jwks
            }

            /// The audience for calls, if one is configured.
            #[must_use]
            pub fn audience(&self) -> Option<&str> {
                self.0.config.default_audience()
            }

            /// See [`OAuthProvider::token`].
            ///
            /// # Errors
            /// The same.
            pub async fn token(
                &self,
                request: impl Borrow<TokenRequest>,
            ) -> Result<AccessToken, OAuthError> {
                let request = request.borrow().clone();
                self.0.token(&request).await
            }

            /// See [`OAuthProvider::attestation`].
            ///
            /// # Errors
            /// The same.
            pub async fn attestation(
                &self,
                request: impl Borrow<AttestationRequest>,
            ) -> Result<AttestationToken, OAuthError> {
                let request = request.borrow().clone();
                self.0.attestation(&request).await
            }

            /// See [`OAuthProvider::validate`].
            ///
            /// # Errors
            /// The same.
            pub async fn validate(
                &self,
                token: &BearerToken,
                expected: impl Borrow<Expectations> + Send,
            ) -> Result<Principal, OAuthError> {
                self.0.validate(token, expected.borrow()).await
            }
        }

        #[async_trait]
        impl OAuthProvider for $name {
            fn issuer(&self) -> &str {
                self.0.issuer()
            }

            fn kind(&self) -> IssuerKind {
                self.0.kind()
            }

            fn client_id(&self) -> Option<&str> {
                self.0.config.client_id()
            }

            async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError> {
                self.0.token(request).await
            }

            async fn attestation(
                &self,
                request: &AttestationRequest,
            ) -> Result<AttestationToken, OAuthError> {
                self.0.attestation(request).await
            }

            async fn validate(
                &self,
                token: &BearerToken,
                expected: &Expectations,
            ) -> Result<Principal, OAuthError> {
                self.0.validate(token, expected).await
            }

            async fn introspect(&self, token: &BearerToken) -> Result<Introspection, OAuthError> {
                self.0.introspect(token).await
            }

            async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
                self.0.revoke(token).await
            }

            fn cleanup(&self) {
                self.0.clear();
            }
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("issuer", &self.0.issuer())
                    .field("client", &self.0.config.client_id())
                    .finish_non_exhaustive()
            }
        }
    };
}

provider! {
    /// Auth0.
    Auth0Provider, Auth0
}

provider! {
    /// Okta.
    OktaProvider, Okta
}

provider! {
    /// Microsoft Entra ID. It copies nothing from a request into a token, so its attestations bind a
    /// key or nothing.
    EntraProvider, Entra
}

provider! {
    /// Any other issuer that speaks OAuth 2 with JWT access tokens (RFC 9068) and publishes its
    /// metadata (RFC 8414, or OpenID Connect Discovery).
    GenericProvider, Generic
}
