//! A loopback issuer, laid out as Auth0's are, and the tokens that it signs.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, Uri},
};
use etdi_oauth::{
    AttestationConfig, Auth0Provider, BearerToken, Network, OAuthConfig, RetryPolicy,
};
use etdi_types::{
    Clock, Jwk, ManualClock,
    keys::{base64url_decode, base64url_encode},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub const NOW: i64 = 1_795_348_800;
pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = "https://etdi.dev/definitions";
pub const CLIENT: &str = "the-publisher";
pub const SECRET: &str = "a-secret-that-nobody-may-see";

static KEY: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

/// Changes the claims of an attestation before it is signed.
type Tamper = Arc<dyn Fn(&mut Value) + Send + Sync>;

#[derive(Clone)]
pub struct Idp {
    pub issuer: String,
    pub clock: Arc<ManualClock>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    attestations: Mutex<Vec<BTreeMap<String, String>>>,
    asked: Notify,
    tamper: Mutex<Option<Tamper>>,
    down: Mutex<bool>,
    issuer: Mutex<String>,
    clock: Mutex<Option<Arc<ManualClock>>>,
}

impl Idp {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/", listener.local_addr().unwrap());
        let (clock, shared) = (Arc::new(ManualClock::at(NOW)), Arc::new(Shared::default()));
        *shared.issuer.lock().unwrap() = issuer.clone();
        *shared.clock.lock().unwrap() = Some(Arc::clone(&clock));
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { issuer, clock, shared }
    }

    /// A provider that binds digests.
    pub async fn provider(&self) -> Auth0Provider {
        self.provider_of(AttestationConfig::audience(ATTESTATIONS).claim(CLAIM)).await
    }

    pub async fn provider_of(&self, attestations: AttestationConfig) -> Auth0Provider {
        Auth0Provider::initialize(self.config().attestations(attestations)).await.unwrap()
    }

    /// Without attestations.
    pub fn config(&self) -> OAuthConfig {
        OAuthConfig::auth0_at(&self.issuer)
            .client(CLIENT, SECRET)
            .audience(API)
            .clock(Arc::clone(&self.clock))
            .network(self.network())
            .retry(RetryPolicy::never())
    }

    pub fn network(&self) -> Network {
        Network::default().dangerous().allow_loopback_http()
    }

    pub fn tamper(&self, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.shared.tamper.lock().unwrap() = Some(Arc::new(tamper));
    }

    /// From now on attestations live for this long. The shortest-lived are looked at every second.
    pub fn attest_for(&self, life: Duration) {
        let life = life.as_secs();
        self.tamper(move |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap() + life));
    }

    /// Answers 503 to everything, or no longer.
    pub fn down(&self, down: bool) {
        *self.shared.down.lock().unwrap() = down;
    }

    /// What attestations were asked for.
    pub fn attestations(&self) -> usize {
        self.shared.attestations.lock().unwrap().len()
    }

    /// Waits until this many attestations were asked for.
    pub async fn attested(&self, count: usize) {
        loop {
            let asked = self.shared.asked.notified();
            if self.attestations() >= count {
                return;
            }
            asked.await;
        }
    }

    /// The claims of an access token for the API with these scopes.
    pub fn claims(&self, subject: &str, scope: &str) -> Value {
        let now = self.clock.now().unix_timestamp();
        json!({
            "iss": self.issuer, "sub": format!("{subject}@clients"), "azp": subject, "aud": API,
            "iat": now, "exp": now + 3600, "scope": scope,
        })
    }

    pub fn token(&self, subject: &str, scope: &str) -> String {
        sign(&self.claims(subject, scope))
    }

    pub fn bearer(&self, subject: &str, scope: &str) -> BearerToken {
        BearerToken::new(self.token(subject, scope))
    }
}

pub fn sign(claims: &Value) -> String {
    sign_with(&json!({"alg": "RS256", "typ": "at+jwt", "kid": "the-key"}), claims)
}

pub fn sign_with(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| base64url_encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", base64url_encode(&signature))
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let response = Response::builder().header("content-type", "application/json");
    if *shared.down.lock().unwrap() {
        return response.status(503).body(Body::from("{}")).unwrap();
    }
    let answer = match uri.path() {
        "/.well-known/jwks.json" => {
            // RSAPublicKey (RFC 8017, A.1.1) ends with the modulus and an exponent of 3 bytes.
            let der = KEY.public_key().as_ref();
            let modulus = base64url_encode(&der[der.len() - 261..der.len() - 5]);
            json!({"keys": [{
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "the-key",
                "n": modulus, "e": "AQAB",
            }]})
        }
        "/oauth/token" => attest(&shared, &headers, &body),
        _ => return response.status(404).body(Body::empty()).unwrap(),
    };
    response.body(Body::from(answer.to_string())).unwrap()
}

fn attest(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Value {
    let form: BTreeMap<String, String> = serde_urlencoded(body);
    let now = shared.clock.lock().unwrap().as_ref().unwrap().now().unix_timestamp();
    let number = {
        let mut attestations = shared.attestations.lock().unwrap();
        attestations.push(form.clone());
        shared.asked.notify_one();
        attestations.len()
    };
    let mut claims = json!({
        "iss": *shared.issuer.lock().unwrap(), "sub": format!("{CLIENT}@clients"), "azp": CLIENT,
        "aud": form["audience"], "iat": now, "exp": now + 3600, "jti": number,
    });
    if let Some(definitions) = form.get("etdi_definitions") {
        claims[CLAIM] = serde_json::from_str(definitions).unwrap();
    }
    let proof = headers.get("dpop").map(|proof| {
        let header = proof.to_str().unwrap().split('.').next().unwrap();
        let header: Value = serde_json::from_slice(&base64url_decode(header).unwrap()).unwrap();
        let jwk: Jwk = serde_json::from_value(header["jwk"].clone()).unwrap();
        claims["cnf"] = json!({"jkt": jwk.thumbprint()});
    });
    if let Some(tamper) = &*shared.tamper.lock().unwrap() {
        tamper(&mut claims);
    }
    let kind = if proof.is_some() { "DPoP" } else { "Bearer" };
    json!({"access_token": sign(&claims), "token_type": kind, "expires_in": 3600})
}

fn serde_urlencoded(body: &[u8]) -> BTreeMap<String, String> {
    let url = format!("http://form.example/?{}", std::str::from_utf8(body).unwrap());
    let url = reqwest::Url::parse(&url).unwrap();
    url.query_pairs().into_owned().collect()
}
