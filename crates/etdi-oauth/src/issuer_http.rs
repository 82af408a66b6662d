//! Sends authenticated requests to one issuer, and reports failures as events. Keeps the issuer's
//! nonce, and the time before which the issuer must not be asked again.

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
use crate::retry::retry_after;
use crate::vendor::vendor;

/// Sends requests to one issuer, as its client.
pub(crate) struct IssuerHttp {
    pub(crate) config: OAuthConfig,
    pub(crate) endpoints: Endpoints,
    http: HttpClient,
    dpop_nonce: Mutex<Option<Arc<str>>>,
    hold_off: Mutex<Option<OffsetDateTime>>,
}

impl IssuerHttp {
    pub(crate) fn new(config: OAuthConfig, endpoints: Endpoints, http: HttpClient) -> Self {
        let (dpop_nonce, hold_off) = (Mutex::default(), Mutex::default());
        Self { config, endpoints, http, dpop_nonce, hold_off }
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
        self.check_hold_off()?;
        let (body, authorization) = encode(form, self.client()?);
        let attempt = || async {
            let mut headers = more_headers()?;
            headers.extend(authorization.clone().map(|value| (AUTHORIZATION, value)));
            Ok::<_, OAuthError>(self.http.post_form(endpoint, &body, &headers).await)
        };
        let answer = self.config.retry.run(self.issuer(), &*self.config.clock, attempt).await?;
        let response = answer.map_err(|source| self.unreachable(source))?;
        if response.status == 429 {
            let now = self.now();
            *self.hold_off.lock() = retry_after(&response, now).map(|after| now + after);
        }
        Ok(response)
    }

    /// Fails if the issuer has asked the client to wait, and the wait is not over.
    fn check_hold_off(&self) -> Result<(), OAuthError> {
        let now = self.now();
        match *self.hold_off.lock() {
            Some(until) if now < until => {
                Err(OAuthError::RateLimited { retry_after: (until - now).try_into().ok() })
            }
            _ => Ok(()),
        }
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
