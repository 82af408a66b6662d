//! Sends authenticated requests to one issuer, and reports failures as events. Keeps the issuer's
//! nonce, and the pause during which the issuer must not be asked again.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use etdi_events::{Event, ProviderError};
use etdi_types::trust::IssuerKind;
use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::config::{ClientAuthentication, ClientCredentials, ConfigError, OAuthConfig};
use crate::discovery::Endpoints;
use crate::error::OAuthError;
use crate::http::{HttpClient, HttpError, HttpResponse};
use crate::limiter::Limiter;
use crate::refusal::{RefusedRequest, is_refusal, refusal};
use crate::vendor::vendor;

/// Sends requests to one issuer, as its client.
pub(crate) struct IssuerHttp {
    pub(crate) config: OAuthConfig,
    pub(crate) endpoints: Endpoints,
    http: HttpClient,
    dpop_nonce: Mutex<Option<Arc<str>>>,
    limiter: Limiter,
}

/// The parameters of a request that its refusal may name.
pub(crate) struct Asked<'a> {
    pub(crate) audience: Option<&'a str>,
    pub(crate) scopes: &'a BTreeSet<String>,
    /// The token that the request is about.
    pub(crate) token: Option<&'a str>,
}

impl IssuerHttp {
    pub(crate) fn new(config: OAuthConfig, endpoints: Endpoints, http: HttpClient) -> Self {
        Self { config, endpoints, http, dpop_nonce: Mutex::default(), limiter: Limiter::default() }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.config.rules.issuer()
    }

    pub(crate) fn kind(&self) -> IssuerKind {
        self.config.rules.kind()
    }

    pub(crate) fn client(&self) -> Result<&ClientCredentials, ConfigError> {
        self.config.client.as_ref().ok_or(ConfigError::NoClient)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.config.clock.now()
    }

    /// Posts a form with the client's credentials, and tries again after a temporary failure.
    pub(crate) async fn post(
        &self,
        endpoint: &str,
        form: &[(&str, &str)],
        more_headers: impl Fn() -> Result<Vec<(HeaderName, HeaderValue)>, OAuthError>,
    ) -> Result<HttpResponse, OAuthError> {
        let (body, authorization) = encode(form, self.client()?);
        let call = self.limiter.call();
        let attempt = || async {
            call.check(self.now())?;
            let mut headers = more_headers()?;
            headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
            let answer = self.http.post_form(endpoint, &body, &headers).await;
            if let Ok(response) = &answer {
                call.note(response, self.now());
            }
            Ok::<_, OAuthError>(answer)
        };
        let answer = self.config.retry.run(self.issuer(), &*self.config.clock, attempt).await?;
        answer.map_err(|source| self.unreachable(source))
    }

    /// Returns the answer if it is a success, and otherwise the issuer's refusal. Some issuers
    /// refuse with status 200.
    pub(crate) fn accepted(
        &self,
        response: HttpResponse,
        asked: &Asked<'_>,
    ) -> Result<HttpResponse, OAuthError> {
        if response.status == 200 && !is_refusal(&response.body) {
            return Ok(response);
        }
        let client = self.client()?;
        let secret = client.secret.expose_secret();
        let basic = credentials(client);
        let secrets: Vec<&str> = [secret, basic.as_str()].into_iter().chain(asked.token).collect();
        let refused = RefusedRequest {
            kind: self.kind(),
            client: &client.id,
            audience: asked.audience,
            scopes: asked.scopes,
            secrets: &secrets,
        };
        Err(match refusal(&response, &refused) {
            OAuthError::RateLimited { .. } => {
                if response.status != 429 {
                    self.limiter.limited(self.now());
                }
                OAuthError::RateLimited { retry_after: self.limiter.pause(self.now()) }
            }
            OAuthError::Unavailable { status, .. } => {
                OAuthError::Unavailable { status, retry_after: self.limiter.pause(self.now()) }
            }
            error => error,
        })
    }

    pub(crate) fn dpop_nonce(&self) -> Option<Arc<str>> {
        self.dpop_nonce.lock().clone()
    }

    pub(crate) fn set_dpop_nonce(&self, nonce: &str) {
        *self.dpop_nonce.lock() = Some(nonce.into());
    }

    pub(crate) fn unreachable(&self, source: HttpError) -> OAuthError {
        OAuthError::Unreachable { source, remedy: self.unreachable_remedy() }
    }

    pub(crate) fn unreachable_remedy(&self) -> &'static str {
        vendor(self.kind()).unreachable_remedy(self.issuer())
    }

    /// Reports a failure and returns the same error.
    pub(crate) fn failed(&self, error: OAuthError) -> OAuthError {
        tracing::debug!(issuer = self.issuer(), %error, "the request to the identity provider failed");
        self.emit(|| {
            let mut event = ProviderError::new(self.issuer(), error.to_string());
            event.code = error.code().map(str::to_owned);
            event.status = error.status();
            event.retry_after_seconds = error.retry_after().map(|after| after.as_secs());
            event
        });
        error
    }

    pub(crate) fn emit<E: Into<Event>>(&self, event: impl FnOnce() -> E) {
        if let Some(events) = &self.config.events {
            events.emit(event());
        }
    }
}

/// Returns a header value that is marked as sensitive, so that logs do not show it.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, OAuthError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        OAuthError::BadAnswer("an HTTP header cannot hold the nonce or the proof".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Encodes the form, with the client's credentials in it or in an `Authorization` header (RFC 6749,
/// section 2.3.1).
fn encode(
    form: &[(&str, &str)],
    client: &ClientCredentials,
) -> (Zeroizing<String>, Option<HeaderValue>) {
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
            let header = sensitive(&format!("Basic {}", *credentials(client))).ok();
            (Zeroizing::new(body.finish()), header)
        }
    }
}

/// Returns the client's id and secret as `client_secret_basic` sends them.
fn credentials(client: &ClientCredentials) -> Zeroizing<String> {
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let secret = client.secret.expose_secret();
    let pair = Zeroizing::new(format!("{}:{}", encoded(&client.id), encoded(secret)));
    Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()))
}
