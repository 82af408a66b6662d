//! Events about clients, their connections, and identity providers.

use serde::{Deserialize, Serialize};

/// A client was built and is ready to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInitialized {
    /// The security level: `basic`, `enhanced` or `strict`.
    pub level: String,
    /// How many providers its trust configuration names.
    pub trusted_providers: u64,
}

/// A client connected to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientConnected {
    /// The server's identity.
    pub server: String,
    /// `stdio` or `http`.
    pub transport: String,
    /// The MCP protocol version that was agreed.
    pub protocol: Option<String>,
}

/// A connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientDisconnected {
    /// The server's identity.
    pub server: String,
}

/// An identity provider was added to a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderRegistered {
    /// The issuer.
    pub issuer: String,
    /// Its kind, for example `auth0` or `generic`.
    pub kind: String,
}

/// What is known of an identity provider changed, for example its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderUpdated {
    /// The issuer.
    pub issuer: String,
    /// What changed.
    pub change: String,
}

/// An identity provider could not be reached or gave a bad answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    /// The issuer.
    pub issuer: String,
    /// The error code of RFC 6749, if it gave one.
    pub code: Option<String>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub reason: String,
    /// How long to wait before the next attempt, in seconds, if it said so.
    pub retry_after_seconds: Option<u64>,
}
