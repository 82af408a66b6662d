//! An identity provider on loopback, laid out as Auth0's are, that does what a test tells it to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use etdi::oauth::{BearerToken, Network, RetryPolicy};
use etdi::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use etdi::{
    AttestationConfig, Auth0Provider, Clock, EtdiClient, ManualClock, OAuthConfig, SignedTool,
    TrustConfig,
};
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{KEY, Publisher};

pub const API: &str = "https://api.etdi-tools.demo.com";
pub const ATTESTATIONS: &str = "https://attestations.etdi-tools.demo.com";
pub const CLAIM: &str = "https://etdi.dev/definitions";
pub const CLIENT: &str = "the-publisher";
pub const SECRET: &str = "a-secret-that-nobody-may-see";

/// Sunday, 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;

/// Changes the claims of a token before it is signed.
type Tamper = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// How the issuer answers for its keys.
#[derive(Clone)]
pub enum Jwks {
    /// With these.
    Keys(Vec<Value>),
    /// With 503.
    Down,
    /// With these many bytes, whose number it says or does not.
    Bytes { count: usize, told: bool },
    /// With bytes that never end.
    Endless,
    /// With a beginning, and then with nothing more.
    Stuck,
    /// With a redirect.
    Redirect(String),
    /// With its one key, each time the test lets it.
    Held(Arc<Semaphore>),
}

