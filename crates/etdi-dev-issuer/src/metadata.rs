//! The issuer's keys and metadata.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::tenant::Tenant;

/// Returns the JWK set (RFC 7517, section 5).
pub(crate) async fn jwks(State(tenant): State<Arc<Tenant>>) -> impl IntoResponse {
    let keys: Vec<_> = tenant.keys.published().iter().map(|key| key.jwk()).collect();
    ([(CACHE_CONTROL, "public, max-age=15")], Json(json!({"keys": keys})))
}

/// Returns the metadata of OpenID Connect Discovery 1.0, section 3, without the members for users.
pub(crate) async fn discovery(State(tenant): State<Arc<Tenant>>) -> Json<Value> {
    Json(json!({
        "issuer": tenant.urls.issuer,
        "token_endpoint": tenant.urls.token_endpoint,
        "jwks_uri": tenant.urls.jwks_uri,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "dpop_signing_alg_values_supported": ["EdDSA", "ES256"],
    }))
}
