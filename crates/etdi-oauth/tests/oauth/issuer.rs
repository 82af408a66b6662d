//! A loopback issuer, laid out as Auth0's are or plainly, that counts what it is asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri};
use etdi_oauth::{Network, OAuthConfig, RetryPolicy};
use etdi_types::keys::base64url_decode;
use etdi_types::{Clock, Jwk, ManualClock};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::keys::{FIRST, NOW, RsaKey, jwks};

pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = "https://etdi.dev/definitions";
pub const CLIENT: &str = "the-client";
pub const SECRET: &str = "a-secret+that/nobody=may&see";

/// What an endpoint answers.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::text(200, value.to_string())
    }

    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into().into_bytes() }
    }

    pub fn error(status: u16, error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        Self { status, ..Self::json(&body) }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A request as an endpoint saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub form: BTreeMap<String, String>,
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Default)]
pub struct Shared {
    seen: Mutex<Vec<Seen>>,
    scripts: Mutex<HashMap<String, Script>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(Clone)]
pub struct Issuer {
    pub issuer: String,
    pub clock: Arc<ManualClock>,
    shared: Arc<Shared>,
}

impl Issuer {
    /// Auth0's layout, one key, a token endpoint that grants `execute:tools` and `read:tools`.
    pub async fn start() -> Self {
        let issuer = Self::bare().await;
        let keys = Reply::json(&jwks(&[FIRST.jwk()]));
        issuer.on("/.well-known/jwks.json", move |_| keys.clone());
        let this = issuer.clone();
        issuer.on("/oauth/token", move |seen| {
            this.grant(seen, &["execute:tools", "read:tools"], &FIRST)
        });
        issuer
    }

    /// Every path is 404.
    pub async fn bare() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { issuer: format!("http://{address}/"), clock: Arc::new(ManualClock::at(NOW)), shared }
    }

    pub fn on(&self, path: &str, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        self.shared.scripts.lock().unwrap().insert(path.to_owned(), Arc::new(script));
    }

    pub fn reply(&self, path: &str, reply: Reply) {
        self.on(path, move |_| reply.clone());
    }

    /// From now on requests are counted when they arrive, and answered one per permit.
    pub fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.shared.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

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

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    pub fn config(&self) -> OAuthConfig {
        self.plug(OAuthConfig::auth0_at(&self.issuer)).client(CLIENT, SECRET).audience(API)
    }

    /// The same clock, network and no waiting.
    pub fn plug(&self, config: OAuthConfig) -> OAuthConfig {
        config.network(network()).clock(Arc::clone(&self.clock)).retry(without_pauses())
    }

    pub fn claims(&self) -> Value {
        let now = self.clock.now().unix_timestamp();
        json!({
            "iss": self.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT, "aud": API,
            "iat": now, "exp": now + 3600, "gty": "client-credentials",
        })
    }

    /// What Auth0 does, with an Action that sets the claim and with DPoP.
    pub fn grant(&self, seen: &Seen, granted: &[&str], key: &RsaKey) -> Reply {
        let field = |name: &str| seen.form.get(name).cloned().unwrap_or_default();
        if field("client_id") != CLIENT || field("client_secret") != SECRET {
            return Reply::error(401, "access_denied", "Unauthorized");
        }
        let mut claims = self.claims();
        claims["aud"] = field("audience").into();
        claims["jti"] = self.count("/oauth/token").into();
        let asked = field("scope");
        let scopes: Vec<_> =
            granted.iter().filter(|s| asked.split(' ').any(|a| a == **s)).collect();
        let scope = scopes.iter().map(|s| s.to_string()).collect::<Vec<_>>().join(" ");
        if !scope.is_empty() {
            claims["scope"] = scope.clone().into();
        }
        if let Some(definitions) = seen.form.get("etdi_definitions") {
            claims[CLAIM] = serde_json::from_str(definitions).unwrap();
        }
        let mut token_type = "Bearer";
        if let Some(proof) = seen.headers.get("dpop") {
            let proof = read_proof(proof.to_str().unwrap(), &self.url("/oauth/token"));
            claims["cnf"] = json!({ "jkt": proof.thumbprint });
            token_type = "DPoP";
        }
        let mut body = json!({
            "access_token": key.sign(&claims), "token_type": token_type, "expires_in": 3600,
        });
        if !scope.is_empty() {
            body["scope"] = scope.into();
        }
        Reply::json(&body)
    }
}

pub fn network() -> Network {
    Network::default().dangerous().allow_loopback_http()
}

/// As many attempts as without configuration, one right after the other.
pub fn without_pauses() -> RetryPolicy {
    RetryPolicy::default().first_pause(Duration::ZERO)
}

pub struct Proof {
    pub thumbprint: String,
    pub claims: Value,
}

/// Checks a DPoP proof as RFC 9449, section 4.3 says.
pub fn read_proof(proof: &str, endpoint: &str) -> Proof {
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let value = |text| serde_json::from_slice::<Value>(&base64url_decode(text).unwrap()).unwrap();
    let (header, claims) = (value(header), value(claims));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("EdDSA")));
    assert_eq!(header["jwk"].as_object().unwrap().len(), 3, "public members only");
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(endpoint)));
    let jwk = Jwk::from_json(&header["jwk"].to_string()).unwrap();
    let signature = base64url_decode(signature).unwrap();
    assert!(jwk.verifying_key().unwrap().verifies(input.as_bytes(), &signature));
    Proof { thumbprint: jwk.thumbprint(), claims }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    request: Request<Body>,
) -> Response<Body> {
    let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let seen = Seen { path: uri.path().to_owned(), headers, form };
    shared.seen.lock().unwrap().push(seen.clone());
    let gate = shared.gate.lock().unwrap().clone();
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    let script = shared.scripts.lock().unwrap().get(&seen.path).cloned();
    let reply = script.map_or_else(|| Reply::text(404, ""), |script| script(&seen));
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}
