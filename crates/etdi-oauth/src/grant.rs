//! Asks for tokens with the client credentials grant (RFC 6749, section 4.4), and reads the
//! issuer's answer.

use std::collections::BTreeSet;
use std::time::Duration;

use etdi_types::SigningKey;
use etdi_types::json::{self, Limits, Object, Value};
use reqwest::header::HeaderName;
use secrecy::SecretString;
use time::OffsetDateTime;

use crate::claims::Times;
use crate::dpop;
use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, HttpResponse};
use crate::instants::{after, instant};
use crate::issuer_http::{Asked, IssuerHttp, sensitive};
use crate::jwt::{Jwt, object};
use crate::vendor::AudienceParameter;

const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);

/// The time for which a token without a known expiry is kept.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The parameters of a grant.
#[derive(Clone, Debug)]
pub(crate) struct GrantRequest {
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The key to bind the token to.
    pub(crate) key: Option<SigningKey>,
}

/// The token that the issuer granted.
pub(crate) struct Granted {
    pub(crate) token: SecretString,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: OffsetDateTime,
}

/// Asks `issuer` for a token with the client's credentials.
pub(crate) async fn grant(
    issuer: &IssuerHttp,
    request: &GrantRequest,
) -> Result<Granted, OAuthError> {
    let config = &issuer.config;
    let mut form = vec![("grant_type", "client_credentials")];
    let scope = scope_parameter(config.audience_parameter, request);
    match (config.audience_parameter, &request.audience) {
        (AudienceParameter::Audience, Some(audience)) => form.push(("audience", audience)),
        (AudienceParameter::Resource, Some(audience)) => form.push(("resource", audience)),
        _ => {}
    }
    if let Some(scope) = &scope {
        form.push(("scope", scope));
    }
    for (name, value) in config.parameters.iter().chain(&request.parameters) {
        form.push((name, value));
    }
    let mut response = post(issuer, &form, request).await?;
    if is_nonce_challenge(&response) {
        tracing::debug!(issuer = issuer.issuer(), "the issuer wants its nonce in the proof");
        response = post(issuer, &form, request).await?;
    }
    let (audience, scopes) = (request.audience.as_deref(), &request.scopes);
    let response = issuer.accepted(response, &Asked { audience, scopes, token: None })?;
    read(issuer, &response, request)
}

async fn post(
    issuer: &IssuerHttp,
    form: &[(&str, &str)],
    request: &GrantRequest,
) -> Result<HttpResponse, OAuthError> {
    let endpoint = &issuer.endpoints.token;
    let proof = || match &request.key {
        None => Ok(Vec::new()),
        Some(key) => {
            let algorithm = dpop::algorithm(issuer.endpoints.dpop_algorithms.as_deref())?;
            let nonce = issuer.dpop_nonce();
            let proof = dpop::proof(key, algorithm, endpoint, nonce.as_deref(), issuer.now())?;
            Ok(vec![(HeaderName::from_static("dpop"), sensitive(&proof)?)])
        }
    };
    let response = issuer.post(endpoint, form, proof).await?;
    if let Some(nonce) = response.header("dpop-nonce") {
        issuer.set_dpop_nonce(nonce);
    }
    Ok(response)
}

fn scope_parameter(parameter: AudienceParameter, request: &GrantRequest) -> Option<String> {
    match (parameter, &request.audience) {
        (AudienceParameter::DefaultScope, Some(audience)) => Some(format!("{audience}/.default")),
        _ if request.scopes.is_empty() => None,
        _ => {
            let scopes: Vec<_> = request.scopes.iter().map(String::as_str).collect();
            Some(scopes.join(" "))
        }
    }
}

