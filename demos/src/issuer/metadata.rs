//! What the issuer says of itself: its keys, and where its endpoints are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Tenant;

pub(super) async fn jwks(State(tenant): State<Arc<Tenant>>) -> Response {
    match tenant.published_keys() {
        Ok(keys) => {
            let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
            ([(CACHE_CONTROL, "public, max-age=15")], Json(json!({"keys": keys}))).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// OpenID Connect Discovery 1.0, section 3, as far as it is about machines.
pub(super) async fn discovery(State(tenant): State<Arc<Tenant>>) -> Json<Value> {
    Json(json!({
        "issuer": tenant.issuer,
        "token_endpoint": tenant.token_endpoint(),
        "jwks_uri": tenant.jwks_uri(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "dpop_signing_alg_values_supported": ["EdDSA", "ES256"],
    }))
}
