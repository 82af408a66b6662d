//! The publisher of a server's tools.

use etdi_server::{SecureServer, SecureServerBuilder, ToolSpec};
use etdi_types::{Provider, SigningKey, ToolDefinition, jws::DetachedJws};
use serde_json::{Value, json};

use crate::wire::Client;

/// Returns a tool with every member that rmcp knows.
pub fn scan() -> Value {
    json!({
        "name": "scan",
        "title": "SecureDocs Scanner",
        "description": "Finds personal data — names, e-mail, IBAN — in a document",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "limit": {"type": "number", "maximum": 0.1}},
            "required": ["text"],
        },
        "outputSchema": {"type": "object", "properties": {"found": {"type": "array"}}},
        "annotations": {"readOnlyHint": true, "destructiveHint": false},
        "icons": [{"src": "https://trustedsoft.example/icon.png", "mimeType": "image/png"}],
        "_meta": {"example.com/colour": {"b": 1, "a": [1e30, -0.0, null]}},
    })
}

pub fn tool(name: &str) -> Value {
    json!({"name": name, "inputSchema": {"type": "object"}})
}

pub fn described(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
}

pub fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

pub fn provider() -> Provider {
    Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap()
}

pub fn builder(key: &SigningKey) -> SecureServerBuilder {
    SecureServer::builder(provider(), key.clone())
}

/// Builds a server that declares no tools and allows unsigned ones.
pub async fn unsigned() -> SecureServer {
    builder(&key()).allow_unsigned().build().await.unwrap()
}

/// Builds a server that declares `scan` 1.0.0.
pub async fn scanner() -> SecureServer {
    builder(&key()).tool("scan", ToolSpec::version("1.0.0")).build().await.unwrap()
}

/// Lists all tools, from the text that the client was sent.
pub async fn list(client: &mut Client) -> Vec<ToolDefinition> {
    let mut listing = etdi_types::Listing::default();
    let mut params = json!({});
    loop {
        let page = client.request("tools/list", params).await;
        let page = etdi_types::Page::parse(page.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {page}"));
        match listing.add(page).unwrap() {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => break,
        }
    }
    let tools = listing.tools();
    assert!(tools.iter().all(|tool| !tool.duplicate));
    tools.into_iter().map(|tool| tool.definition.unwrap()).collect()
}

/// Asserts that the signature is by this key, over the definition as it was sent.
pub fn verify(tool: &ToolDefinition, key: &SigningKey) {
    let signature = tool.signed().unwrap().signature.as_deref().unwrap();
    let verifying = key.public_jwk().verifying_key().unwrap();
    let signature = DetachedJws::parse(signature).unwrap();
    assert_eq!(signature.kid(), key.kid());
    signature.verify(&verifying, tool.canonical().as_bytes()).unwrap();
}
