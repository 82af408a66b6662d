//! A server author's handler, and the publisher of its tools.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use etdi_server::{SecureServer, SecureServerBuilder, ToolSpec};
use etdi_types::{Provider, SigningKey, ToolDefinition, jws::DetachedJws};
use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use serde_json::{Value, json};

use crate::wire::Client;

/// Lists whatever tools it was last given, one a page unless told otherwise, and counts its calls.
#[derive(Clone, Default)]
pub struct App {
    tools: Arc<Mutex<Vec<Tool>>>,
    calls: Arc<AtomicUsize>,
    shows_tools: bool,
    one_page: bool,
}

impl App {
    pub fn new(tools: impl IntoIterator<Item = Value>) -> Self {
        let app = Self::default();
        app.set(tools);
        app
    }

    /// Answers `get_tool` too.
    pub fn showing_tools(self) -> Self {
        Self { shows_tools: true, ..self }
    }

    /// Lists all its tools at once.
    pub fn on_one_page(self) -> Self {
        Self { one_page: true, ..self }
    }

    pub fn set(&self, tools: impl IntoIterator<Item = Value>) {
        let tools = tools.into_iter().map(|tool| serde_json::from_value(tool).unwrap());
        *self.tools.lock().unwrap() = tools.collect();
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl ServerHandler for App {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let at: usize =
            request.and_then(|request| request.cursor).map_or(0, |cursor| cursor.parse().unwrap());
        let tools = self.tools.lock().unwrap();
        let size = if self.one_page { tools.len() } else { 1 };
        let mut page =
            ListToolsResult::with_all_items(tools.iter().skip(at).take(size).cloned().collect());
        page.next_cursor = (at + size < tools.len()).then(|| (at + size).to_string());
        Ok(page)
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(CallToolResult::success(vec![ContentBlock::text("called")]).into())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools = self.tools.lock().unwrap();
        tools.iter().find(|tool| self.shows_tools && tool.name == name).cloned()
    }

    async fn on_custom_request(
        &self,
        _: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(CustomResult::new(json!({})))
    }
}

/// A tool that uses every member that rmcp knows.
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

/// A server that declares nothing and says so.
pub async fn unsigned() -> SecureServer {
    builder(&key()).allow_unsigned().build().await.unwrap()
}

/// A server that declares `scan` 1.0.0.
pub async fn scanner() -> SecureServer {
    builder(&key()).tool("scan", ToolSpec::version("1.0.0")).build().await.unwrap()
}

/// All tools that a client is sent, from the text that it is sent.
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

/// Whether the signature is this key's, over the definition as it was sent.
pub fn verify(tool: &ToolDefinition, key: &SigningKey) {
    let signature = tool.signed().unwrap().signature.as_deref().unwrap();
    let verifying = key.public_jwk().verifying_key().unwrap();
    let signature = DetachedJws::parse(signature).unwrap();
    assert_eq!(signature.kid(), key.kid());
    signature.verify(&verifying, tool.canonical().as_bytes()).unwrap();
}
