//! An issuer on the loopback interface, in Auth0's layout, that gives the answers that a test sets.
//!
//! [`etdi_dev_issuer::DevIssuer`] refuses bad requests as a real issuer does. If a test wants it,
//! this issuer signs any claims, grants other scopes than the requested ones, and gives faulty
//! answers.

mod proof;
mod reply;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use etdi_oauth::{
    AttestationConfig, Auth0Provider, BearerToken, Network, OAuthConfig, RetryPolicy,
};
use etdi_types::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use etdi_types::{Clock, ManualClock, SignedTool, TrustConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::keys::{FIRST, RsaKey, changed};
use crate::publisher::Publisher;

pub use proof::{Proof, read_proof};
pub use reply::{Jwks, Reply, Seen};

pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = etdi_dev_issuer::DEFINITIONS_CLAIM;
pub const CLIENT: &str = "the-client";
pub const SECRET: &str = "a-secret+that/nobody=may&see";

/// The first time that the clocks of tests show: Sunday, 2026-11-22T12:00:00Z.
pub const NOW: i64 = 1_795_348_800;

/// The scopes that the issuer grants if they are asked for.
const OFFERED: [&str; 3] = ["execute:tools", "read:files", "read:tools"];

const JWKS: &str = "/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";
const TOKEN: &str = "/oauth/token";

/// Changes the claims of a token before it is signed.
type Tamper = Arc<dyn Fn(&mut Value) + Send + Sync>;
/// Answers the requests of one path.
type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A running issuer. The issuer stops when its last clone is dropped.
#[derive(Clone)]
pub struct Issuer {
    pub issuer: String,
    pub clock: Arc<ManualClock>,
    shared: Arc<Shared>,
    _task: Arc<Running>,
}

struct Shared {
    issuer: String,
    clock: Arc<ManualClock>,
    seen: Mutex<Vec<Seen>>,
    scripts: Mutex<HashMap<String, Script>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    jwks: Mutex<Jwks>,
    is_bare: bool,
    /// The scopes of every token, if the request asks for any scope; and whether the answer names
    /// them.
    granted: Mutex<Option<(Vec<String>, bool)>>,
    tamper: Mutex<Option<Tamper>>,
    tokens: AtomicUsize,
    asked: Notify,
    is_down: AtomicBool,
    metadata: Mutex<Option<Value>>,
}

struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Issuer {
    /// Starts an issuer with one key. The issuer grants the requested scopes if it offers them.
    pub async fn start() -> Self {
        Self::begin(false).await
    }

    /// Starts an issuer that answers 404 on every path until a test sets an answer.
    pub async fn bare() -> Self {
        Self::begin(true).await
    }

    async fn begin(is_bare: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/", listener.local_addr().unwrap());
        let clock = Arc::new(ManualClock::at(NOW));
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            clock: Arc::clone(&clock),
            seen: Mutex::default(),
            scripts: Mutex::default(),
            gate: Mutex::default(),
            jwks: Mutex::new(Jwks::Keys(vec![FIRST.jwk()])),
            is_bare,
            granted: Mutex::default(),
            tamper: Mutex::default(),
            tokens: AtomicUsize::new(0),
            asked: Notify::new(),
            is_down: AtomicBool::new(false),
            metadata: Mutex::default(),
        });
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { issuer, clock, shared, _task: Arc::new(Running(task)) }
    }

    /// Answers requests to `path` with `script` from now on.
    pub fn on(&self, path: &str, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Arc::new(script));
    }

    pub fn reply(&self, path: &str, reply: Reply) {
        self.on(path, move |_| reply.clone());
    }

    /// Makes requests wait from now on. A waiting request is counted when it arrives, and each
    /// permit lets one request continue.
    pub fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.shared.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// Sets how the issuer answers requests for its keys from now on.
    pub fn jwks(&self, jwks: Jwks) {
        *self.shared.jwks.lock().unwrap() = jwks;
    }

    /// Grants exactly these scopes to every request that asks for any scope. If `says` is false,
    /// the answer does not name the scopes, and only the token has them.
    pub fn grants(&self, scopes: &[&str], says: bool) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        *self.shared.granted.lock().unwrap() = Some((scopes, says));
    }

    /// Changes the claims that the issuer signs at its token endpoint.
    pub fn tamper(&self, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.shared.tamper.lock().unwrap() = Some(Arc::new(tamper));
    }

    /// Sets the lifetime of tokens from now on. A server checks every second whether an attestation
    /// with a lifetime of at most 40 seconds is due for renewal.
    pub fn attest_for(&self, life: Duration) {
        let life = life.as_secs();
        self.tamper(move |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap() + life));
    }

    /// Publishes metadata (RFC 8414, section 3.2) with the issuer's own name and these members.
    pub fn metadata(&self, metadata: Value) {
        *self.shared.metadata.lock().unwrap() = Some(metadata);
    }

    /// Answers requests for keys and tokens with 503 from now on.
    pub fn go_down(&self) {
        self.jwks(Jwks::Down);
        self.shared.is_down.store(true, Ordering::SeqCst);
    }

    /// Answers requests for keys and tokens again.
    pub fn come_back(&self) {
        self.jwks(Jwks::Keys(vec![FIRST.jwk()]));
        self.shared.is_down.store(false, Ordering::SeqCst);
    }

    /// Returns the requests that arrived at `path`.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    pub fn count(&self, path: &str) -> usize {
        self.seen(path).len()
    }

    /// Waits until this many requests have arrived at `path`.
    pub async fn arrived(&self, path: &str, count: usize) {
        while self.count(path) < count {
            tokio::task::yield_now().await;
        }
    }

    /// Returns how often the issuer's keys were requested.
    pub fn fetches(&self) -> usize {
        self.count(JWKS)
    }

    /// Returns how many tokens were requested while the issuer was not down.
    pub fn tokens(&self) -> usize {
        self.shared.tokens.load(Ordering::SeqCst)
    }

    /// Waits until this many tokens were requested.
    pub async fn attested(&self, count: usize) {
        loop {
            let asked = self.shared.asked.notified();
            if self.tokens() >= count {
                return;
            }
            asked.await;
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.issuer.trim_end_matches('/'), path.trim_start_matches('/'))
    }

    pub fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// Returns the configuration of a client that asks for tokens.
    pub fn config(&self) -> OAuthConfig {
        self.plug(OAuthConfig::auth0_at(&self.issuer)).client(CLIENT, SECRET).audience(API)
    }

    /// Sets the issuer's clock, allows loopback addresses, and makes retries without pauses.
    pub fn plug(&self, config: OAuthConfig) -> OAuthConfig {
        config.network(network()).clock(Arc::clone(&self.clock)).retry(without_pauses())
    }

    /// Makes a provider that can also ask for attestations, which bind digests.
    pub async fn provider(&self) -> Auth0Provider {
        self.provider_of(AttestationConfig::audience(ATTESTATIONS).claim(CLAIM)).await
    }

    pub async fn provider_of(&self, attestations: AttestationConfig) -> Auth0Provider {
        Auth0Provider::initialize(self.config().attestations(attestations)).await.unwrap()
    }

    /// Returns the claims of an access token without scopes.
    pub fn claims(&self) -> Value {
        let now = self.now();
        json!({
            "iss": self.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT, "aud": API,
            "iat": now, "exp": now + 3600, "gty": "client-credentials",
        })
    }

    /// Returns the claims of an access token for calls.
    pub fn access_claims(&self, client: &str, scope: &str) -> Value {
        let now = self.now();
        json!({
            "iss": self.issuer, "sub": format!("{client}@clients"), "azp": client, "aud": API,
            "iat": now, "exp": now + 3600, "scope": scope,
        })
    }

    pub fn token(&self, client: &str, scope: &str) -> String {
        FIRST.sign(&self.access_claims(client, scope))
    }

    pub fn bearer(&self, client: &str, scope: &str) -> BearerToken {
        BearerToken::new(self.token(client, scope))
    }

    /// Returns the claims of an attestation that binds this definition by its digest.
    pub fn attestation_claims(&self, definition: &SignedTool) -> Value {
        let (now, member) = (self.now(), definition.member().unwrap());
        let digest = definition.digest().to_string();
        json!({
            "iss": self.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT,
            "aud": ATTESTATIONS, "iat": now, "exp": now + 30 * 24 * 3600,
            CLAIM: [{"id": member["id"], "version": member["version"], "digest": digest}],
        })
    }

    /// Returns the definition with an attestation that binds it.
    pub fn attest(&self, definition: &SignedTool) -> Value {
        attested(definition, &FIRST.sign(&self.attestation_claims(definition)))
    }

    /// Returns a configuration that trusts the publisher's key, and the attestations of this issuer
    /// for the publisher.
    pub fn trust(&self, publisher: &Publisher) -> TrustConfig {
        TrustConfig::new(vec![self.trusted(publisher)]).unwrap()
    }

    pub fn trusted(&self, publisher: &Publisher) -> TrustedProvider {
        let key = publisher.key.public_jwk().clone();
        let mut entry = TrustedProvider::new(publisher.provider.id(), &publisher.authority, key);
        let issuer = TrustedIssuer::new(&self.issuer, IssuerKind::Auth0)
            .with_client(CLIENT)
            .with_audience(ATTESTATIONS)
            .with_claim(CLAIM);
        entry.issuers.push(issuer);
        entry
    }

    /// Answers as an Auth0 tenant with DPoP and with an Action that sets the claim. The token is
    /// signed by `key`, and has the requested scopes that are in `offered`.
    pub fn grant(&self, seen: &Seen, offered: &[&str], key: &RsaKey) -> Reply {
        self.shared.grant(seen, offered, key)
    }
}

