//! The identity provider of a scenario: a real tenant, or an embedded issuer that the demo controls.

use std::path::Path;

use anyhow::Context;
use etdi::oauth::OAuthConfig;
use etdi::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use etdi::{MinBinding, SigningKey, TrustConfig};
use etdi_dev_issuer::{
    Api, DEFINITIONS_CLAIM, DevIssuer, DevIssuerBuilder, IssuerLayout, RegisteredClient,
    TokenAlgorithm,
};

use crate::clock::ShiftedClock;
use crate::identity::{API, ATTESTATIONS, Attestations, Credentials, Identity, loopback};
use crate::servers::{CALL_SCOPE, PROVIDER};
use crate::state::State;
use crate::tenant::Tenant;

/// The client id of "ETDI Tool Registry" at an embedded issuer.
pub(super) const REGISTRY: &str = "etdi-tool-registry";
/// The client id of "ETDI Demo Server".
const SERVER: &str = "etdi-demo-server";
/// The client id of an application of the same tenant that belongs to somebody else.
pub(super) const STRANGER: &str = "somebody-elses-app";
/// An API whose tokens are signed with HS256.
pub(super) const HS256_API: &str = "https://hs256-api.etdi-tools.demo.com";
/// A scope that does not let its holder call tools.
pub(super) const OTHER_SCOPE: &str = "read:resource-servers";

const SCOPES: [&str; 5] = [
    "create:resource-servers",
    OTHER_SCOPE,
    "update:resource-servers",
    "delete:resource-servers",
    CALL_SCOPE,
];

/// The identity provider that vouches for TrustedSoft's tools and for their callers.
pub(super) struct IdentityProvider {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) embedded: Option<Embedded>,
    registry: OAuthConfig,
    server_client: String,
    attestations: Option<Attestations>,
}

/// An issuer that runs in the demo's own process.
pub(super) struct Embedded {
    issuer: DevIssuer,
    layout: IssuerLayout,
    /// The folder through which the demo moves the issuer's clock.
    state: State,
}

impl IdentityProvider {
    /// Returns the identity provider with the applications of a real tenant.
    pub(super) fn of(tenant: &Tenant) -> Self {
        Self {
            issuer: tenant.registry.issuer().to_owned(),
            audience: tenant.registry.default_audience().unwrap_or_default().to_owned(),
            embedded: None,
            registry: tenant.registry.clone(),
            server_client: tenant.server.client_id().unwrap_or_default().to_owned(),
            attestations: tenant.attestations.clone(),
        }
    }

    /// Starts an embedded issuer that is set up like a tenant.
    pub(super) async fn embedded(folder: &Path) -> anyhow::Result<Self> {
        let builder = DevIssuer::builder()
            .api(Api::new(API, &SCOPES))
            .api(Api::new(ATTESTATIONS, &[]).attesting())
            .api(Api::new(HS256_API, &[CALL_SCOPE]).algorithm(TokenAlgorithm::HS256))
            .client(
                // "ETDI Tool Registry"
                RegisteredClient::generate(REGISTRY)?
                    .granted(API, &SCOPES)
                    .granted(HS256_API, &[CALL_SCOPE]),
            )
            .client(
                // "ETDI Demo Server"
                RegisteredClient::generate(SERVER)?
                    .granted(API, &[CALL_SCOPE, OTHER_SCOPE])
                    .granted(ATTESTATIONS, &[])
                    .authority("trustedsoft.example"),
            )
            .client(
                RegisteredClient::generate(STRANGER)?
                    .granted(API, &[CALL_SCOPE])
                    .granted(ATTESTATIONS, &[])
                    .authority("somebody-else.example"),
            );
        let folder = folder.join("issuer");
        let embedded = Embedded::start(&folder, builder, IssuerLayout::Auth0).await?;
        Ok(Self {
            issuer: embedded.issuer().to_owned(),
            audience: API.to_owned(),
            registry: embedded.config(REGISTRY)?.audience(API),
            server_client: SERVER.to_owned(),
            attestations: Some(Attestations {
                audience: ATTESTATIONS.to_owned(),
                claim: Some(DEFINITIONS_CLAIM.to_owned()),
            }),
            embedded: Some(embedded),
        })
    }

    /// Returns the configuration of "ETDI Tool Registry", which asks for tokens for calls.
    pub(super) fn registry(&self) -> OAuthConfig {
        self.registry.clone()
    }

    /// Returns the configuration of "ETDI Tool Registry" with a wrong secret.
    pub(super) fn with_wrong_secret(&self) -> OAuthConfig {
        self.registry().client(self.registry.client_id().unwrap_or_default(), "not-the-secret")
    }

