//! Requests to an issuer's endpoints, and what its answers mean.

use std::collections::BTreeSet;

use base64::Engine;
use etdi_types::SigningKey;
use etdi_types::json::{self, Limits, Object, Value};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::claims;
use crate::config::{AudienceParameter, Client, ClientAuthentication};
use crate::dpop;
use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, Response};
use crate::issuer_client::IssuerClient;
use crate::jwt::Jwt;
use crate::refusal::{Asked, refusal};
use crate::retry::{Attempt, classify, retry_after};
use crate::validation::object;

const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);

/// How long a token of which nobody says when it expires is kept.
const UNTOLD_LIFETIME: time::Duration = time::Duration::minutes(5);

/// One token request.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The key to bind the token to.
    pub(crate) key: Option<SigningKey>,
}

/// What came of it.
pub(crate) struct Granted {
    pub(crate) token: SecretString,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: OffsetDateTime,
}

impl IssuerClient {
    /// Asks for a token with the client's credentials (RFC 6749, section 4.4).
    pub(crate) async fn grant(&self, order: &Order) -> Result<Granted, OAuthError> {
        let client = self.client()?;
        let mut form = vec![("grant_type", "client_credentials")];
        let scope = self.scope_parameter(order);
        match (self.config.audience_parameter, &order.audience) {
            (AudienceParameter::Audience, Some(audience)) => form.push(("audience", audience)),
            (AudienceParameter::Resource, Some(audience)) => form.push(("resource", audience)),
            _ => {}
        }
        if let Some(scope) = &scope {
            form.push(("scope", scope));
        }
        for (name, value) in self.config.parameters.iter().chain(&order.parameters) {
            form.push((name, value));
        }
        let asked = Asked {
            kind: self.kind(),
            client: &client.id,
            audience: order.audience.as_deref(),
            scopes: &order.scopes,
        };
        let mut response = self.ask_for_token(&form, order).await?;
        if is_nonce_challenge(&response) {
            tracing::debug!(issuer = self.issuer(), "the issuer wants its nonce in the proof");
            response = self.ask_for_token(&form, order).await?;
        }
        if response.status != 200 {
            let secret = client.secret.expose_secret();
            return Err(refusal(&response, &asked, secret, self.config.clock.now()));
        }
        self.read_token(&response, order)
    }

    /// Posts a form with the client's credentials, and again where that may help.
    pub(crate) async fn post(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
        more_headers: impl Fn() -> Result<Vec<(HeaderName, HeaderValue)>, OAuthError>,
    ) -> Result<Response, OAuthError> {
        self.hold_off()?;
        let (body, authorization) = encode(form, self.client()?);
        for done in 1.. {
            let mut headers = more_headers()?;
            headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
            let result = self.http.post_form(endpoint, &body, &headers).await;
            let now = self.config.clock.now();
            if let Attempt::Again(asked_for) = classify(&result, now)
                && let Some(pause) = self.config.retry.pause_after(done, asked_for)
            {
                tracing::debug!(
                    issuer = self.issuer(),
                    status = result.as_ref().map(|response| response.status).ok(),
                    milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "trying again after a pause"
                );
                self.config.pause.pause(pause).await;
                continue;
            }
            let response = result.map_err(|source| self.unreachable(source))?;
            if response.status == 429 {
                self.hold_off_until(retry_after(&response, now).map(|after| now + after));
            }
            return Ok(response);
        }
        Err(OAuthError::Interrupted)
    }

    async fn ask_for_token(
        &self,
        form: &[(&str, &str)],
        order: &Order,
    ) -> Result<Response, OAuthError> {
        let endpoint = &self.endpoints.token;
        let proof = || match &order.key {
            None => Ok(Vec::new()),
            Some(key) => {
                let algorithm = dpop::algorithm(self.endpoints.dpop_algorithms.as_deref())?;
                let (nonce, now) = (self.dpop_nonce(), self.config.clock.now());
                let proof = dpop::proof(key, algorithm, endpoint, nonce.as_deref(), now)?;
                Ok(vec![(HeaderName::from_static("dpop"), sensitive(&proof)?)])
            }
        };
        let response = self.post(endpoint, form, proof).await?;
        if let Some(nonce) = response.header("dpop-nonce") {
            self.set_dpop_nonce(nonce);
        }
        Ok(response)
    }

