//! Several identity providers side by side.

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

/// Holds providers and picks one by issuer, byte for byte. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct ProviderRegistry {
    providers: Arc<RwLock<BTreeMap<String, Arc<dyn OAuthProvider>>>>,
    events: Option<Emitter>,
}

impl ProviderRegistry {
    /// A registry without providers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where `provider_registered` events go.
    #[must_use]
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.events = Some(emitter);
        self
    }

    /// Adds a provider.
    ///
    /// # Errors
    /// [`ConfigError::RegisteredTwice`] if there is one for its issuer.
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

    /// The provider of this issuer.
    #[must_use]
    pub fn get(&self, issuer: &str) -> Option<Arc<dyn OAuthProvider>> {
        let providers = self.providers.read();
        providers.get(issuer).map(Arc::clone)
    }

    /// The issuers, sorted.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let providers = self.providers.read();
        providers.keys().cloned().collect()
    }

    /// Validates a token with the provider whose issuer it names.
    ///
    /// # Errors
    /// [`OAuthError::UnknownIssuer`] if there is none; otherwise as that provider says.
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
