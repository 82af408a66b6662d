//! What to do about a failure, in words. One place, so that an error, its event and the
//! documentation say the same.

use etdi_types::text::escaped;
use etdi_types::trust::IssuerKind;

pub(crate) const NEW_TOKEN: &str = "get a new token from the issuer";
pub(crate) const NOT_A_JWT: &str = "request the token with the API's identifier as its audience: without one the \
     issuer gives an opaque token";
pub(crate) const ACCESS_TOKEN: &str =
    "send an access token, not an ID token or another kind of JWT";
pub(crate) const UNKNOWN_KEY: &str = "if the issuer has just rotated its keys, try again in half a minute; \
     otherwise another issuer signed it";
pub(crate) const ISSUER: &str = "the issuer must match to the byte, its trailing slash included; correct the configuration or use a token of \
     that issuer";
pub(crate) const AUDIENCE: &str = "the audience must equal the API identifier exactly, to the byte";
pub(crate) const CLOCK: &str = "compare this machine's clock with the issuer's";
pub(crate) const SCOPE: &str = "grant this scope to the client at the issuer (Auth0: in the API's Machine to Machine tab) and get a \
     new token";
pub(crate) const UNREACHABLE: &str =
    "check the issuer's address, the network and a firewall in between";
pub(crate) const AUTH0_DOMAIN: &str = "check AUTH0_DOMAIN: unless the tenant has a custom domain, the domain should end in .auth0.com";

/// The API signs with another algorithm than the configuration allows.
pub(crate) fn algorithm(allowed: &str) -> String {
    format!("set the signing algorithm to {allowed} in the issuer's settings of the API")
}

/// `invalid_client`.
pub(crate) fn secret(kind: IssuerKind) -> &'static str {
    match kind {
        IssuerKind::Auth0 => {
            "the secret is wrong, or the application does not authenticate with client_secret_post: compare both with \
             the application's Settings and Credentials tabs"
        }
        _ => {
            "the secret is wrong, or the client authenticates in another way than it is registered with: compare both \
             with its registration at the issuer"
        }
    }
}

/// Fewer scopes than asked, or none at all.
pub(crate) fn grant(kind: IssuerKind, scopes: &[String]) -> String {
    let scopes = scopes.join(" ");
    let scopes = escaped(&scopes);
    match kind {
        IssuerKind::Auth0 => {
            format!("grant this scope in the API's Machine to Machine tab: {scopes}")
        }
        IssuerKind::Okta => format!(
            "add this scope to the authorization server and to an access policy rule for the client: {scopes}"
        ),
        IssuerKind::Entra => {
            format!(
                "add this application permission to the client and grant admin consent: {scopes}"
            )
        }
        IssuerKind::Generic => format!("grant this scope to the client at the issuer: {scopes}"),
    }
}

/// The issuer knows no such API.
pub(crate) fn audience(kind: IssuerKind) -> &'static str {
    match kind {
        IssuerKind::Auth0 => {
            "the audience must equal the API identifier exactly: compare AUTH0_AUDIENCE with APIs, Settings, Identifier"
        }
        _ => {
            "the audience must equal the API identifier exactly, as it is registered at the issuer"
        }
    }
}

/// The client may not use this API, or this grant.
pub(crate) fn authorize(kind: IssuerKind) -> &'static str {
    match kind {
        IssuerKind::Auth0 => {
            "authorize the application in the API's Machine to Machine tab, and allow it the Client Credentials grant"
        }
        _ => "authorize the client for this API and for the client_credentials grant at the issuer",
    }
}

/// No answer.
pub(crate) fn unreachable(kind: IssuerKind, issuer: &str) -> &'static str {
    let host = issuer
        .strip_prefix("https://")
        .unwrap_or(issuer)
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    if kind == IssuerKind::Auth0 && !host.ends_with(".auth0.com") {
        AUTH0_DOMAIN
    } else {
        UNREACHABLE
    }
}
