//! The differences between the kinds of issuer. The defaults follow the RFCs.

use std::collections::BTreeSet;

use etdi_types::SigAlg;
use etdi_types::json::Object;

use crate::claims::scope_claim;
use crate::discovery::Endpoints;
use crate::token_error::TokenError;

/// How a token request names the API that the token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudienceParameter {
    /// `audience`: Auth0.
    Audience,
    /// `resource` (RFC 8707).
    Resource,
    /// `scope=<audience>/.default`: Entra. The granted scopes are the app roles.
    DefaultScope,
    /// The request does not name the API, because the issuer has only one audience. An
    /// authorization server of Okta is such an issuer.
    Implied,
}

/// The rules of one kind of issuer. The default methods describe an issuer that follows only the
/// RFCs.
pub(crate) trait Vendor: Sync {
    /// Returns the algorithms that the issuer signs with, unless the configuration names others.
    fn algorithms(&self) -> &'static [SigAlg] {
        &[SigAlg::RS256]
    }

    /// Returns how a token request names its audience, unless the configuration sets it.
    fn audience_parameter(&self) -> AudienceParameter;

    /// Returns the issuer's own name, from the name in the configuration.
    fn full_name(&self, issuer: String) -> String {
        issuer
    }

    /// Returns the endpoints of `issuer`, if they follow from its address. `None` makes discovery
    /// necessary.
    fn endpoints(&self, issuer: &str) -> Option<Endpoints> {
        let _ = issuer;
        None
    }

    /// Returns the client that a token was issued to. The subject may be a user.
    fn client(&self, claims: &Object<'_>) -> Result<Option<String>, TokenError>;

    /// Returns the client of a token that a machine got for itself (wire format, section 4). Fails
    /// if a claim is missing or contradicts another claim.
    fn machine_client(&self, claims: &Object<'_>) -> Result<String, TokenError>;

    /// Returns the scopes of the claims `scope` and `scp` together. `rbac` is
    /// [`IssuerRules::rbac`](crate::IssuerRules::rbac).
    fn scopes(&self, claims: &Object<'_>, rbac: bool) -> Result<BTreeSet<String>, TokenError> {
        let _ = rbac;
        scope_and_scp(claims)
    }

    /// Returns the advice for `invalid_client`.
    fn secret_remedy(&self) -> &'static str {
        "the secret is wrong, or the client authenticates in another way than it is registered with: compare both \
             with its registration at the issuer"
    }

    /// Returns the advice for scopes that the issuer did not grant.
    fn scope_remedy(&self, scopes: &str) -> String {
        format!("grant this scope to the client at the issuer: {scopes}")
    }

    /// Returns the advice for an API that the issuer does not know.
    fn audience_remedy(&self) -> &'static str {
        "the audience must equal the API identifier exactly, as it is registered at the issuer"
    }

    /// Returns the advice for a client that may not use this API, or this grant.
    fn grant_remedy(&self) -> &'static str {
        "authorize the client for this API and for the client_credentials grant at the issuer"
    }

    /// Returns the advice for an `issuer` that does not answer.
    fn unreachable_remedy(&self, issuer: &str) -> &'static str {
        let _ = issuer;
        CHECK_THE_NETWORK
    }
}

pub(super) const CHECK_THE_NETWORK: &str =
    "check the issuer's address, the network and a firewall in between";

/// Returns the scopes of `scope` and of `scp`.
pub(super) fn scope_and_scp(claims: &Object<'_>) -> Result<BTreeSet<String>, TokenError> {
    let mut scopes = scope_claim(claims, "scope")?;
    scopes.append(&mut scope_claim(claims, "scp")?);
    Ok(scopes)
}