impl Shared {
    fn grant(&self, seen: &Seen, offered: &[&str], key: &RsaKey) -> Reply {
        let number = self.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.notify_one();
        let field = |name: &str| seen.form.get(name).cloned().unwrap_or_default();
        if field("client_id") != CLIENT || field("client_secret") != SECRET {
            return Reply::error(401, "access_denied", "Unauthorized");
        }
        let now = self.clock.now().unix_timestamp();
        let mut claims = json!({
            "iss": self.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT,
            "aud": field("audience"), "iat": now, "exp": now + 3600, "gty": "client-credentials",
            "jti": number,
        });
        let asked = field("scope");
        let asked: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
        let (granted, says) = match self.granted.lock().unwrap().clone() {
            Some((granted, says)) => (Some(granted.join(" ")), says),
            None => {
                let granted = offered.iter().filter(|scope| asked.contains(scope));
                let granted = granted.copied().collect::<Vec<_>>().join(" ");
                (Some(granted).filter(|granted| !granted.is_empty()), true)
            }
        };
        let granted = granted.filter(|_| !asked.is_empty());
        if let Some(granted) = &granted {
            claims["scope"] = granted.clone().into();
        }
        if let Some(definitions) = seen.form.get("etdi_definitions") {
            claims[CLAIM] = serde_json::from_str(definitions).unwrap();
        }
        let mut token_type = "Bearer";
        if let Some(proof) = seen.headers.get("dpop") {
            let endpoint = format!("{}{}", self.issuer.trim_end_matches('/'), seen.path);
            let proof = read_proof(proof.to_str().unwrap(), &endpoint);
            claims["cnf"] = json!({ "jkt": proof.thumbprint });
            token_type = "DPoP";
        }
        if let Some(tamper) = &*self.tamper.lock().unwrap() {
            tamper(&mut claims);
        }
        let mut body = json!({
            "access_token": key.sign(&claims), "token_type": token_type, "expires_in": 3600,
        });
        if let Some(granted) = granted.filter(|_| says) {
            body["scope"] = granted.into();
        }
        Reply::json(&body)
    }

