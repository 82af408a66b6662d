//! Tokens: validation with warm keys, and the token cache under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Json;
use axum::routing::{get, post};
use etdi::keys::base64url_encode;
use etdi::trust::IssuerKind;
use etdi::{Clock, SystemClock};
use etdi_oauth::{
    Auth0Provider, BearerToken, Expectations, IssuerRules, KeySet, Network, OAuthConfig,
    OAuthProvider, TokenRequest, validate,
};
use serde_json::{Value, json};

use crate::timing::{Row, ratio};

pub const AUDIENCE: &str = "https://api.example";
pub const SCOPE: &str = "execute:tools";

/// An issuer in the shape of Auth0, on the loopback interface.
pub struct Issuer {
    pub url: String,
    key: Arc<KeyPair>,
    pub requests: Arc<AtomicUsize>,
}

impl Issuer {
    pub async fn start() -> Self {
        let key = Arc::new(KeyPair::generate(KeySize::Rsa2048).unwrap());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (keys, token, count) = (jwks(&key), jwt(&key, &url), requests.clone());
        let app = axum::Router::new()
            .route("/.well-known/jwks.json", get(move || async move { Json(keys) }))
            .route(
                "/oauth/token",
                post(move || async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    Json(json!({
                        "access_token": token,
                        "token_type": "Bearer",
                        "expires_in": 86_400,
                        "scope": SCOPE,
                    }))
                }),
            );
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, key, requests }
    }

    pub async fn provider(&self) -> Auth0Provider {
        let config = OAuthConfig::auth0_at(&self.url)
            .client("client", "a-fixture-secret")
            .audience(AUDIENCE)
            .network(Network::default().dangerous().allow_loopback_http());
        Auth0Provider::initialize(config).await.unwrap()
    }

    pub fn token(&self) -> String {
        jwt(&self.key, &self.url)
    }
}

fn jwks(key: &KeyPair) -> Value {
    // RSAPublicKey (RFC 8017, appendix A.1.1) ends with the modulus and an exponent of 3 bytes.
    let der = key.public_key().as_ref();
    let modulus = &der[der.len() - 261..der.len() - 5];
    json!({"keys": [{
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "bench",
        "n": base64url_encode(modulus),
        "e": "AQAB",
    }]})
}

fn jwt(key: &KeyPair, issuer: &str) -> String {
    let now = SystemClock.now().unix_timestamp();
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "bench"});
    let claims = json!({
        "iss": issuer, "sub": "client@clients", "azp": "client", "aud": AUDIENCE,
        "iat": now, "exp": now + 86_400, "scope": SCOPE, "gty": "client-credentials",
    });
    let encode = |part: &Value| base64url_encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", base64url_encode(&signature))
}

/// The token's signing input and signature, for the bare verify.
fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.as_bytes().to_vec(), etdi::keys::base64url_decode(signature).unwrap())
}

pub fn validation() -> Row {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let issuer = "https://tenant.auth0.com/";
    let keys = KeySet::parse(jwks(&key).to_string().as_bytes()).unwrap();
    let rules = IssuerRules::new(issuer, IssuerKind::Auth0);
    let expected = Expectations::audience(AUDIENCE).scope(SCOPE);
    let token = jwt(&key, issuer);
    let (input, signature) = parts(&token);
    let bare = keys.jwks()[0].verifying_key().unwrap();
    let measured = ratio(
        || assert!(bare.verifies(&input, &signature)),
        || validate(&token, &rules, &keys, &expected, SystemClock.now()).unwrap(),
    );
    Row::at_most("token validation, warm keys / RSA-2048 verify", measured, 1.25)
}

pub async fn same_token_again() -> Row {
    let issuer = Issuer::start().await;
    let provider = issuer.provider().await;
    let token = BearerToken::new(issuer.token());
    let expected = Expectations::audience(AUDIENCE).scope(SCOPE);
    provider.validate(&token, &expected).await.unwrap();
    let (input, signature) = parts(token.expose());
    let bare = provider.jwks().keys().await.unwrap().jwks()[0].verifying_key().unwrap();
    let measured = ratio(
        || assert!(bare.verifies(&input, &signature)),
        || {
            use futures::FutureExt;
            provider.validate(&token, &expected).now_or_never().unwrap().unwrap()
        },
    );
    Row::at_most("the same token again / RSA-2048 verify", measured, 0.15)
}

pub async fn ten_thousand_requests() -> Row {
    let issuer = Issuer::start().await;
    let provider = issuer.provider().await;
    let request = TokenRequest::new().scope(SCOPE);
    let asked = (0..10_000).map(|_| {
        let (provider, request) = (provider.clone(), request.clone());
        tokio::spawn(async move { OAuthProvider::token(&provider, &request).await.unwrap() })
    });
    futures::future::try_join_all(asked.collect::<Vec<_>>()).await.unwrap();
    let sent = issuer.requests.load(Ordering::SeqCst);
    Row::at_most("HTTP requests for 10,000 concurrent token requests", sent as f64, 1.0)
}
