//! An identity provider on the loopback interface, with one key.

use std::net::SocketAddr;

use axum::routing::{get, post};
use axum::{Json, Router};
use etdi_testkit::publisher::{claims, key, token};
use serde_json::{Value, json};

/// A running issuer; it ends with the test.
pub(crate) struct Issuer {
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": url, "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks.json"),
        });
        let grant = json!({
            "access_token": token(&claims(&url)), "token_type": "Bearer", "expires_in": 3600,
            "scope": "documents:read execute:tools",
        });
        let jwks = json!({ "keys": [key().public_jwk(), { "kty": "oct", "k": "AA" }] });
        let answer = |value: Value| move || async move { Json(value) };
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(answer(metadata)))
            .route("/jwks.json", get(answer(jwks)))
            .route("/token", post(answer(grant)));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }

    pub(crate) fn jwks(&self) -> String {
        format!("{}/jwks.json", self.url)
    }
}
