//! The tokens that calls carry: obtained from an identity provider, with the scopes that the tools
//! need, and no more than those.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use etdi_oauth::{AccessToken, OAuthError, OAuthProvider, TokenRequest};
use etdi_types::ResourceUri;
use secrecy::SecretString;

use crate::wire::HttpAuthorizer;

/// The variable in which a stdio server finds the token of its principal.
pub(crate) const STDIO_TOKEN: &str = "ETDI_ACCESS_TOKEN";

/// How a client obtains tokens.
#[derive(Clone, Debug)]
pub(crate) struct TokenSource {
    pub(crate) provider: Arc<dyn OAuthProvider>,
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

/// The tokens of one connection. Its scopes only grow.
#[derive(Debug)]
pub(crate) struct Tokens {
    source: TokenSource,
    scopes: Mutex<BTreeSet<String>>,
}

impl Tokens {
    pub(crate) fn new(source: &TokenSource) -> Self {
        Self { source: source.clone(), scopes: Mutex::new(source.scopes.clone()) }
    }

    /// A token that holds every scope that was ever needed on this connection. From the cache while
    /// that is the same set.
    pub(crate) async fn token(&self) -> Result<AccessToken, OAuthError> {
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = TokenRequest::new().scopes(scopes);
        let request = match &self.source.audience {
            Some(audience) => request.audience(audience),
            None => request,
        };
        self.source.provider.token(&request).await
    }

    /// Whether the host asks for this scope whatever is called.
    pub(crate) fn is_from_the_host(&self, scope: &str) -> bool {
        self.source.scopes.contains(scope)
    }

    /// Adds scopes to those that tokens must hold. Says whether any was missing.
    pub(crate) fn need(&self, scopes: Vec<String>) -> bool {
        let mut held = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.len();
        held.extend(scopes);
        held.len() != before
    }
}

#[async_trait]
impl HttpAuthorizer for Tokens {
    async fn bearer_token(
        &self,
        _server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Some(SecretString::from(self.token().await?.expose().to_owned())))
    }
}
