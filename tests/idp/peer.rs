//! npm `oidc-provider` as a child process.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use etdi::oauth::{Endpoints, Network};
use etdi::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use etdi::{
    AttestationConfig, Auth0Provider, Clock, GenericProvider, ManualClock, OAuthConfig, OAuthError,
    OAuthProvider, SigningKey, SystemClock,
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = "https://etdi.dev/definitions";
/// The option with which the peer sets the claim, as an Action of Auth0 would.
pub const CLAIM_OPTION: &str = "--claim=https://etdi.dev/definitions=etdi_definitions";

/// A client with every scope of the API.
pub const REGISTRY: &str = "etdi-tool-registry";
/// A client with `execute:tools` and `read:resource-servers`.
pub const DEMO_SERVER: &str = "etdi-demo-server";
/// A client without scopes.
pub const OTHER: &str = "etdi-other-client";

/// The addresses of the endpoints, and the form of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Auth0,
    Plain,
}

/// An identity provider for one test. It ends when it is dropped.
pub struct Idp {
    pub layout: Layout,
    pub issuer: String,
    ready: Value,
    http: reqwest::Client,
    _child: Child,
}

impl Idp {
    pub async fn start(layout: Layout) -> Self {
        Self::start_with(layout, &[]).await
    }

    pub async fn start_with(layout: Layout, options: &[&str]) -> Self {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let name = match layout {
            Layout::Auth0 => "auth0",
            Layout::Plain => "plain",
        };
        let spawned = Command::new("node")
            .arg(peers.join("oidc-provider.mjs"))
            .args(["--layout", name])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| {
            panic!("`node` does not start ({error}); install Node.js 20 or later")
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = child.stderr.take().unwrap();
        let Some(line) = lines.next_line().await.unwrap() else {
            let mut said = String::new();
            stderr.read_to_string(&mut said).await.unwrap();
            panic!(
                "the identity provider does not start; run `cargo xtask test`, or `npm ci` in {}:\n{said}",
                peers.display()
            );
        };
        // Keep reading: if the pipe were closed, the peer's next line would stop it.
        tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
        let ready: Value = serde_json::from_str(&line).unwrap();
        let issuer = ready["issuer"].as_str().unwrap().to_owned();
        Self { layout, issuer, ready, http: reqwest::Client::new(), _child: child }
    }

    pub fn kind(&self) -> IssuerKind {
        match self.layout {
            Layout::Auth0 => IssuerKind::Auth0,
            Layout::Plain => IssuerKind::Generic,
        }
    }

    pub fn endpoint(&self, name: &str) -> &str {
        self.ready["endpoints"][name].as_str().unwrap()
    }

    /// Returns every endpoint, for a configuration without discovery.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::new(self.endpoint("token"), self.endpoint("jwks"))
            .introspection(self.endpoint("introspection"))
            .revocation(self.endpoint("revocation"))
    }

    pub fn secret(&self, client: &str) -> &str {
        let clients = self.ready["clients"].as_array().unwrap();
        let client = clients.iter().find(|one| one["id"] == client).unwrap();
        client["secret"].as_str().unwrap()
    }

    /// Returns a configuration for this client, and for calls of the API.
    pub fn config(&self, client: &str) -> OAuthConfig {
        self.bare_config().client(client, self.secret(client)).audience(API)
    }

    /// Returns a configuration without a client.
    pub fn bare_config(&self) -> OAuthConfig {
        let config = match self.layout {
            Layout::Auth0 => OAuthConfig::auth0_at(&self.issuer),
            Layout::Plain => OAuthConfig::generic(&self.issuer),
        };
        config.network(network())
    }

    /// Returns a configuration for this client, with attestations that bind digests.
    pub fn attesting(&self, client: &str) -> OAuthConfig {
        let attestations = AttestationConfig::audience(ATTESTATIONS).claim(CLAIM);
        self.config(client).attestations(attestations)
    }

    pub async fn provider(&self, client: &str) -> Arc<dyn OAuthProvider> {
        self.initialize(self.config(client)).await.unwrap()
    }

    pub async fn initialize(
        &self,
        config: OAuthConfig,
    ) -> Result<Arc<dyn OAuthProvider>, OAuthError> {
        Ok(match self.layout {
            Layout::Auth0 => Arc::new(Auth0Provider::initialize(config).await?),
            Layout::Plain => Arc::new(GenericProvider::initialize(config).await?),
        })
    }

    /// Returns how often an endpoint was requested.
    pub async fn requests(&self, endpoint: &str) -> u64 {
        let counts = self.control(reqwest::Method::GET, "/requests").await;
        counts[endpoint].as_u64().unwrap_or(0)
    }

    /// Adds a new signing key, and keeps or removes the old one. Returns the `kid` of the new key.
    pub async fn rotate(&self, keep: bool) -> String {
        let answer = self.control(reqwest::Method::POST, &format!("/rotate?keep={keep}")).await;
        answer["kid"].as_str().unwrap().to_owned()
    }

    /// Sets the lifetime of tokens from now on.
    pub async fn lifetime(&self, seconds: u32) {
        let path = format!("/lifetime?seconds={seconds}");
        self.control(reqwest::Method::POST, &path).await;
    }

    async fn control(&self, method: reqwest::Method, path: &str) -> Value {
        let url = format!("{}{path}", self.ready["control"].as_str().unwrap());
        let answer = self.http.request(method, url).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// Returns a trust entry for the tools that these clients attest.
    pub fn trusted(&self, publisher: &SigningKey, clients: &[&str]) -> TrustedProvider {
        let key = publisher.public_jwk().clone();
        let mut entry =
            TrustedProvider::new("https://trustedsoft.example", "trustedsoft.example", key);
        let mut issuer = TrustedIssuer::new(&self.issuer, self.kind())
            .with_audience(ATTESTATIONS)
            .with_claim(CLAIM);
        issuer.clients = clients.iter().map(|client| (*client).to_owned()).collect();
        entry.issuers.push(issuer);
        entry
    }
}

pub fn network() -> Network {
    Network::default().dangerous().allow_loopback_http()
}

/// Returns a clock that tests move, set to the time of the peer.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(SystemClock.now().unix_timestamp()))
}