    async fn answer(&self, seen: &Seen) -> Response<Body> {
        let script = self.scripts.lock().unwrap().get(&seen.path).cloned();
        if let Some(script) = script {
            return script(seen).response();
        }
        let jwks = self.jwks.lock().unwrap().clone();
        let metadata = self.metadata.lock().unwrap().clone();
        match &*seen.path {
            _ if self.is_bare => Reply::text(404, "").response(),
            JWKS => jwks.response().await,
            TOKEN if self.is_down.load(Ordering::SeqCst) => Reply::text(503, "").response(),
            TOKEN => self.grant(seen, &OFFERED, &FIRST).response(),
            METADATA if metadata.is_some() => {
                let issuer = json!({ "issuer": self.issuer });
                Reply::json(&changed(&issuer, metadata.unwrap_or_default())).response()
            }
            _ => Reply::text(404, "").response(),
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let seen = Seen { path: uri.path().to_owned(), headers, form };
    shared.seen.lock().unwrap().push(seen.clone());
    let gate = shared.gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    shared.answer(&seen).await
}

/// Returns a network that allows an issuer on this machine.
pub fn network() -> Network {
    Network::default().dangerous().allow_loopback_http()
}

/// Returns a policy with the default number of attempts and without pauses.
pub fn without_pauses() -> RetryPolicy {
    RetryPolicy::default().first_pause(Duration::ZERO)
}

/// Returns the definition with this attestation.
pub fn attested(definition: &SignedTool, attestation: &str) -> Value {
    definition.clone().with_attestation(attestation).tool().clone().into()
}
