//! Events about clients, their connections, and identity providers.

use serde::{Deserialize, Serialize};

/// A client was built and is ready to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientInitialized {
    /// The security level: `basic`, `enhanced` or `strict`.
    pub level: String,
    /// The number of providers in the client's trust configuration.
    pub trusted_providers: u64,
}

constructor!(ClientInitialized { level: impl Into<String>, trusted_providers: u64 });

/// A client connected to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientConnected {
    /// The server's identity.
    pub server: String,
    /// `stdio` or `http`.
    pub transport: String,
    /// The negotiated MCP protocol version.
    pub protocol: Option<String>,
}

constructor!(ClientConnected { server: impl Into<String>, transport: impl Into<String>; protocol });

/// A connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientDisconnected {
    /// The server's identity.
    pub server: String,
}

constructor!(ClientDisconnected { server: impl Into<String> });

/// An identity provider was added to a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderRegistered {
    /// The issuer.
    pub issuer: String,
    /// The kind of the provider, for example `auth0` or `generic`.
    pub kind: String,
}

constructor!(ProviderRegistered { issuer: impl Into<String>, kind: impl Into<String> });

/// The known data of an identity provider changed, for example its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderUpdated {
    /// The issuer.
    pub issuer: String,
    /// The change.
    pub change: String,
}

constructor!(ProviderUpdated { issuer: impl Into<String>, change: impl Into<String> });

/// An identity provider could not be reached, gave a bad answer, or did not attest a server's
/// definitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderError {
    /// The issuer.
    pub issuer: String,
    /// The error code of RFC 6749, if the provider sent one. From a server that should attest its
    /// definitions: `unattested`, `not_attested` or `not_renewed`.
    pub code: Option<String>,
    /// The HTTP status, if the provider answered.
    pub status: Option<u16>,
    /// The reason of the error.
    pub reason: String,
    /// The time to wait before the next attempt, in seconds, if the provider sent it.
    pub retry_after_seconds: Option<u64>,
}

constructor!(ProviderError { issuer: impl Into<String>, reason: impl Into<String>; code, status, retry_after_seconds });
