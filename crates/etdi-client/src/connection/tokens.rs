//! The tokens of calls: they come from an identity provider, and hold only the scopes that the
//! tools need.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_oauth::{AccessToken, BearerToken, OAuthError, OAuthProvider, TokenRequest};
use etdi_types::{AuthorizationContext, ResourceUri};
use parking_lot::Mutex;
use secrecy::SecretString;

use crate::wire::authorizer::HttpAuthorizer;

/// The source of the tokens for one server.
#[derive(Clone, Debug)]
pub(crate) struct TokenSource {
    pub(crate) provider: Arc<dyn OAuthProvider>,
    /// The request of every token, whichever tool is called.
    pub(crate) request: TokenRequest,
}

impl TokenSource {
    /// Returns the client that the tokens are issued to.
    pub(crate) fn context(&self) -> AuthorizationContext {
        let client = self.provider.client_id().unwrap_or_default().to_owned();
        let issuer = self.provider.issuer().to_owned();
        AuthorizationContext::Principal { issuer, subject: client.clone(), client }
    }
}

/// The tokens of one connection. The set of scopes only grows.
#[derive(Debug)]
pub(crate) struct Tokens {
    source: TokenSource,
    scopes: Mutex<BTreeSet<String>>,
}

impl Tokens {
    pub(crate) fn new(source: &TokenSource) -> Self {
        Self { source: source.clone(), scopes: Mutex::new(source.request.asked_scopes().clone()) }
    }

    /// Returns a token that holds every scope that was ever needed on this connection. The token
    /// comes from the cache while the set of scopes is the same.
    pub(crate) async fn token(&self) -> Result<AccessToken, OAuthError> {
        let scopes = self.scopes.lock().clone();
        self.token_with(scopes).await
    }

    async fn token_with(&self, scopes: BTreeSet<String>) -> Result<AccessToken, OAuthError> {
        self.source.provider.token(&self.source.request.clone().scopes(scopes)).await
    }

    /// Returns whether the host asks for this scope for every call.
    pub(crate) fn is_from_the_host(&self, scope: &str) -> bool {
        self.source.request.asked_scopes().contains(scope)
    }

    /// Obtains a token that also holds these scopes, and keeps them for the next token. Returns
    /// whether a scope was missing before. Scopes that the issuer refuses are not kept, so that
    /// calls that do not need them still work.
    pub(crate) async fn obtain(&self, scopes: Vec<String>) -> Result<bool, OAuthError> {
        let mut wanted = self.scopes.lock().clone();
        let before = wanted.len();
        wanted.extend(scopes);
        let more = wanted.len() != before;
        self.token_with(wanted.clone()).await?;
        self.scopes.lock().extend(wanted);
        Ok(more)
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

    fn forget(&self, _server: &ResourceUri, token: &SecretString) -> bool {
        self.source.provider.forget(&BearerToken::new(token.clone()));
        true
    }
}
