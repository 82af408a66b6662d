//! Reads the configuration of Auth0 from the environment. In this crate, only this module reads the
//! environment.

use super::{ConfigError, OAuthConfig};

/// The names of the variables that configure an Auth0 client. The fields are public, so that a
/// program can use other names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Auth0Variables {
    /// The variable with the tenant's domain.
    pub domain: String,
    /// The variable with the client's id.
    pub client_id: String,
    /// The variable with the client's secret.
    pub client_secret: String,
    /// The variable with the API's identifier.
    pub audience: String,
}

impl Default for Auth0Variables {
    /// Returns `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID`, `AUTH0_CLIENT_SECRET` and `AUTH0_AUDIENCE`.
    fn default() -> Self {
        Self {
            domain: "AUTH0_DOMAIN".to_owned(),
            client_id: "AUTH0_CLIENT_ID".to_owned(),
            client_secret: "AUTH0_CLIENT_SECRET".to_owned(),
            audience: "AUTH0_AUDIENCE".to_owned(),
        }
    }
}

impl Auth0Variables {
    /// Reads these variables through `lookup`. Returns `None` if all of them are unset; an empty
    /// variable counts as unset.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if some variables are set and others are missing; the error names
    /// every missing variable. [`ConfigError::Domain`] if the domain is not a host name.
    pub fn read(
        &self,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<OAuthConfig>, ConfigError> {
        let names = [&self.domain, &self.client_id, &self.client_secret, &self.audience];
        let values = names.map(|name| lookup(name).filter(|value| !value.is_empty()));
        match values {
            [Some(domain), Some(id), Some(secret), Some(audience)] => {
                Ok(Some(OAuthConfig::auth0(domain)?.client(id, secret).audience(audience)))
            }
            [None, None, None, None] => Ok(None),
            values => Err(ConfigError::Missing(
                names
                    .into_iter()
                    .zip(values)
                    .filter(|(_, value)| value.is_none())
                    .map(|(name, _)| name.clone())
                    .collect(),
            )),
        }
    }
}

impl OAuthConfig {
    /// Configures Auth0 from `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID`, `AUTH0_CLIENT_SECRET` and
    /// `AUTH0_AUDIENCE`.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] with the name of every missing variable. [`ConfigError::Domain`] if
    /// the domain is not a host name.
    pub fn auth0_from_env() -> Result<Self, ConfigError> {
        Self::auth0_from(from_env)
    }

    /// Does the same as [`auth0_from_env`](Self::auth0_from_env), for a program that reads the
    /// variables from another source, such as a file.
    ///
    /// # Errors
    /// Those of [`auth0_from_env`](Self::auth0_from_env).
    pub fn auth0_from(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let names = Auth0Variables::default();
        names.read(lookup)?.ok_or_else(|| {
            ConfigError::Missing(vec![
                names.domain,
                names.client_id,
                names.client_secret,
                names.audience,
            ])
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment, for functions that say so in their name"
)]
fn from_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a_whole_configuration_is_read_and_its_secret_is_not_shown() {
        let config = OAuthConfig::auth0_from(lookup(&[
            ("AUTH0_DOMAIN", "tenant.eu.auth0.com"),
            ("AUTH0_CLIENT_ID", "id"),
            ("AUTH0_CLIENT_SECRET", "very-secret"),
            ("AUTH0_AUDIENCE", "https://api.example"),
        ]))
        .unwrap();
        assert_eq!(config.issuer(), "https://tenant.eu.auth0.com/");
        assert!(!format!("{config:?}").contains("very-secret"));
    }

    #[test]
    fn every_missing_variable_is_named() {
        let partly = [("AUTH0_DOMAIN", "tenant.eu.auth0.com"), ("AUTH0_CLIENT_SECRET", "")];
        let missing = ["AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_AUDIENCE"];
        assert_eq!(
            OAuthConfig::auth0_from(lookup(&partly)).unwrap_err(),
            ConfigError::Missing(missing.map(str::to_owned).to_vec())
        );
        assert!(matches!(Auth0Variables::default().read(lookup(&[])), Ok(None)));
        assert!(matches!(
            OAuthConfig::auth0_from(lookup(&[])),
            Err(ConfigError::Missing(names)) if names.len() == 4
        ));
    }

    #[test]
    fn a_domain_is_a_host_alone() {
        for domain in [
            "https://tenant.auth0.com",
            "tenant.auth0.com/",
            "tenant",
            "",
            "a b.c",
            // URL parsers read these texts as an IP address.
            "0x7f.1",
            "127.0.0.1",
        ] {
            assert_eq!(
                OAuthConfig::auth0(domain).unwrap_err(),
                ConfigError::Domain(domain.to_owned())
            );
        }
    }
}
