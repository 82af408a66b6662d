//! The publisher that the tests share: its key, its tool, and tokens that its key signs.

use etdi_types::SigningKey;
use etdi_types::keys::base64url_encode;
use serde_json::{Value, json};

/// RFC 8410, section 10.3.
pub const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

pub const TOOL: &str = r#"{"name":"scan","description":"Looks for personal data in a document.","inputSchema":{"type":"object","properties":{"document":{"type":"string"}}}}"#;

pub const SPEC: &str = r#"servers = ["https://docs.example/mcp"]
[provider]
id = "https://trustedsoft.example"
name = "TrustedSoft"
[[tool]]
name = "scan"
version = "1.2.0"
permissions = [
  { scope = "documents:read", description = "reads the document that you name" },
  { scope = "documents:write", description = "stores a report beside it", required = false },
]
"#;

pub fn key() -> SigningKey {
    SigningKey::from_pem(PRIVATE_PEM).unwrap()
}

/// A token, signed by [`key`].
pub fn token(claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key().kid() });
    let part = |value: &Value| base64url_encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(claims));
    let signature = base64url_encode(&key().sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The claims of a good token of `issuer`, from 2020 to 2099.
pub fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "my-client", "client_id": "my-client", "aud": "https://api.example",
        "iat": 1_577_836_800, "exp": 4_070_908_800_i64, "scope": "documents:read execute:tools",
        "jti": "7",
    })
}
