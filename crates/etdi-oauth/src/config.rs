//! The configuration of a provider.

mod environment;

use std::sync::Arc;

use etdi_events::Emitter;
use etdi_types::text::escaped;
use etdi_types::trust::IssuerKind;
use etdi_types::{Clock, SigAlg, SystemClock};
use secrecy::SecretString;
use url::Host;

use crate::discovery::Endpoints;
use crate::http::Network;
use crate::issuer_rules::IssuerRules;
use crate::retry::RetryPolicy;
use crate::vendor::{AudienceParameter, vendor};

pub use environment::Auth0Variables;

/// The configuration of one identity provider.
///
/// ```
/// use etdi_oauth::OAuthConfig;
/// let config = OAuthConfig::auth0("tenant.eu.auth0.com")?
///     .client("the client id", "the client secret")
///     .audience("https://api.example");
/// # Ok::<(), etdi_oauth::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OAuthConfig {
    pub(crate) rules: IssuerRules,
    pub(crate) client: Option<ClientCredentials>,
    pub(crate) audience: Option<String>,
    pub(crate) audience_parameter: AudienceParameter,
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) attestation: Option<AttestationConfig>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) network: Network,
    pub(crate) retry: RetryPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Option<Emitter>,
}

/// The credentials of this program at the issuer. `Debug` does not show the secret.
#[derive(Clone, Debug)]
pub(crate) struct ClientCredentials {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    pub(crate) authentication: ClientAuthentication,
}

/// The place of the client's secret in a request (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_post`: in the body.
    #[default]
    Post,
    /// `client_secret_basic`: in the `Authorization` header.
    Basic,
}

/// The settings for attestations. Their audience must differ from the audience of every API for
/// calls.
#[derive(Clone, Debug)]
pub struct AttestationConfig {
    pub(crate) audience: String,
    pub(crate) claim: Option<String>,
    pub(crate) parameter: String,
}

impl AttestationConfig {
    /// Returns the settings for attestations with this audience. Use the audience only for
    /// attestations.
    #[must_use]
    pub fn audience(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), claim: None, parameter: "etdi_definitions".to_owned() }
    }

    /// Sets the claim into which the issuer copies the definitions from the request. This claim
    /// makes a digest binding.
    #[must_use]
    pub fn claim(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(claim.into());
        self
    }

    /// Sets the form parameter of the token request that holds the definitions, as JSON. The
    /// default is `etdi_definitions`.
    #[must_use]
    pub fn parameter(mut self, parameter: impl Into<String>) -> Self {
        self.parameter = parameter.into();
        self
    }
}

impl OAuthConfig {
    /// Describes an Auth0 tenant by its domain, such as `tenant.eu.auth0.com`, or by a custom
    /// domain.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] if the text is not a host name, or has no dot.
    pub fn auth0(domain: impl AsRef<str>) -> Result<Self, ConfigError> {
        let domain = domain.as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match Host::parse(domain) {
            Ok(Host::Domain(_)) if domain.chars().all(plain) && domain.contains('.') => {
                Ok(Self::auth0_at(format!("https://{domain}/")))
            }
            _ => Err(ConfigError::Domain(domain.to_owned())),
        }
    }

