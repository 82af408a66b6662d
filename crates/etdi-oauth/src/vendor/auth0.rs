//! The rules of Auth0.

use std::collections::BTreeSet;

use etdi_types::json::Object;
use reqwest::Url;

use super::rules::{AudienceParameter, CHECK_THE_NETWORK, Vendor, scope_and_scp};
use crate::claims::{required_text, scope_claim, text};
use crate::discovery::Endpoints;
use crate::token_error::TokenError;

pub(super) struct Auth0Rules;

impl Vendor for Auth0Rules {
    fn audience_parameter(&self) -> AudienceParameter {
        AudienceParameter::Audience
    }

    fn full_name(&self, mut issuer: String) -> String {
        if !issuer.ends_with('/') {
            issuer.push('/');
        }
        issuer
    }

    /// Returns the endpoints, whose paths are the same in every tenant. Returns `None` for a name
    /// without a slash at the end, because every issuer of Auth0 has this slash.
    fn endpoints(&self, issuer: &str) -> Option<Endpoints> {
        issuer.ends_with('/').then(|| {
            Endpoints::new(format!("{issuer}oauth/token"), format!("{issuer}.well-known/jwks.json"))
                .revocation(format!("{issuer}oauth/revoke"))
        })
    }

    fn client(&self, claims: &Object<'_>) -> Result<Option<String>, TokenError> {
        text(claims, "azp")
    }

    fn machine_client(&self, claims: &Object<'_>) -> Result<String, TokenError> {
        let subject = required_text(claims, "sub")?;
        let client = required_text(claims, "azp")?;
        if subject == format!("{client}@clients") {
            Ok(client)
        } else {
            Err(TokenError::ContradictoryClient { reason: "`sub` is not `<azp>@clients`" })
        }
    }

    /// Reads `scope` and `scp`. With role-based access control, reads only `permissions`.
    fn scopes(&self, claims: &Object<'_>, rbac: bool) -> Result<BTreeSet<String>, TokenError> {
        if rbac {
            return scope_claim(claims, "permissions");
        }
        scope_and_scp(claims)
    }

    fn secret_remedy(&self) -> &'static str {
        "the secret is wrong, or the application does not authenticate with client_secret_post: compare both with \
             the application's Settings and Credentials tabs"
    }

    fn scope_remedy(&self, scopes: &str) -> String {
        format!("grant this scope in the API's Machine to Machine tab: {scopes}")
    }

    fn audience_remedy(&self) -> &'static str {
        "the audience must equal the API identifier exactly: compare AUTH0_AUDIENCE with APIs, Settings, Identifier"
    }

    fn grant_remedy(&self) -> &'static str {
        "authorize the application in the API's Machine to Machine tab, and allow it the Client Credentials grant"
    }

    fn unreachable_remedy(&self, issuer: &str) -> &'static str {
        let url = Url::parse(issuer).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if host.ends_with(".auth0.com") {
            CHECK_THE_NETWORK
        } else {
            "check AUTH0_DOMAIN: unless the tenant has a custom domain, the domain should end in .auth0.com"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_elsewhere_is_not_taken_for_one_at_auth0() {
        for issuer in ["https://tenant.eu.auth0.com/", "https://tenant.auth0.com:8443/"] {
            assert_eq!(Auth0Rules.unreachable_remedy(issuer), CHECK_THE_NETWORK, "{issuer}");
        }
        for issuer in [
            "https://login.example/",
            "https://login.example?x.auth0.com/",
            "https://login.example#.auth0.com",
            "http://tenant.auth0.com.example/",
        ] {
            assert!(Auth0Rules.unreachable_remedy(issuer).contains("AUTH0_DOMAIN"), "{issuer}");
        }
    }
}
