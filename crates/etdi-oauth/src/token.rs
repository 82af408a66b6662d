//! Tokens: bearer tokens are secrets, attestations are public, and they are different types.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use etdi_types::verdict::Binding;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

/// A token as it is presented to a server: a secret. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct BearerToken(Arc<SecretString>);

impl BearerToken {
    /// A token that somebody presented.
    #[must_use]
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(Arc::new(text.into()))
    }

    /// The token itself, for an `Authorization` header and nothing else.
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

/// An access token that an issuer granted to this program, with what is known of it. It is a
/// [`BearerToken`].
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
    /// A token with what its issuer said of it. For implementations of
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

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.about.issuer
    }

    /// The client that it was granted to.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.about.client
    }

    /// The audience that was asked for.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.about.audience.as_deref()
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.about.scopes
    }

    /// Whether this scope was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.about.scopes.contains(scope)
    }

    /// When it expires.
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

/// A JWT that binds definitions to a client of its issuer. It is public, and worthless as a
/// credential: only a provider that has checked that makes one.
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

    /// The JWT, as it stands in a definition's `attestation`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The client that it names.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.0.client
    }

    /// What it binds; the stronger one if there are two.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.0.binding
    }

    /// When it expires.
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
