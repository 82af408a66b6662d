//! The types of tokens. Bearer tokens are secrets and attestations are public, so they have
//! different types.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use etdi_types::verdict::Binding;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

/// A token as it is presented to a server: a secret. `Debug` does not show it.
#[derive(Clone)]
pub struct BearerToken(Arc<SecretString>);

impl BearerToken {
    /// Wraps a token that a caller presented.
    #[must_use]
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(Arc::new(text.into()))
    }

    /// Returns the token itself. Use it only to send the token to a server that may receive it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Debug for BearerToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

/// An access token that an issuer granted to this program, with its known properties. It
/// dereferences to a [`BearerToken`].
#[derive(Clone, Debug)]
pub struct AccessToken {
    token: BearerToken,
    about: Arc<About>,
}

#[derive(Debug)]
struct About {
    issuer: String,
    client: String,
    audience: Option<String>,
    scopes: BTreeSet<String>,
    expires_at: OffsetDateTime,
}

impl AccessToken {
    /// Returns a token with the properties that its issuer named. For implementations of
    /// [`OAuthProvider`](crate::OAuthProvider).
    #[must_use]
    pub fn granted(
        token: BearerToken,
        issuer: impl Into<String>,
        client: impl Into<String>,
        audience: Option<String>,
        scopes: BTreeSet<String>,
        expires_at: OffsetDateTime,
    ) -> Self {
        Self {
            token,
            about: Arc::new(About {
                issuer: issuer.into(),
                client: client.into(),
                audience,
                scopes,
                expires_at,
            }),
        }
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.about.issuer
    }

    /// Returns the client that the token was granted to.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.about.client
    }

    /// Returns the audience that was asked for.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.about.audience.as_deref()
    }

    /// Returns the scopes that were granted.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.about.scopes
    }

    /// Returns whether this scope was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.about.scopes.contains(scope)
    }

    /// Returns the time at which the token expires.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.about.expires_at
    }
}

impl Deref for AccessToken {
    type Target = BearerToken;

    fn deref(&self) -> &BearerToken {
        &self.token
    }
}

/// A JWT that binds definitions to a client of its issuer. The JWT is public and cannot be used as
/// a credential. Only the providers of this crate make this type, after they have checked the JWT.
#[derive(Clone)]
pub struct AttestationToken(Arc<Attestation>);

struct Attestation {
    text: String,
    issuer: String,
    client: String,
    binding: Binding,
    expires_at: OffsetDateTime,
}

impl AttestationToken {
    pub(crate) fn checked(
        text: String,
        issuer: String,
        client: String,
        binding: Binding,
        expires_at: OffsetDateTime,
    ) -> Self {
        Self(Arc::new(Attestation { text, issuer, client, binding, expires_at }))
    }

    /// Returns the JWT, as a definition's `attestation` holds it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the client that the attestation names.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.0.client
    }

    /// Returns the binding; the stronger one if there are two.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.0.binding
    }

    /// Returns the time at which the attestation expires.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.0.expires_at
    }
}

impl Debug for AttestationToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationToken")
            .field("issuer", &self.0.issuer)
            .field("client", &self.0.client)
            .field("binding", &self.0.binding)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
