//! APIs and clients, as an administrator registers them.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use crate::error::KeyError;
use crate::key::random_text;

/// The layout of an issuer's URLs, parameters and claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerLayout {
    /// The layout of Auth0.
    #[default]
    Auth0,
    /// The layout of OpenID Connect Discovery, RFC 8707 and RFC 9068.
    Plain,
}

/// The paths of an issuer.
pub(crate) struct Paths {
    pub(crate) issuer: &'static str,
    pub(crate) token: &'static str,
    pub(crate) jwks: &'static str,
    pub(crate) discovery: &'static str,
}

impl IssuerLayout {
    pub(crate) fn paths(self) -> Paths {
        match self {
            Self::Auth0 => Paths {
                issuer: "/",
                token: "/oauth/token",
                jwks: "/.well-known/jwks.json",
                discovery: "/.well-known/openid-configuration",
            },
            Self::Plain => Paths {
                issuer: "/oidc",
                token: "/oidc/token",
                jwks: "/oidc/keys",
                discovery: "/oidc/.well-known/openid-configuration",
            },
        }
    }
}

/// The algorithm that signs the tokens of an API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    #[default]
    RS256,
    /// HMAC with SHA-256 (RFC 7518, section 3.2), with a secret that the issuer does not keep. A
    /// client must refuse such a token.
    HS256,
}

/// An API, also called a resource server: the audience of tokens.
#[derive(Clone, Debug)]
pub struct Api {
    pub(crate) identifier: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) lifetime: Duration,
    pub(crate) algorithm: TokenAlgorithm,
    pub(crate) attests: bool,
}

impl Api {
    /// Returns an API with this identifier, which is the `aud` of its tokens, and these scopes. Its
    /// tokens are signed with RS256 and valid for one day.
    #[must_use]
    pub fn new(identifier: &str, scopes: &[&str]) -> Self {
        Self {
            identifier: identifier.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            lifetime: Duration::from_secs(24 * 60 * 60),
            algorithm: TokenAlgorithm::RS256,
            attests: false,
        }
    }

    /// Sets the lifetime of its tokens, in whole seconds.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Signs its tokens with this algorithm.
    #[must_use]
    pub fn algorithm(self, algorithm: TokenAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// Puts the definitions of a request into the claim
    /// [`DEFINITIONS_CLAIM`](crate::DEFINITIONS_CLAIM) of its tokens.
    #[must_use]
    pub fn attesting(self) -> Self {
        Self { attests: true, ..self }
    }

    /// Returns the lifetime in seconds, for `exp` and `expires_in`.
    pub(crate) fn seconds(&self) -> i64 {
        i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX)
    }
}

/// A confidential client that obtains tokens for itself.
#[derive(Clone)]
pub struct RegisteredClient {
    id: String,
    secret: String,
    grants: BTreeMap<String, Vec<String>>,
    authorities: Vec<String>,
}

impl RegisteredClient {
    /// Returns a client with this id and a new secret. The client does not have a grant yet.
    ///
    /// # Errors
    /// Fails if the system does not return random numbers.
    pub fn generate(id: &str) -> Result<Self, KeyError> {
        Ok(Self::with_secret(id, &random_text()?))
    }

    /// Returns a client with this id and this secret. The client does not have a grant yet.
    #[must_use]
    pub fn with_secret(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            grants: BTreeMap::new(),
            authorities: Vec::new(),
        }
    }

    /// Grants the client these scopes of an API. Without a grant, the client gets no token for the
    /// API.
    #[must_use]
    pub fn granted(mut self, api: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.grants.insert(api.to_owned(), scopes);
        self
    }

    /// Allows the client to get attestations for tool ids of this authority.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        self.authorities.push(authority.to_owned());
        self
    }

    /// Returns the client's `client_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the client's `client_secret`, which the client sends in the body of a token request.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn scopes_of(&self, api: &str) -> Option<&[String]> {
        self.grants.get(api).map(Vec::as_slice)
    }

    pub(crate) fn speaks_for(&self, authority: &str) -> bool {
        self.authorities.iter().any(|own| own == authority)
    }
}

/// Shows the client without its secret.
impl Debug for RegisteredClient {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClient").field("id", &self.id).finish_non_exhaustive()
    }
}
