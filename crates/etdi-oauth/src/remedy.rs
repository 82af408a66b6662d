//! Advice for refused tokens. The texts are in one place, so that an error, its event and the
//! documentation say the same. The advice that differs by kind of issuer is in `vendor`.

pub(crate) const NEW_TOKEN: &str = "get a new token from the issuer";
pub(crate) const NOT_A_JWT: &str = "request the token with the API's identifier as its audience: without one the \
     issuer gives an opaque token";
pub(crate) const ACCESS_TOKEN: &str =
    "send an access token, not an ID token or another kind of JWT";
pub(crate) const UNKNOWN_KEY: &str = "if the issuer has just rotated its keys, try again in half a minute; \
     otherwise another issuer signed the token";
pub(crate) const ISSUER: &str = "the issuer must match to the byte, its trailing slash included; correct the configuration or use a token of \
     that issuer";
pub(crate) const AUDIENCE: &str = "the audience must equal the API identifier exactly, to the byte";
pub(crate) const CLOCK: &str = "compare this machine's clock with the issuer's";
pub(crate) const SCOPE: &str = "grant this scope to the client at the issuer (Auth0: in the API's Machine to Machine tab) and get a \
     new token";

/// Returns the advice for a token signed with an algorithm that the configuration does not allow.
pub(crate) fn algorithm(allowed: &str) -> String {
    format!("set the signing algorithm to {allowed} in the issuer's settings of the API")
}
