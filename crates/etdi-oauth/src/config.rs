//! What a provider needs to know before it starts.

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

/// How this program authenticates to the issuer. `Debug` does not show the secret.
#[derive(Clone, Debug)]
pub(crate) struct ClientCredentials {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    pub(crate) authentication: ClientAuthentication,
}

/// How the client's secret is sent (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_post`: in the body.
    #[default]
    Post,
    /// `client_secret_basic`: in the `Authorization` header.
    Basic,
}

/// What attestations need. The audience is one that no API for calls has.
#[derive(Clone, Debug)]
pub struct AttestationConfig {
    pub(crate) audience: String,
    pub(crate) claim: Option<String>,
    pub(crate) parameter: String,
}

impl AttestationConfig {
    /// Attestations for this audience, and for no other use.
    #[must_use]
    pub fn audience(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), claim: None, parameter: "etdi_definitions".to_owned() }
    }

    /// The claim that the issuer sets to the definitions that the request names: a digest binding.
    #[must_use]
    pub fn claim(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(claim.into());
        self
    }

    /// The form parameter of the token request in which the definitions are sent, as JSON.
    /// `etdi_definitions` unless set.
    #[must_use]
    pub fn parameter(mut self, parameter: impl Into<String>) -> Self {
        self.parameter = parameter.into();
        self
    }
}

impl OAuthConfig {
    /// An Auth0 tenant by its domain, such as `tenant.eu.auth0.com`, or a custom domain.
    ///
    /// # Errors
    /// [`ConfigError::Domain`] if it is more than a host name.
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

    /// An issuer that is laid out as Auth0's are. Its name ends with a slash, which is added if it is
    /// missing.
    #[must_use]
    pub fn auth0_at(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Auth0, issuer)
    }

    /// An authorization server of Okta, such as `https://example.okta.com/oauth2/default`.
    #[must_use]
    pub fn okta(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Okta, issuer)
    }

    /// A tenant of Microsoft Entra ID, by its issuer:
    /// `https://login.microsoftonline.com/<tenant id>/v2.0`.
    #[must_use]
    pub fn entra(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Entra, issuer)
    }

    /// Any other issuer, exactly as it calls itself.
    #[must_use]
    pub fn generic(issuer: impl Into<String>) -> Self {
        Self::new(IssuerKind::Generic, issuer)
    }

    /// An issuer of this kind, exactly as it calls itself.
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

    /// The client that asks for tokens. Without one, tokens can only be validated.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.client = Some(ClientCredentials {
            id: id.into(),
            secret: secret.into(),
            authentication: ClientAuthentication::default(),
        });
        self
    }

    /// How the client authenticates. No effect before [`client`](Self::client).
    #[must_use]
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        if let Some(client) = &mut self.client {
            client.authentication = authentication;
        }
        self
    }

    /// The audience of tokens, unless a request names another.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How a request names its audience, for an issuer that differs from others of its kind. Each kind
    /// has its own default.
    #[must_use]
    pub fn audience_parameter(mut self, parameter: AudienceParameter) -> Self {
        self.audience_parameter = parameter;
        self
    }

    /// The endpoints, instead of discovery.
    #[must_use]
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// The algorithms that the issuer may sign with; each kind has its own default.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigAlg>) -> Self {
        self.rules = self.rules.algorithms(algorithms);
        self
    }

    /// Auth0 with role-based access control: `permissions` replaces `scope` and `scp`.
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

    /// One more form parameter in every token request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Which hosts may be talked to.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// How often and how long to try again.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The clock. The system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where events go: tokens acquired, refreshed, validated, revoked, expired; provider errors.
    #[must_use]
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.events = Some(emitter);
        self
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.rules.issuer()
    }

    /// The algorithms that the issuer may sign with.
    #[must_use]
    pub fn allowed_algorithms(&self) -> &[SigAlg] {
        self.rules.allowed_algorithms()
    }

    /// The kind of the issuer.
    #[must_use]
    pub fn kind(&self) -> IssuerKind {
        self.rules.kind()
    }

    /// The client's id, if there is a client.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client.as_ref().map(|client| client.id.as_str())
    }

    /// The audience for calls, if one is configured.
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

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Variables that must be set and are not.
    #[error("the environment lacks {}; set all of AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, \
             AUTH0_AUDIENCE, or those that replace them", .0.join(", "))]
    Missing(Vec<String>),
    /// Not a host name.
    #[error("\"{}\" is not a domain: write the host alone, such as tenant.eu.auth0.com, without https:// and \
             without a path; the domain should end in .auth0.com unless it is a custom one", escaped(.0))]
    Domain(String),
    /// A configuration for another kind of provider.
    #[error(
        "the configuration is for the kind {found:?}, and the provider is of the kind {expected:?}; use the \
             constructor of OAuthConfig that has the provider's name"
    )]
    Kind {
        /// The provider's.
        expected: IssuerKind,
        /// The configuration's.
        found: IssuerKind,
    },
    /// One audience for calls and attestations, which would make a public token a credential.
    #[error("\"{}\" is the audience for calls and cannot be the one of attestations, which are public; \
             register a second API for attestations", escaped(.0))]
    AttestationAudience(String),
    /// No client to ask for tokens with.
    #[error("the provider has no client: call `OAuthConfig::client` with its id and secret")]
    NoClient,
    /// No audience.
    #[error(
        "the request names no audience, and neither does the configuration: call `audience` on either"
    )]
    NoAudience,
    /// Not a scope.
    #[error("\"{}\" is not a scope: one or more printable ASCII characters without space, quote or backslash \
             (RFC 6749, section 3.3)", escaped(.0))]
    Scope(String),
    /// No attestations configured.
    #[error("the provider is not configured for attestations: call `OAuthConfig::attestations`")]
    NoAttestations,
    /// An attestation that would bind nothing.
    #[error(
        "the attestation would bind nothing: configure `AttestationConfig::claim` at an issuer that sets \
             it, or give the signing key for a key binding"
    )]
    NoBinding,
    /// Two providers for one issuer.
    #[error("a provider for the issuer \"{}\" is registered already", escaped(.0))]
    RegisteredTwice(String),
}
