//! An identity provider on the loopback interface, with one key that is the same in every run.

use etdi_testkit::issuer::{Issuer, Reply};
use etdi_testkit::publisher::{claims, key, token};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// A running issuer; it ends with the test.
pub(crate) struct FixedIssuer {
    pub(crate) url: String,
    _issuer: Issuer,
    _runtime: Runtime,
}

impl FixedIssuer {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let issuer = runtime.block_on(Issuer::bare());
        let url = issuer.issuer.trim_end_matches('/').to_owned();
        let metadata = json!({
            "issuer": url, "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks.json"),
        });
        let grant = json!({
            "access_token": token(&claims(&url)), "token_type": "Bearer", "expires_in": 3600,
            "scope": "documents:read execute:tools",
        });
        let jwks = json!({ "keys": [key().public_jwk(), { "kty": "oct", "k": "AA" }] });
        issuer.reply("/.well-known/oauth-authorization-server", Reply::json(&metadata));
        issuer.reply("/jwks.json", Reply::json(&jwks));
        issuer.reply("/token", Reply::json(&grant));
        Self { url, _issuer: issuer, _runtime: runtime }
    }

    pub(crate) fn jwks(&self) -> String {
        format!("{}/jwks.json", self.url)
    }
}
