//! Publishers with new keys, their tools and trust configurations; and one publisher with a fixed
//! key.

use etdi_types::keys::base64url_encode;
use etdi_types::trust::TrustedProvider;
use etdi_types::{DefinitionSpec, Permission, Provider, SignedTool, SigningKey, TrustConfig};
use serde_json::{Map, Value, json};

/// The private key of RFC 8410, section 10.3.
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

/// Returns a token, signed by [`key`].
pub fn token(claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key().kid() });
    let part = |value: &Value| base64url_encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(claims));
    let signature = base64url_encode(&key().sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// Returns the claims of an access token by `issuer`, which is valid from 2020 to 2099.
pub fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "my-client", "client_id": "my-client", "aud": "https://api.example",
        "iat": 1_577_836_800, "exp": 4_070_908_800_i64, "scope": "documents:read execute:tools",
        "jti": "7",
    })
}

/// A publisher with a key and an authority.
#[derive(Clone)]
pub struct Publisher {
    pub key: SigningKey,
    pub authority: String,
    pub provider: Provider,
    /// The servers that definitions name; with `None`, definitions may be served anywhere.
    pub servers: Option<Vec<String>>,
    pub permissions: Vec<Permission>,
}

impl Publisher {
    pub fn new(authority: &str) -> Self {
        Self {
            key: SigningKey::generate().unwrap(),
            authority: authority.to_owned(),
            provider: Provider::new(format!("https://{authority}"), "TrustedSoft").unwrap(),
            servers: None,
            permissions: Vec::new(),
        }
    }

    /// Returns the same publisher. Only these servers may serve its definitions.
    pub fn at(&self, servers: &[String]) -> Self {
        Self { servers: Some(servers.to_vec()), ..self.clone() }
    }

    /// Returns the same publisher. Its definitions ask for one more permission.
    pub fn asking_for(&self, scope: &str, required: bool) -> Self {
        let mut permission = Permission::optional(scope.parse().unwrap(), format!("needs {scope}"));
        permission.required = required;
        let permissions = self.permissions.iter().cloned().chain([permission]).collect();
        Self { permissions, ..self.clone() }
    }

    /// Returns the same publisher with another signing key.
    pub fn with_key(&self, key: SigningKey) -> Self {
        Self { key, ..self.clone() }
    }

    pub fn spec(&self, id: &str, version: &str) -> DefinitionSpec {
        let (id, version) = (id.parse().unwrap(), version.parse().unwrap());
        let mut spec = DefinitionSpec::new(id, version, self.provider.clone());
        spec.servers.clone_from(&self.servers);
        spec.permissions.clone_from(&self.permissions);
        spec
    }

    /// Signs a tool under an id with the tool's name.
    pub fn sign(&self, tool: &Value, version: &str) -> Value {
        let id = format!("{}/{}", self.authority, tool["name"].as_str().unwrap());
        self.sign_as(&id, tool, version)
    }

    /// Signs a tool under this id.
    pub fn sign_as(&self, id: &str, tool: &Value, version: &str) -> Value {
        self.signed(id, tool, version).tool().clone().into()
    }

    pub fn signed(&self, id: &str, tool: &Value, version: &str) -> SignedTool {
        self.spec(id, version).sign(object(tool), &self.key).unwrap()
    }
}

/// Returns a configuration that trusts these publishers.
pub fn trust(publishers: &[&Publisher]) -> TrustConfig {
    let entries = publishers.iter().map(|publisher| {
        let (id, key) = (publisher.provider.id(), publisher.key.public_jwk().clone());
        TrustedProvider::new(id, &publisher.authority, key)
    });
    TrustConfig::new(entries.collect()).unwrap()
}

/// Returns a tool with every kind of member that a definition can have.
pub fn tool(name: &str) -> Value {
    json!({
        "name": name,
        "title": "Scanner",
        "description": "Finds personal data in a document.",
        "inputSchema": {
            "type": "object",
            "properties": {"document": {"type": "string"}},
            "required": ["document"],
        },
        "outputSchema": {"type": "object", "properties": {"findings": {"type": "array"}}},
        "annotations": {"readOnlyHint": true, "destructiveHint": false},
        "icons": [{"src": "https://trustedsoft.example/icon.png"}],
        "_meta": {"vendor.example/shelf": "documents"},
        "vendorExtension": {"beta": false},
    })
}

fn object(tool: &Value) -> &Map<String, Value> {
    tool.as_object().unwrap()
}
