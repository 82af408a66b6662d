//! What an issuer's answers leave behind: errors, events, its nonce, and when it may be asked again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use etdi_events::{Event, ProviderError, TokenAcquired, TokenExpired, TokenRefreshed};
use time::OffsetDateTime;

use super::IssuerClient;
use crate::cache::Occasion;
use crate::error::OAuthError;
use crate::grant::{Granted, Order};
use crate::http::HttpError;
use crate::jwks::JwksError;
use crate::remedy;

/// What is remembered between two requests.
#[derive(Debug, Default)]
pub(super) struct Memory {
    dpop_nonce: Mutex<Option<String>>,
    hold_off: Mutex<Option<OffsetDateTime>>,
}

impl IssuerClient {
    pub(crate) fn unreachable(&self, source: HttpError) -> OAuthError {
        OAuthError::Unreachable { source, remedy: remedy::unreachable(self.kind(), self.issuer()) }
    }

    pub(super) fn jwks_error(&self, source: JwksError) -> OAuthError {
        match source {
            JwksError::Http(source) if source.is_transient() => self.unreachable(source),
            JwksError::Interrupted => OAuthError::Interrupted,
            source => {
                OAuthError::Jwks { source, remedy: remedy::unreachable(self.kind(), self.issuer()) }
            }
        }
    }

    pub(crate) fn dpop_nonce(&self) -> Option<String> {
        lock(&self.memory.dpop_nonce).clone()
    }

    pub(crate) fn set_dpop_nonce(&self, nonce: &str) {
        *lock(&self.memory.dpop_nonce) = Some(nonce.to_owned());
    }

    /// Fails while the issuer has asked not to be asked.
    pub(crate) fn hold_off(&self) -> Result<(), OAuthError> {
        let now = self.config.clock.now();
        match *lock(&self.memory.hold_off) {
            Some(until) if now < until => {
                Err(OAuthError::RateLimited { retry_after: (until - now).try_into().ok() })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn hold_off_until(&self, until: Option<OffsetDateTime>) {
        *lock(&self.memory.hold_off) = until;
    }

    /// Says that something failed, and passes it on.
    pub(crate) fn failed(&self, error: OAuthError) -> OAuthError {
        tracing::debug!(issuer = self.issuer(), %error, "the identity provider did not do as asked");
        self.emit(|| ProviderError {
            issuer: self.issuer().to_owned(),
            code: error.code().map(str::to_owned),
            status: error.status(),
            reason: error.to_string(),
            retry_after_seconds: error.retry_after().map(|after| after.as_secs()),
        });
        error
    }

    pub(super) fn report(&self, order: &Order, granted: &Granted, occasion: Occasion) {
        let scopes = || granted.scopes.iter().cloned().collect::<Vec<_>>();
        let (issuer, audience) = (self.issuer().to_owned(), order.audience.clone());
        let client = self.config.client_id().unwrap_or_default().to_owned();
        let expires = granted.expires_at;
        tracing::debug!(issuer, audience, scopes = ?granted.scopes, %expires, "got a token");
        if let Occasion::Expired(since) = occasion {
            self.emit(|| TokenExpired {
                issuer: issuer.clone(),
                client: Some(client.clone()),
                audience: audience.clone(),
                since,
            });
        }
        match occasion {
            Occasion::Renewal => {
                self.emit(|| TokenRefreshed { issuer, client, audience, scopes: scopes(), expires })
            }
            Occasion::First | Occasion::Expired(_) => {
                self.emit(|| TokenAcquired { issuer, client, audience, scopes: scopes(), expires })
            }
        }
    }

    pub(crate) fn emit<E: Into<Event>>(&self, event: impl FnOnce() -> E) {
        if let Some(events) = &self.config.events {
            events.emit(event());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