    /// Writes the file that a server reads when it starts: its application at this identity provider,
    /// and the issuer `beside` whose tokens are valid as well.
    pub(super) fn introduce(&self, server: &State, beside: Option<&str>) -> anyhow::Result<()> {
        let embedded = self.embedded.as_ref();
        let identity = Identity {
            embedded: embedded.map(|embedded| embedded.credentials(SERVER)).transpose()?,
            audience: self.audience.clone(),
            attestations: self.attestations.clone(),
            beside: beside.map(str::to_owned),
        };
        identity.write(server)
    }

    /// Returns the trust configuration of a user: TrustedSoft's key, and the one client that may vouch
    /// for TrustedSoft.
    pub(super) fn trust(&self, key: &SigningKey) -> anyhow::Result<TrustConfig> {
        let mut provider =
            TrustedProvider::new(PROVIDER, "trustedsoft.example", key.public_jwk().clone());
        if let Some(attestations) = &self.attestations {
            provider.min_binding = match attestations.claim {
                Some(_) => MinBinding::Digest,
                None => MinBinding::Key,
            };
            let mut issuer = TrustedIssuer::new(&self.issuer, IssuerKind::Auth0)
                .with_client(&self.server_client)
                .with_audience(&attestations.audience);
            issuer.claim.clone_from(&attestations.claim);
            provider.issuers.push(issuer);
        }
        Ok(TrustConfig::new(vec![provider])?)
    }

    /// Returns the first answer of the verdict on TrustedSoft's tools.
    pub(super) fn who(&self) -> &'static str {
        if self.attestations.is_some() { "Attested" } else { "Signed" }
    }

    /// Returns the verdict's words for the issuer, the client and the binding of the attestation.
    pub(super) fn vouches(&self) -> Option<String> {
        let binding = match self.attestations.as_ref()?.claim {
            Some(_) => "Digest",
            None => "Key",
        };
        Some(format!("{} for {}, binding {binding}", self.issuer, self.server_client))
    }
}

impl Embedded {
    /// Starts a second issuer. Its endpoints have the paths of the standards, not those of Auth0.
    pub(super) async fn plain(folder: &Path, api: &str) -> anyhow::Result<Self> {
        let client = RegisteredClient::generate(REGISTRY)?.granted(api, &SCOPES);
        let builder = DevIssuer::builder().api(Api::new(api, &SCOPES)).client(client);
        Self::start(&folder.join("plain-issuer"), builder, IssuerLayout::Plain).await
    }

    async fn start(
        folder: &Path,
        builder: DevIssuerBuilder,
        layout: IssuerLayout,
    ) -> anyhow::Result<Self> {
        let state = State::at(folder)?;
        let issuer = builder.layout(layout).clock(ShiftedClock::of(&state)).start().await?;
        Ok(Self { issuer, layout, state })
    }

    pub(super) fn issuer(&self) -> &str {
        self.issuer.issuer()
    }

    /// Returns how many token requests this client has made.
    pub(super) fn requests(&self, client: &str) -> usize {
        self.issuer.token_requests(client)
    }

    /// Signs with a new key, and still publishes the old one.
    pub(super) fn rotate_key(&self) -> anyhow::Result<()> {
        self.issuer.rotate_key()?;
        Ok(())
    }

    /// Publishes only the key that signs.
    pub(super) fn withdraw_old_keys(&self) {
        for key in self.issuer.keys() {
            self.issuer.withdraw_key(key.kid());
        }
    }

    /// Moves the issuer's clock.
    pub(super) fn set_clock_offset(&self, seconds: i64) -> anyhow::Result<()> {
        Ok(self.state.set_clock_offset(seconds)?)
    }

    /// Returns the configuration of one of the issuer's clients.
    pub(super) fn config(&self, client: &str) -> anyhow::Result<OAuthConfig> {
        let credentials = self.credentials(client)?;
        Ok(match self.layout {
            IssuerLayout::Auth0 => credentials.config(),
            _ => OAuthConfig::generic(&credentials.issuer)
                .client(credentials.client_id, credentials.client_secret)
                .network(loopback()),
        })
    }

    fn credentials(&self, client: &str) -> anyhow::Result<Credentials> {
        let registered = self.issuer.client(client);
        let client =
            registered.with_context(|| format!("cannot find the client {client} at the issuer"))?;
        Ok(Credentials {
            issuer: self.issuer().to_owned(),
            client_id: client.id().to_owned(),
            client_secret: client.expose_secret().to_owned(),
        })
    }
}
