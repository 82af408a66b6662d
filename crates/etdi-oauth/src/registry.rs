//! Several identity providers side by side.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use etdi_events::{Emitter, ProviderRegistered};

use crate::claims;
use crate::config::ConfigError;
use crate::error::OAuthError;
use crate::jwt::Jwt;
use crate::provider::OAuthProvider;
use crate::token::BearerToken;
use crate::validation::{Expectations, Principal, TokenError, object};

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
        let mut providers = self.providers.write().unwrap_or_else(PoisonError::into_inner);
        if providers.contains_key(&issuer) {
            return Err(ConfigError::RegisteredTwice(issuer));
        }
        let registered = ProviderRegistered {
            issuer: issuer.clone(),
            kind: provider.kind().as_str().to_owned(),
        };
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
        let providers = self.providers.read().unwrap_or_else(PoisonError::into_inner);
        providers.get(issuer).map(Arc::clone)
    }

    /// The issuers, sorted.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let providers = self.providers.read().unwrap_or_else(PoisonError::into_inner);
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
        let issuer = claimed_issuer(token.expose())?;
        match self.get(&issuer) {
            Some(provider) => provider.validate(token, expected).await,
            None => Err(OAuthError::UnknownIssuer(issuer)),
        }
    }
}

/// Whose token it says it is: only to choose who judges it.
fn claimed_issuer(token: &str) -> Result<String, TokenError> {
    let jwt = Jwt::parse(token)?;
    let claims = jwt.claims()?;
    claims::issuer(object(&claims)?)
}