/// It stops when it is dropped.
pub struct Issuer {
    pub issuer: String,
    pub clock: Arc<ManualClock>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    issuer: String,
    clock: Arc<ManualClock>,
    jwks: Mutex<Jwks>,
    fetches: AtomicUsize,
    /// The scopes that it gives, whatever is asked for; `None` for just those.
    granted: Mutex<Option<Vec<String>>>,
    says_scopes: Mutex<bool>,
    tamper: Mutex<Option<Tamper>>,
    tokens: AtomicUsize,
    down: AtomicBool,
    metadata: Mutex<Option<Value>>,
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/", listener.local_addr().unwrap());
        let clock = Arc::new(ManualClock::at(NOW));
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            clock: clock.clone(),
            jwks: Mutex::new(Jwks::Keys(vec![KEY.jwk()])),
            fetches: AtomicUsize::new(0),
            granted: Mutex::new(None),
            says_scopes: Mutex::new(true),
            tamper: Mutex::new(None),
            tokens: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            metadata: Mutex::new(None),
        });
        let router = axum::Router::new()
            .route("/.well-known/jwks.json", get(keys))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/oauth/token", post(token))
            .with_state(shared.clone());
        let task = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { issuer, clock, shared, task }
    }

    /// How the issuer answers for its keys from now on.
    pub fn jwks(&self, jwks: Jwks) {
        *self.shared.jwks.lock().unwrap() = jwks;
    }

    /// How often its keys were asked for.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// How many tokens were asked for.
    pub fn tokens(&self) -> usize {
        self.shared.tokens.load(Ordering::SeqCst)
    }

    /// Grants these scopes and no others, and says so or leaves that to the token.
    pub fn grants(&self, scopes: &[&str], says: bool) {
        *self.shared.granted.lock().unwrap() =
            Some(scopes.iter().map(|scope| (*scope).to_owned()).collect());
        *self.shared.says_scopes.lock().unwrap() = says;
    }

    /// Changes what it signs at its token endpoint.
    pub fn tamper(&self, tamper: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.shared.tamper.lock().unwrap() = Some(Arc::new(tamper));
    }

    /// Answers nothing but 503 from now on.
    pub fn go_down(&self) {
        self.jwks(Jwks::Down);
        self.shared.down.store(true, Ordering::SeqCst);
    }

    /// What its metadata say, beside the issuer itself.
    pub fn metadata(&self, metadata: Value) {
        *self.shared.metadata.lock().unwrap() = Some(metadata);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A client of the issuer that asks for tokens and attestations.
    pub fn config(&self) -> OAuthConfig {
        let attestations = AttestationConfig::audience(ATTESTATIONS).claim(CLAIM);
        self.plug(OAuthConfig::auth0_at(&self.issuer))
            .client(CLIENT, SECRET)
            .audience(API)
            .attestations(attestations)
    }

    pub fn plug(&self, config: OAuthConfig) -> OAuthConfig {
        config.clock(self.clock.clone()).network(network()).retry(RetryPolicy::never())
    }

    pub async fn provider(&self) -> Auth0Provider {
        Auth0Provider::initialize(self.config()).await.unwrap()
    }

    /// Trusts the publisher's key, and this issuer to vouch for it.
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

    /// A host at level Enhanced that trusts like that, with the issuer's clock.
    pub fn host(&self, publisher: &Publisher) -> EtdiClient {
        self.host_with(self.trust(publisher))
    }

    pub fn host_with(&self, trust: TrustConfig) -> EtdiClient {
        let builder = EtdiClient::builder(trust).clock(self.clock.clone());
        builder.network(network()).build().unwrap()
    }

    /// The claims of an access token for calls.
    pub fn access_claims(&self, client: &str, scope: &str) -> Value {
        let now = self.now();
        json!({
            "iss": self.issuer, "sub": format!("{client}@clients"), "azp": client, "aud": API,
            "iat": now, "exp": now + 3600, "scope": scope,
        })
    }

    pub fn token(&self, client: &str, scope: &str) -> String {
        KEY.sign(&self.access_claims(client, scope))
    }

    pub fn bearer(&self, client: &str, scope: &str) -> BearerToken {
        BearerToken::new(self.token(client, scope))
    }

    /// The claims of an attestation that binds this definition by its digest.
    pub fn attestation_claims(&self, definition: &SignedTool) -> Value {
        let (now, member) = (self.now(), definition.member().unwrap());
        let digest = definition.digest().to_string();
        json!({
            "iss": self.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT,
            "aud": ATTESTATIONS, "iat": now, "exp": now + 30 * 24 * 3600,
            CLAIM: [{"id": member["id"], "version": member["version"], "digest": digest}],
        })
    }

    /// The definition with an attestation that binds it.
    pub fn attest(&self, definition: &SignedTool) -> Value {
        attested(definition, &KEY.sign(&self.attestation_claims(definition)))
    }

    pub fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn network() -> Network {
    Network::default().dangerous().allow_loopback_http()
}

/// The definition with this for an attestation.
pub fn attested(definition: &SignedTool, attestation: &str) -> Value {
    definition.clone().with_attestation(attestation).tool().clone().into()
}

/// The claims with these set; `null` removes one.
pub fn changed(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    let members: &mut Map<String, Value> = claims.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(members.remove(name)),
            change => drop(members.insert(name.clone(), change.clone())),
        }
    }
    claims
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response<Body> {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let jwks = shared.jwks.lock().unwrap().clone();
    let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1 << 14]));
    let body = match jwks {
        Jwks::Keys(keys) => json!({"keys": keys}).to_string().into(),
        Jwks::Down => return empty(StatusCode::SERVICE_UNAVAILABLE),
        Jwks::Bytes { count, told: true } => vec![b' '; count].into(),
        Jwks::Bytes { count, told: false } => {
            Body::from_stream(stream::repeat_with(chunk).take(count / (1 << 14)))
        }
        Jwks::Endless => Body::from_stream(stream::repeat_with(chunk)),
        Jwks::Stuck => {
            let start = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"keys\":["))]);
            Body::from_stream(start.chain(stream::pending()))
        }
        Jwks::Redirect(to) => {
            let response = Response::builder().status(StatusCode::FOUND).header("location", to);
            return response.body(Body::empty()).unwrap();
        }
        Jwks::Held(gate) => {
            gate.acquire().await.unwrap().forget();
            json!({"keys": [KEY.jwk()]}).to_string().into()
        }
    };
    Response::builder().header("content-type", "application/json").body(body).unwrap()
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let Some(metadata) = shared.metadata.lock().unwrap().clone() else {
        return empty(StatusCode::NOT_FOUND);
    };
    let whole = changed(&json!({"issuer": shared.issuer}), metadata);
    answer(StatusCode::OK, &whole)
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response<Body> {
    let number = shared.tokens.fetch_add(1, Ordering::SeqCst);
    if shared.down.load(Ordering::SeqCst) {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if field("client_id") != CLIENT || field("client_secret") != SECRET {
        let error = json!({"error": "access_denied", "error_description": "Unauthorized"});
        return answer(StatusCode::UNAUTHORIZED, &error);
    }
    let now = shared.clock.now().unix_timestamp();
    let mut claims = json!({
        "iss": shared.issuer, "sub": format!("{CLIENT}@clients"), "azp": CLIENT,
        "aud": field("audience"), "iat": now, "exp": now + 3600, "jti": number,
    });
    let asked = field("scope");
    let asked: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
    let granted = match shared.granted.lock().unwrap().clone() {
        Some(granted) => granted.join(" "),
        None => asked.join(" "),
    };
    let mut body = json!({"token_type": "Bearer", "expires_in": 3600});
    if !asked.is_empty() {
        claims["scope"] = granted.clone().into();
        if *shared.says_scopes.lock().unwrap() {
            body["scope"] = granted.into();
        }
    }
    if let Some(definitions) = form.get("etdi_definitions") {
        claims[CLAIM] = serde_json::from_str(definitions).unwrap();
    }
    if let Some(tamper) = &*shared.tamper.lock().unwrap() {
        tamper(&mut claims);
    }
    body["access_token"] = KEY.sign(&claims).into();
    answer(StatusCode::OK, &body)
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(body.to_string().into()).unwrap()
}

fn empty(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
