//! The tokens that calls carry: obtained from an identity provider, with the scopes that the tools
//! need, and no more than those.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_oauth::{AccessToken, OAuthError, OAuthProvider, TokenRequest};
use etdi_types::{AuthorizationContext, ResourceUri};
use parking_lot::Mutex;
use secrecy::SecretString;

use crate::wire::authorizer::HttpAuthorizer;

/// How the tokens for one server are obtained.
#[derive(Clone, Debug)]
pub(crate) struct TokenSource {
    pub(crate) provider: Arc<dyn OAuthProvider>,
    /// What every token is asked for, whatever is called.
    pub(crate) request: TokenRequest,
}

impl TokenSource {
    /// The client that the tokens are issued to.
    pub(crate) fn context(&self) -> AuthorizationContext {
        let client = self.provider.client_id().unwrap_or_default().to_owned();
        let issuer = self.provider.issuer().to_owned();
        AuthorizationContext::Principal { issuer, subject: client.clone(), client }
    }
}

/// The tokens of one connection. Its scopes only grow.
#[derive(Debug)]
pub(crate) struct Tokens {
    source: TokenSource,
    scopes: Mutex<BTreeSet<String>>,
}

impl Tokens {
    pub(crate) fn new(source: &TokenSource) -> Self {
        Self { source: source.clone(), scopes: Mutex::new(source.request.asked_scopes().clone()) }
    }

    /// A token that holds every scope that was ever needed on this connection. From the cache while
    /// that is the same set.
    pub(crate) async fn token(&self) -> Result<AccessToken, OAuthError> {
        let scopes = self.scopes.lock().clone();
        self.token_with(scopes).await
    }

    async fn token_with(&self, scopes: BTreeSet<String>) -> Result<AccessToken, OAuthError> {
        self.source.provider.token(&self.source.request.clone().scopes(scopes)).await
    }

    /// Whether the host asks for this scope whatever is called.
    pub(crate) fn is_from_the_host(&self, scope: &str) -> bool {
        self.source.request.asked_scopes().contains(scope)
    }

    /// Obtains a token that holds these scopes as well, and keeps them for the next. Says whether any
    /// was missing. Scopes that the issuer refuses are not kept: what needs none of them goes on.
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
}
