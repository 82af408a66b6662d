//! The identity provider that a command asks, from flags or the environment.

use clap::Args;
use etdi::SigAlg;
use etdi::oauth::{
    Auth0Provider, Auth0Variables, ConfigError, EntraProvider, GenericProvider, JwksClient,
    OAuthConfig, OAuthError, OAuthProvider, OktaProvider,
};
use secrecy::SecretString;

use crate::context::Context;
use crate::exit::CliError;
use crate::publisher::proposal::IssuerKindArg;
use crate::servers::network::NetworkOptions;

/// The variable with the secret of `--client-id`. A secret is never an argument.
const SECRET_VARIABLE: &str = "ETDI_CLIENT_SECRET";

/// An identity provider.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Identity provider")]
pub(crate) struct IdentityOptions {
    /// The issuer, exactly as it calls itself. Otherwise the Auth0 tenant AUTH0_DOMAIN.
    #[arg(long, value_name = "ISSUER")]
    pub(crate) issuer: Option<String>,
    /// The kind of the issuer.
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(crate) kind: IssuerKindArg,
    /// The audience that a token must be for. Otherwise AUTH0_AUDIENCE.
    #[arg(long, value_name = "URI")]
    pub(crate) audience: Option<String>,
    /// A scope that a token must have. Any number of times.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// Auth0 with role-based access control: scopes are in `permissions`.
    #[arg(long)]
    pub(crate) rbac: bool,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

/// An identity provider that was reached.
pub(crate) enum IdentityProvider {
    Auth0(Auth0Provider),
    Okta(OktaProvider),
    Entra(EntraProvider),
    Generic(GenericProvider),
}

/// What is configured.
pub(crate) struct ProviderConfig {
    pub(crate) config: OAuthConfig,
    pub(crate) kind: IssuerKindArg,
    pub(crate) audience: Option<String>,
    /// `flags` or the names of variables, for a person.
    pub(crate) from: &'static str,
}

impl IdentityOptions {
    /// The configuration, if there is one. `client`: the id of a client whose secret is in the
    /// environment.
    pub(crate) fn configured(
        &self,
        client: Option<&str>,
        context: &Context,
    ) -> Result<Option<ProviderConfig>, CliError> {
        let variable = |name: &str| context.environment.get(name);
        let found = match &self.issuer {
            Some(issuer) => Some(self.by_flags(issuer, client, context)?),
            None => self.by_variables(variable)?,
        };
        let Some((mut config, kind, from)) = found else {
            return Ok(None);
        };
        let audience = self
            .audience
            .clone()
            .or_else(|| variable("AUTH0_AUDIENCE").filter(|_| self.issuer.is_none()));
        if let Some(audience) = &audience {
            config = config.audience(audience);
        }
        let config = config
            .rbac(self.rbac)
            .network(self.network.network()?)
            .clock(std::sync::Arc::clone(&context.clock));
        Ok(Some(ProviderConfig { config, kind, audience, from }))
    }

    fn by_flags(
        &self,
        issuer: &str,
        client: Option<&str>,
        context: &Context,
    ) -> Result<(OAuthConfig, IssuerKindArg, &'static str), CliError> {
        let mut config = match self.kind {
            IssuerKindArg::Auth0 => OAuthConfig::auth0_at(issuer),
            IssuerKindArg::Okta => OAuthConfig::okta(issuer),
            IssuerKindArg::Entra => OAuthConfig::entra(issuer),
            IssuerKindArg::Generic => OAuthConfig::generic(issuer),
        };
        if let Some(client) = client {
            let secret = context.environment.get(SECRET_VARIABLE).ok_or_else(|| {
                CliError::new("the client has no secret")
                    .next(format!("set {SECRET_VARIABLE}; a secret is never an argument"))
            })?;
            config = config.client(client, SecretString::from(secret));
        }
        Ok((config, self.kind, "flags"))
    }

    fn by_variables(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(OAuthConfig, IssuerKindArg, &'static str)>, CliError> {
        match Auth0Variables::default().read(&variable) {
            Ok(None) => Ok(None),
            Ok(Some(config)) => Ok(Some((config, IssuerKindArg::Auth0, "AUTH0_*"))),
            // A domain is enough to check tokens of others.
            Err(ConfigError::Missing(missing)) => match variable("AUTH0_DOMAIN") {
                Some(domain) if missing.iter().any(|name| name.contains("CLIENT")) => {
                    let config = OAuthConfig::auth0(domain).map_err(CliError::new)?;
                    Ok(Some((config, IssuerKindArg::Auth0, "AUTH0_DOMAIN")))
                }
                _ => Err(CliError::new(ConfigError::Missing(missing))),
            },
            Err(error) => Err(CliError::new(error)),
        }
    }
}

impl ProviderConfig {
    /// Finds its endpoints and fetches its keys.
    pub(crate) async fn reach(self) -> Result<IdentityProvider, OAuthError> {
        Ok(match self.kind {
            IssuerKindArg::Auth0 => {
                IdentityProvider::Auth0(Auth0Provider::initialize(self.config).await?)
            }
            IssuerKindArg::Okta => {
                IdentityProvider::Okta(OktaProvider::initialize(self.config).await?)
            }
            IssuerKindArg::Entra => {
                IdentityProvider::Entra(EntraProvider::initialize(self.config).await?)
            }
            IssuerKindArg::Generic => {
                IdentityProvider::Generic(GenericProvider::initialize(self.config).await?)
            }
        })
    }

    /// The algorithms that its tokens may be signed with.
    pub(crate) fn algorithms(&self) -> &'static [SigAlg] {
        match self.kind {
            IssuerKindArg::Generic => &[SigAlg::RS256, SigAlg::ES256, SigAlg::EdDSA],
            _ => &[SigAlg::RS256],
        }
    }
}

impl IdentityProvider {
    pub(crate) fn provider(&self) -> &dyn OAuthProvider {
        match self {
            Self::Auth0(provider) => provider,
            Self::Okta(provider) => provider,
            Self::Entra(provider) => provider,
            Self::Generic(provider) => provider,
        }
    }

    pub(crate) fn jwks(&self) -> &JwksClient {
        match self {
            Self::Auth0(provider) => provider.jwks(),
            Self::Okta(provider) => provider.jwks(),
            Self::Entra(provider) => provider.jwks(),
            Self::Generic(provider) => provider.jwks(),
        }
    }
}