    /// Describes an issuer with Auth0's layout. The issuer's name ends with a slash, which is added
    /// if it is missing.
    #[must_use]
    pub fn auth0_at(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Auth0, issuer)
    }

    /// Describes an authorization server of Okta, such as
    /// `https://example.okta.com/oauth2/default`.
    #[must_use]
    pub fn okta(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Okta, issuer)
    }

    /// Describes a tenant of Microsoft Entra ID by its issuer:
    /// `https://login.microsoftonline.com/<tenant id>/v2.0`.
    #[must_use]
    pub fn entra(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Entra, issuer)
    }

    /// Describes any other issuer, by exactly the name that the issuer gives itself.
    #[must_use]
    pub fn generic(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Generic, issuer)
    }

    /// Describes an issuer of this kind, by exactly the name that the issuer gives itself. For
    /// Auth0, the slash at the end is added if it is missing.
    #[must_use]
    pub fn new(kind: IssuerKind, issuer: impl Into<String>) -> Self {
        let rules = IssuerRules::new(vendor(kind).full_name(issuer.into()), kind);
        let endpoints = vendor(kind).endpoints(rules.issuer());
        Self {
            rules,
            client: None,
            audience: None,
            audience_parameter: vendor(kind).audience_parameter(),
            endpoints,
            attestation: None,
            parameters: Vec::new(),
            network: Network::default(),
            retry: RetryPolicy::default(),
            clock: Arc::new(SystemClock),
            events: None,
        }
    }

    /// Sets the client that asks for tokens. Without a client, tokens can only be validated.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.client = Some(ClientCredentials {
            id: id.into(),
            secret: secret.into(),
            authentication: ClientAuthentication::default(),
        });
        self
    }

    /// Sets how the client authenticates. Has no effect before [`client`](Self::client).
    #[must_use]
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        if let Some(client) = &mut self.client {
            client.authentication = authentication;
        }
        self
    }

    /// Sets the audience of tokens, for requests that do not name an audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets how a request names its audience, for an issuer that differs from other issuers of its
    /// kind. Each kind has its own default.
    #[must_use]
    pub fn audience_parameter(mut self, parameter: AudienceParameter) -> Self {
        self.audience_parameter = parameter;
        self
    }

    /// Sets the endpoints. The provider then skips discovery.
    #[must_use]
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// Sets the algorithms that the issuer may sign with. Each kind has its own default.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigAlg>) -> Self {
        self.rules = self.rules.algorithms(algorithms);
        self
    }

    /// Turns on the rules of Auth0's role-based access control: `permissions` replaces `scope` and
    /// `scp`.
    #[must_use]
    pub fn rbac(mut self, rbac: bool) -> Self {
        self.rules = self.rules.rbac(rbac);
        self
    }

    /// Lets the provider ask for attestations.
    #[must_use]
    pub fn attestations(mut self, attestation: AttestationConfig) -> Self {
        self.attestation = Some(attestation);
        self
    }

    /// Adds a form parameter to every token request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sets which hosts may be contacted.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets how often and for how long a request is tried again.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the clock. The default is the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sends events to `emitter`: tokens acquired, refreshed, validated, revoked, expired; provider
    /// errors.
    #[must_use]
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.events = Some(emitter);
        self
    }

    /// Returns the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.rules.issuer()
    }

    /// Returns the algorithms that the issuer may sign with.
    #[must_use]
    pub fn allowed_algorithms(&self) -> &[SigAlg] {
        self.rules.allowed_algorithms()
    }

    /// Returns the kind of the issuer.
    #[must_use]
    pub fn kind(&self) -> IssuerKind {
        self.rules.kind()
    }

    /// Returns the client's id, if there is a client.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client.as_ref().map(|client| client.id.as_str())
    }

    /// Returns the audience for calls, if one is configured.
    #[must_use]
    pub fn default_audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    pub(crate) fn check(&self, kind: IssuerKind) -> Result<(), ConfigError> {
        if self.rules.kind() != kind {
            return Err(ConfigError::Kind { expected: kind, found: self.rules.kind() });
        }
        match &self.attestation {
            Some(attestation) if self.audience.as_ref() == Some(&attestation.audience) => {
                Err(ConfigError::AttestationAudience(attestation.audience.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// The configuration or the request cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Required environment variables are not set.
    #[error("the environment lacks {}; set all of AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, \
             AUTH0_AUDIENCE, or those that replace them", .0.join(", "))]
    Missing(Vec<String>),
    /// The text is not a domain.
    #[error("\"{}\" is not a domain: write the host alone, such as tenant.eu.auth0.com, without https:// and \
             without a path; the domain should end in .auth0.com unless it is a custom one", escaped(.0))]
    Domain(String),
    /// The configuration is for another kind of provider.
    #[error(
        "the configuration is for the kind {}, but the provider is of the kind {}; use the constructor of \
             OAuthConfig that has the provider's name",
        found.as_str(), expected.as_str()
    )]
    Kind {
        /// The kind of the provider.
        expected: IssuerKind,
        /// The kind in the configuration.
        found: IssuerKind,
    },
    /// Calls and attestations have the same audience. An attestation, which is public, would then
    /// be a credential for calls.
    #[error("\"{}\" is the audience for calls and must not be the audience of attestations, which are public; \
             register a second API for attestations", escaped(.0))]
    AttestationAudience(String),
    /// The configuration has no client, so tokens cannot be requested.
    #[error("the provider has no client: call `OAuthConfig::client` with its id and secret")]
    NoClient,
    /// The audience is missing.
    #[error(
        "neither the request nor the configuration names an audience: call `audience` on either"
    )]
    NoAudience,
    /// The text is not a scope.
    #[error("\"{}\" is not a scope: one or more printable ASCII characters without space, quote or backslash \
             (RFC 6749, section 3.3)", escaped(.0))]
    Scope(String),
    /// Attestations are not configured.
    #[error("the provider is not configured for attestations: call `OAuthConfig::attestations`")]
    NoAttestations,
    /// The attestation would bind neither a digest nor a key.
    #[error(
        "the attestation would not bind anything: configure `AttestationConfig::claim` at an issuer that sets \
             it, or give the signing key for a key binding"
    )]
    NoBinding,
    /// The registry already has a provider for the same issuer.
    #[error("a provider for the issuer \"{}\" is already registered", escaped(.0))]
    RegisteredTwice(String),
}
