//! A real Auth0 tenant, if the environment names one.

use anyhow::ensure;
use etdi::OAuthConfig;
use etdi::oauth::Auth0Variables;

use crate::identity::Attestations;

/// The variables that name a tenant. Either all of them are set, or all are unset.
pub const VARIABLES: [&str; 7] = [
    "AUTH0_DOMAIN",
    "AUTH0_CLIENT_ID",
    "AUTH0_CLIENT_SECRET",
    "AUTH0_AUDIENCE",
    "ETDI_AUTH0_DOMAIN",
    "ETDI_DEMO_CLIENT_ID",
    "ETDI_DEMO_CLIENT_SECRET",
];

/// The audience of the tenant's API for attestations. If unset, definitions are signed and unattested.
const ATTESTATION_AUDIENCE: &str = "ETDI_ATTESTATION_AUDIENCE";
/// The claim that the tenant's Action sets. If unset, attestations bind the signing key by DPoP.
const ATTESTATION_CLAIM: &str = "ETDI_ATTESTATION_CLAIM";

/// An Auth0 tenant, and the two applications in it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// "ETDI Tool Registry": the host of the demo.
    pub(crate) registry: OAuthConfig,
    /// "ETDI Demo Server".
    pub(crate) server: OAuthConfig,
    pub(crate) attestations: Option<Attestations>,
}

impl Tenant {
    /// Returns the tenant that the environment names, or `None` if the variables are unset.
    ///
    /// # Errors
    /// If only some variables are set (the error names the missing ones), or if a domain is not valid.
    pub fn from_env() -> anyhow::Result<Option<Self>> {
        Self::from(variable_from_env)
    }

    fn from(lookup: impl Fn(&str) -> Option<String> + Copy) -> anyhow::Result<Option<Self>> {
        let set = |name: &&str| lookup(name).is_some_and(|value| !value.is_empty());
        let missing: Vec<_> = VARIABLES.into_iter().filter(|name| !set(name)).collect();
        if missing.len() == VARIABLES.len() {
            return Ok(None);
        }
        ensure!(
            missing.is_empty(),
            "cannot use your Auth0 tenant: the environment lacks {}; set all of {}, or unset all of \
             them to use the embedded issuer",
            missing.join(", "),
            VARIABLES.join(", ")
        );
        let registry = Auth0Variables::default().read(lookup)?;
        let server = demo_server().read(lookup)?;
        let attestations = lookup(ATTESTATION_AUDIENCE)
            .map(|audience| Attestations { audience, claim: lookup(ATTESTATION_CLAIM) });
        Ok(registry.zip(server).map(|(registry, server)| Self { registry, server, attestations }))
    }
}

/// Returns the configuration of "ETDI Demo Server" from the environment of its process.
///
/// # Errors
/// If its variables are missing in the environment.
pub(crate) fn demo_server_from_env() -> anyhow::Result<OAuthConfig> {
    let config = demo_server().read(variable_from_env)?;
    config.ok_or_else(|| anyhow::anyhow!("cannot find an Auth0 application in the environment"))
}

fn demo_server() -> Auth0Variables {
    let mut variables = Auth0Variables::default();
    variables.domain = "ETDI_AUTH0_DOMAIN".to_owned();
    variables.client_id = "ETDI_DEMO_CLIENT_ID".to_owned();
    variables.client_secret = "ETDI_DEMO_CLIENT_SECRET".to_owned();
    variables
}

#[expect(clippy::disallowed_methods, reason = "the demos' one place that reads the environment")]
fn variable_from_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        let domain = name.ends_with("DOMAIN");
        Some(if domain { "tenant.eu.auth0.com".to_owned() } else { name.to_lowercase() })
    }

    #[test]
    fn an_environment_without_any_variable_names_no_tenant() {
        assert!(Tenant::from(|_| None).unwrap().is_none());
        assert!(Tenant::from(|_| Some(String::new())).unwrap().is_none());
    }

    #[test]
    fn every_missing_variable_is_named_and_no_value_is() {
        let partly = |name: &str| value(name).filter(|_| !name.contains("SECRET"));
        let error = Tenant::from(partly).unwrap_err().to_string();
        assert!(error.contains("lacks AUTH0_CLIENT_SECRET, ETDI_DEMO_CLIENT_SECRET;"), "{error}");
        assert!(!error.contains("auth0_client_id"), "{error}");
    }

    #[test]
    fn a_whole_environment_names_both_applications() {
        let tenant = Tenant::from(value).unwrap().unwrap();
        assert_eq!(tenant.registry.client_id(), Some("auth0_client_id"));
        assert_eq!(tenant.server.client_id(), Some("etdi_demo_client_id"));
        assert_eq!(tenant.server.default_audience(), tenant.registry.default_audience());
        assert_eq!(tenant.attestations.unwrap().audience, "etdi_attestation_audience");
    }
}
