//! `oidc-provider` as a child process, in one of its two layouts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use etdi::ManualClock;
use etdi::oauth::{
    AttestationConfig, Auth0Provider, GenericProvider, Network, OAuthConfig, OAuthError,
    OAuthProvider,
};
use serde_json::Value;

pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = "https://etdi.dev/definitions";
pub const REGISTRY: &str = "etdi-tool-registry";
pub const SERVER: &str = "etdi-demo-server";

/// How the endpoints are laid out, and what tokens look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    Auth0,
    Plain,
}

pub const LAYOUTS: [Layout; 2] = [Layout::Auth0, Layout::Plain];

/// A running identity provider. It ends when this is dropped.
pub struct Idp {
    layout: Layout,
    about: Value,
    child: Child,
}

impl Idp {
    pub fn start(layout: Layout, more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/oidc-provider.mjs");
        let name = match layout {
            Layout::Auth0 => "auth0",
            Layout::Plain => "plain",
        };
        let mut child = Command::new("node")
            .arg(script)
            .args(["--layout", name, "--claim", &format!("{CLAIM}=etdi_definitions")])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is missing: install Node.js 20 or later");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).expect("npm packages are missing: cargo xtask test");
        Self { layout, about, child }
    }

    pub fn issuer(&self) -> &str {
        self.about["issuer"].as_str().unwrap()
    }

    /// The configuration of one of the provider's clients.
    pub fn config(&self, client: &str) -> OAuthConfig {
        let secret = self.about["clients"].as_array().unwrap().iter().find(|c| c["id"] == client);
        let secret = secret.unwrap()["secret"].as_str().unwrap();
        let config = match self.layout {
            Layout::Auth0 => OAuthConfig::auth0_at(self.issuer()),
            Layout::Plain => OAuthConfig::generic(self.issuer()),
        };
        config
            .client(client, secret)
            .audience(API)
            .attestations(AttestationConfig::audience(ATTESTATIONS).claim(CLAIM))
            .network(Network::default().dangerous().allow_loopback_http())
    }

    pub async fn provider(&self, config: OAuthConfig) -> Result<Arc<dyn OAuthProvider>, OAuthError> {
        Ok(match self.layout {
            Layout::Auth0 => Arc::new(Auth0Provider::initialize(config).await?),
            Layout::Plain => Arc::new(GenericProvider::initialize(config).await?),
        })
    }

    /// How often the token endpoint was asked.
    pub async fn token_requests(&self) -> u64 {
        let counts: Value = self.control("GET", "requests").await;
        counts["token"].as_u64().unwrap_or(0)
    }

    /// A new signing key; whether the old one stays in the JWKS.
    pub async fn rotate(&self, keep: bool) {
        self.control("POST", &format!("rotate?keep={keep}")).await;
    }

    async fn control(&self, method: &str, path: &str) -> Value {
        let url = format!("{}/{path}", self.about["control"].as_str().unwrap());
        let method = method.parse().unwrap();
        let response = reqwest::Client::new().request(method, url).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A clock that starts at the system's time, since the identity provider lives by that.
pub fn clock() -> Arc<ManualClock> {
    use etdi::Clock;
    Arc::new(ManualClock::at(etdi::SystemClock.now().unix_timestamp()))
}
