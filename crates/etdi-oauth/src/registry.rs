//! A registry of several identity providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use etdi_events::{Emitter, ProviderRegistered};
use parking_lot::RwLock;

use crate::config::ConfigError;
use crate::error::OAuthError;
use crate::jwt::claimed_issuer;
use crate::provider::OAuthProvider;
use crate::token::BearerToken;
use crate::validation::{Expectations, Principal};

/// Holds providers, and finds the provider of an issuer. Issuers are compared as bytes. Cheap to
/// clone; clones share the providers.
#[derive(Clone, Debug, Default)]
pub struct ProviderRegistry {
    providers: Arc<RwLock<BTreeMap<String, Arc<dyn OAuthProvider>>>>,
    events: Option<Emitter>,
}

impl ProviderRegistry {
    /// Returns a registry without providers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `provider_registered` events to `emitter`.
    #[must_use]
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.events = Some(emitter);
        self
    }

    /// Adds a provider.
    ///
    /// # Errors
    /// [`ConfigError::RegisteredTwice`] if the registry has a provider for the same issuer.
    pub fn register(&self, provider: impl OAuthProvider + 'static) -> Result<(), ConfigError> {
        let issuer = provider.issuer().to_owned();
        let mut providers = self.providers.write();
        if providers.contains_key(&issuer) {
            return Err(ConfigError::RegisteredTwice(issuer));
        }
        let registered = ProviderRegistered::new(issuer.clone(), provider.kind().as_str());
        providers.insert(issuer, Arc::new(provider));
        drop(providers);
        if let Some(events) = &self.events {
            events.emit(registered);
        }
        Ok(())
    }

    /// Returns the provider of this issuer.
    #[must_use]
    pub fn get(&self, issuer: &str) -> Option<Arc<dyn OAuthProvider>> {
        let providers = self.providers.read();
        providers.get(issuer).map(Arc::clone)
    }

    /// Returns the issuers, sorted.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let providers = self.providers.read();
        providers.keys().cloned().collect()
    }

    /// Validates a token with the provider of the issuer that the token names.
    ///
    /// # Errors
    /// [`OAuthError::Token`] if the issuer in the token cannot be read;
    /// [`OAuthError::UnknownIssuer`] if the registry has no provider for this issuer; otherwise the
    /// error of the provider.
    pub async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError> {
        let (issuer, _) = claimed_issuer(token.expose())?;
        match self.get(&issuer) {
            Some(provider) => provider.validate(token, expected).await,
            None => Err(OAuthError::UnknownIssuer(issuer)),
        }
    }
}
