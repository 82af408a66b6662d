//! The identity provider of a demo server, as the demo describes it to the server.

use etdi::oauth::Network;
use etdi::{AttestationConfig, Auth0Provider, GenericProvider, OAuthConfig, ProviderRegistry};
use serde::{Deserialize, Serialize};

use crate::clock::ShiftedClock;
use crate::state::State;
use crate::tenant::demo_server_from_env;

/// The API for calls.
pub const API: &str = "https://api.etdi-tools.demo.com";
/// The API for attestations only.
pub const ATTESTATIONS: &str = "https://attestations.trustedsoft.example";

/// The file that names a server's identity provider, in the server's folder. Only the file's owner can
/// read it.
const IDENTITY_FILE: &str = "identity.json";

/// The settings for attestations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attestations {
    /// The API for attestations.
    pub(crate) audience: String,
    /// The claim that binds digests. Without a claim, attestations bind the signing key.
    pub(crate) claim: Option<String>,
}

impl Attestations {
    pub(crate) fn config(&self) -> AttestationConfig {
        let config = AttestationConfig::audience(&self.audience);
        match &self.claim {
            Some(claim) => config.claim(claim),
            None => config,
        }
    }
}

/// An application of an embedded issuer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl Credentials {
    pub(crate) fn config(&self) -> OAuthConfig {
        OAuthConfig::auth0_at(&self.issuer)
            .client(&self.client_id, self.client_secret.clone())
            .network(loopback())
    }
}

/// A server's identity provider.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// An application of an embedded issuer. `None` stands for the application in the environment.
    pub(crate) embedded: Option<Credentials>,
    /// The API for calls.
    pub(crate) audience: String,
    pub(crate) attestations: Option<Attestations>,
    /// An issuer of another kind whose tokens are valid as well.
    pub(crate) beside: Option<String>,
}

impl Identity {
    pub(crate) fn read(state: &State) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(&state.read(IDENTITY_FILE)?)?)
    }

    pub(crate) fn write(&self, state: &State) -> anyhow::Result<()> {
        Ok(state.write(IDENTITY_FILE, &serde_json::to_string(self)?)?)
    }

    /// Returns the provider that attests, and all providers that judge callers.
    pub(crate) async fn providers(
        &self,
        clock: &ShiftedClock,
    ) -> anyhow::Result<(Auth0Provider, ProviderRegistry)> {
        let config = match &self.embedded {
            Some(credentials) => credentials.config(),
            None => demo_server_from_env()?,
        };
        let config = config.audience(&self.audience).clock(clock.clone());
        let config = match &self.attestations {
            Some(attestations) => config.attestations(attestations.config()),
            None => config,
        };
        let auth0 = Auth0Provider::initialize(config).await?;
        let registry = ProviderRegistry::new();
        registry.register(auth0.clone())?;
        if let Some(issuer) = &self.beside {
            let config = OAuthConfig::generic(issuer).network(loopback()).clock(clock.clone());
            registry.register(GenericProvider::initialize(config).await?)?;
        }
        Ok((auth0, registry))
    }
}

/// Returns a network that allows an issuer on this machine, such as an embedded issuer.
pub(crate) fn loopback() -> Network {
    Network::default().dangerous().allow_loopback_http()
}
