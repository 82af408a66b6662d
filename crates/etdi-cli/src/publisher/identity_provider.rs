//! The identity provider that a command asks. Flags or variables of the environment name it.

use clap::Args;
use etdi::oauth::{Auth0Variables, ConfigError, IssuerProvider, OAuthConfig, OAuthError};
use etdi::trust::IssuerKind;
use secrecy::SecretString;

use crate::context::Context;
use crate::exit::CliError;
use crate::publisher::proposal::issuer_kind;
use crate::servers::network::NetworkOptions;

/// The variable with the secret of `--client-id`. A secret is never an argument.
const SECRET_VARIABLE: &str = "ETDI_CLIENT_SECRET";

/// An identity provider.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Identity provider")]
pub(crate) struct IdentityOptions {
    /// The issuer, exactly as it calls itself. Without this flag: the Auth0 tenant AUTH0_DOMAIN.
    #[arg(long, value_name = "ISSUER")]
    pub(crate) issuer: Option<String>,
    /// The kind of the issuer.
    #[arg(long, value_parser = issuer_kind(), default_value = "generic", value_name = "KIND")]
    pub(crate) kind: IssuerKind,
    /// The audience that a token must be for. Without this flag and --issuer: AUTH0_AUDIENCE.
    #[arg(long, value_name = "URI")]
    pub(crate) audience: Option<String>,
    /// A scope that a token must have. Any number of times.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// For Auth0 with role-based access control: read the scopes from `permissions`.
    #[arg(long)]
    pub(crate) rbac: bool,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

/// A configured identity provider.
pub(crate) struct ProviderConfig {
    pub(crate) config: OAuthConfig,
    pub(crate) audience: Option<String>,
    /// The source of the configuration, for a person: `flags`, or the names of variables.
    pub(crate) from: &'static str,
}

impl IdentityOptions {
    /// Returns the configuration, if an identity provider is configured. `client` is the id of a client
    /// whose secret is in the environment.
    pub(crate) fn configured(
        &self,
        client: Option<&str>,
        context: &Context,
    ) -> Result<Option<ProviderConfig>, CliError> {
        let variable = |name: &str| context.environment.get(name);
        // `--audience` also stands in for the variable that completes the group.
        let with_audience = |name: &str| {
            let given = self.audience.clone().filter(|_| name == "AUTH0_AUDIENCE");
            variable(name).or(given.filter(|_| variable("AUTH0_DOMAIN").is_some()))
        };
        let found = match &self.issuer {
            Some(issuer) => Some(self.by_flags(issuer, client, context)?),
            None => self.by_variables(with_audience)?,
        };
        let Some((mut config, from)) = found else {
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
        Ok(Some(ProviderConfig { config, audience, from }))
    }

    fn by_flags(
        &self,
        issuer: &str,
        client: Option<&str>,
        context: &Context,
    ) -> Result<(OAuthConfig, &'static str), CliError> {
        let mut config = OAuthConfig::new(self.kind, issuer);
        if let Some(client) = client {
            let secret = context.environment.get(SECRET_VARIABLE).ok_or_else(|| {
                CliError::new("cannot use the client: its secret is not set")
                    .next(format!("set {SECRET_VARIABLE}; a secret is never an argument"))
            })?;
            config = config.client(client, SecretString::from(secret));
        }
        Ok((config, "flags"))
    }

    fn by_variables(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(OAuthConfig, &'static str)>, CliError> {
        match Auth0Variables::default().read(&variable) {
            Ok(None) => Ok(None),
            Ok(Some(config)) => Ok(Some((config, "AUTH0_*"))),
            // Checking tokens of other clients needs only the domain.
            Err(ConfigError::Missing(missing)) => match variable("AUTH0_DOMAIN") {
                Some(domain) if missing.iter().any(|name| name.contains("CLIENT")) => {
                    let config = OAuthConfig::auth0(domain).map_err(unusable)?;
                    Ok(Some((config, "AUTH0_DOMAIN")))
                }
                _ => Err(unusable(ConfigError::Missing(missing))),
            },
            Err(error) => Err(unusable(error)),
        }
    }
}

fn unusable(error: ConfigError) -> CliError {
    CliError::new(error).cannot("configure the identity provider")
}

impl ProviderConfig {
    /// Finds the endpoints of the identity provider and fetches its keys.
    pub(crate) async fn reach(self) -> Result<IssuerProvider, OAuthError> {
        IssuerProvider::any(self.config).await
    }
}
