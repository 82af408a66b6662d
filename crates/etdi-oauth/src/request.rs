//! Requests to an issuer.

use std::collections::BTreeSet;

use etdi_types::{Digest, SigningKey, ToolId, Version};

/// A request for an access token, for calls.
///
/// ```
/// use etdi_oauth::TokenRequest;
/// let request = TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    pub(crate) tool: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

impl TokenRequest {
    /// Returns a request for a token with the configured audience.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a request for a token to call this tool. The id appears in logs; the issuer does not
    /// get it.
    #[must_use]
    pub fn for_tool(tool: impl Into<String>) -> Self {
        Self { tool: Some(tool.into()), ..Self::default() }
    }

    /// Sets the audience, instead of the configured one.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Asks for a scope. A token without this scope is an error.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    /// Asks for these scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Returns the scopes that are asked for.
    #[must_use]
    pub fn asked_scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// Returns the tool that the token is for.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        self.tool.as_deref()
    }
}

/// A request for an attestation, with the definitions and the key to bind.
#[derive(Clone, Debug, Default)]
pub struct AttestationRequest {
    pub(crate) definitions: Vec<(ToolId, Version, Digest)>,
    pub(crate) key: Option<SigningKey>,
}

impl AttestationRequest {
    /// Returns a request that does not bind anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds this definition by its digest, if the provider's configuration names a claim for
    /// digests.
    #[must_use]
    pub fn definition(mut self, id: ToolId, version: Version, digest: Digest) -> Self {
        self.definitions.push((id, version, digest));
        self
    }

    /// Binds the key that signs the definitions, by a DPoP proof (RFC 9449). If the issuer does not
    /// bind the key, the request fails.
    #[must_use]
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }
}