    fn scope_parameter(&self, order: &Order) -> Option<String> {
        match (self.config.audience_parameter, &order.audience) {
            (AudienceParameter::DefaultScope, Some(audience)) => {
                Some(format!("{audience}/.default"))
            }
            _ if order.scopes.is_empty() => None,
            _ => {
                let scopes: Vec<_> = order.scopes.iter().map(String::as_str).collect();
                Some(scopes.join(" "))
            }
        }
    }

    /// RFC 6749, section 5.1.
    fn read_token(&self, response: &Response, order: &Order) -> Result<Granted, OAuthError> {
        let bad = OAuthError::BadAnswer;
        let value = json::parse(&response.body, LIMITS)
            .map_err(|error| bad(format!("the token response is refused: {error}")))?;
        let answer = value
            .as_object()
            .ok_or_else(|| bad("the token response is not an object".to_owned()))?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let token = text("access_token")
            .filter(|token| !token.is_empty())
            .ok_or_else(|| bad("the token response lacks `access_token`".to_owned()))?;
        let token_type = text("token_type").unwrap_or_default().to_ascii_lowercase();
        match (token_type.as_str(), &order.key) {
            ("bearer", None) | ("dpop", Some(_)) => {}
            ("bearer", Some(_)) => return Err(OAuthError::NotKeyBound),
            _ => {
                return Err(bad(
                    "the token response has another `token_type` than was asked for".to_owned()
                ));
            }
        }
        let told = text("scope").map(|scopes| scopes.split(' ').map(str::to_owned).collect());
        let jwt = self.read_own_token(token);
        let expires_at = self.expiry(answer, jwt.as_ref().and_then(|(_, expires)| *expires));
        let inside = jwt.map(|(scopes, _)| scopes);
        Ok(Granted {
            token: SecretString::from(token),
            // What is not said is what was asked for, unless the token itself says otherwise.
            scopes: told.or(inside).unwrap_or_else(|| order.scopes.clone()),
            expires_at,
        })
    }

    /// What a token that the issuer has just given says of its scopes and its expiry, if it is a
    /// JWT. Whoever accepts the token validates it.
    fn read_own_token(&self, token: &str) -> Option<(BTreeSet<String>, Option<f64>)> {
        let jwt = Jwt::parse(token).ok()?;
        let value = jwt.claims().ok()?;
        let claims = object(&value).ok()?;
        let scopes = claims::scopes(claims, &self.config.rules).ok()?;
        let expires = claims::Times::read(claims).ok().map(|times| times.expires);
        Some((scopes, expires))
    }

    /// The earlier one of `expires_in` and the token's own `exp`.
    fn expiry(&self, answer: &Object<'_>, inside: Option<f64>) -> OffsetDateTime {
        let now = self.config.clock.now();
        let seconds = match answer.get("expires_in") {
            Some(Value::Number(number)) => Some(number.value),
            Some(Value::String(text)) => text.parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        };
        let told = seconds
            .map(|seconds| now.saturating_add(time::Duration::saturating_seconds_f64(seconds)));
        match (told, inside.map(claims::instant)) {
            (Some(told), Some(inside)) => told.min(inside),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => now.saturating_add(UNTOLD_LIFETIME),
        }
    }
}

/// RFC 9449, section 8.
fn is_nonce_challenge(response: &Response) -> bool {
    response.status == 400
        && response.header("dpop-nonce").is_some()
        && json::parse(&response.body, LIMITS).is_ok_and(|value| {
            let error = value.as_object().and_then(|object| object.get("error"));
            error.and_then(Value::as_str) == Some("use_dpop_nonce")
        })
}

/// The form with the client's credentials in it, or beside it in an `Authorization` header
/// (RFC 6749, section 2.3.1).
fn encode(form: &[(&str, &str)], client: &Client) -> (Zeroizing<String>, Option<HeaderValue>) {
    let secret = client.secret.expose_secret();
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    match client.authentication {
        ClientAuthentication::Post => {
            body.append_pair("client_id", &client.id);
            body.append_pair("client_secret", secret);
            (Zeroizing::new(body.finish()), None)
        }
        ClientAuthentication::Basic => {
            let encoded = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = Zeroizing::new(format!("{}:{}", encoded(&client.id), encoded(secret)));
            let credentials = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
            let header = sensitive(&format!("Basic {credentials}")).ok();
            (Zeroizing::new(body.finish()), header)
        }
    }
}

/// A header value that no log shows.
fn sensitive(text: &str) -> Result<HeaderValue, OAuthError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| OAuthError::BadAnswer("a header cannot hold the issuer's nonce".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