/// Reads a token response (RFC 6749, section 5.1).
fn read(
    issuer: &IssuerHttp,
    response: &HttpResponse,
    request: &GrantRequest,
) -> Result<Granted, OAuthError> {
    let bad = OAuthError::BadAnswer;
    let value = json::parse_any_integer(&response.body, LIMITS)
        .map_err(|error| bad(format!("the token response is refused: {error}")))?;
    let answer =
        value.as_object().ok_or_else(|| bad("the token response is not an object".to_owned()))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let token = text("access_token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| bad("the token response lacks `access_token`".to_owned()))?;
    let token_type = text("token_type").unwrap_or_default().to_ascii_lowercase();
    match (token_type.as_str(), &request.key) {
        ("bearer", None) | ("dpop", Some(_)) => {}
        ("bearer", Some(_)) => return Err(OAuthError::NotKeyBound),
        _ => {
            return Err(bad(
                "the token response does not have the requested `token_type`".to_owned()
            ));
        }
    }
    let told = text("scope").map(|scopes| scopes.split(' ').map(str::to_owned).collect());
    let jwt = read_own_token(issuer, token);
    let inside = jwt.as_ref().and_then(|(_, expires)| *expires);
    let expires_at = expiry(answer, inside, issuer.now());
    Ok(Granted {
        token: SecretString::from(token),
        // If the answer has no `scope`, take the scopes in the token. If these cannot be read, take
        // the requested scopes.
        scopes: told.or(jwt.map(|(scopes, _)| scopes)).unwrap_or_else(|| request.scopes.clone()),
        expires_at,
    })
}

/// Reads the scopes and the expiry of a token that the issuer has just given, if the token is a
/// JWT. The token is not validated here: the server that receives the token validates it.
fn read_own_token(issuer: &IssuerHttp, token: &str) -> Option<(BTreeSet<String>, Option<f64>)> {
    let jwt = Jwt::parse(token).ok()?;
    let value = jwt.claims().ok()?;
    let claims = object(&value).ok()?;
    let scopes = issuer.config.rules.scopes(claims).ok()?;
    let expires = Times::read(claims).ok().map(|times| times.expires);
    Some((scopes, expires))
}

/// Returns the earlier of `expires_in` and the token's own `exp`. If both are missing, the token is
/// kept for five minutes.
fn expiry(answer: &Object<'_>, inside: Option<f64>, now: OffsetDateTime) -> OffsetDateTime {
    let told = answer.get("expires_in").and_then(lifetime).map(|lifetime| after(now, lifetime));
    match (told, inside.map(instant)) {
        (Some(told), Some(inside)) => told.min(inside),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => after(now, UNTOLD_LIFETIME),
    }
}

/// Reads `expires_in` (RFC 6749, section 5.1): a number of seconds, which some issuers send as a
/// string. A value that is not a time in the future does not count: with it, each call would ask
/// for a new token.
fn lifetime(value: &Value<'_>) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.value,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let is_time = seconds > 0.0 && seconds.is_finite();
    is_time.then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Returns whether the issuer asks for a nonce in the proof (RFC 9449, section 8).
fn is_nonce_challenge(response: &HttpResponse) -> bool {
    response.status == 400
        && response.header("dpop-nonce").is_some()
        && json::parse_any_integer(&response.body, LIMITS).is_ok_and(|value| {
            let error = value.as_object().and_then(|object| object.get("error"));
            error.and_then(Value::as_str) == Some("use_dpop_nonce")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_in_is_read_in_every_form_and_never_overflows() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let expiry = |expires_in: &str, inside| {
            let text = format!("{{\"expires_in\":{expires_in}}}");
            let value = json::parse_any_integer(text.as_bytes(), LIMITS).unwrap();
            expiry(value.as_object().unwrap(), inside, now)
        };
        for told in ["3600", "3600.0", "\"3600\"", "\" 3600 \"", "3.6e3"] {
            assert_eq!(expiry(told, None), now + time::Duration::HOUR, "{told}");
        }
        let untold = now + time::Duration::minutes(5);
        for odd in [
            "0", "-1", "-1e300", "null", "true", "[]", "{}", "\"\"", "\"1h\"", "\"NaN\"", "\"inf\"",
        ] {
            assert_eq!(expiry(odd, None), untold, "{odd}");
            let inside = 1_800_000_060.0;
            assert_eq!(expiry(odd, Some(inside)), instant(inside), "{odd}");
        }
        for huge in ["1e300", "9007199254740993", "18446744073709551616", "\"1e300\""] {
            assert_eq!(expiry(huge, None), instant(f64::MAX), "{huge}");
        }
    }
}
