//! A server and a host in one program: `cargo run --example first`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use etdi::prelude::*;
use etdi::trust::TrustedProvider;
use rmcp::model::*;
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};

/// An ordinary MCP server with one tool. It does not know of ETDI.
#[derive(Clone)]
struct App;

impl ServerHandler for App {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema =
            serde_json::json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let schema = schema.as_object().cloned().unwrap_or_default();
        let scan = Tool::new("scan", "Finds personal data in a document", Arc::new(schema));
        Ok(ListToolsResult::with_all_items(vec![scan]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = request.arguments.unwrap_or_default().get("text").map(ToString::to_string);
        let found = text.unwrap_or_default().matches('@').count();
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("{found} addresses"))]).into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The publisher: its key, and the public half of it.
    let key = SigningKey::generate()?;
    let public = key.public_jwk().clone();

    // The server: the same handler, wrapped.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/mcp", listener.local_addr()?);
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft")?;
    let secure = SecureServer::builder(provider, key)
        .tool("scan", ToolSpec::version("1.2.0").permission("documents:read", "reads the document"))
        .served_at(&address)
        .build()
        .await?;
    secure.check(App).await?;
    let mcp = StreamableHttpService::new(
        move || Ok(secure.wrap(App)),
        Arc::new(LocalSessionManager::default()),
        Default::default(),
    );
    let app = axum::Router::new().nest_service("/mcp", mcp);
    tokio::spawn(async move { axum::serve(listener, app).await });

    // The host: set up its trust, then connect, discover, decide, approve, call.
    let publisher =
        TrustedProvider::new("https://trustedsoft.example", "trustedsoft.example", public);
    let etdi = EtdiClient::builder(TrustConfig::new(vec![publisher])?).build()?;
    let docs = etdi.connect_http(&address).await?;
    for tool in docs.discover().await? {
        let approved = match docs.decide(&tool).await? {
            Decision::Allow(approved) => approved,
            Decision::Ask(request) => {
                println!("{request}\n\n  approved by alice\n");
                docs.approve(request, Approval::by("alice")).await?
            }
            Decision::Block(refusal) => {
                println!("{refusal}");
                continue;
            }
        };
        let arguments = serde_json::json!({"text": "alice@example.org, bob@example.org"});
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let result = docs.call(&approved, arguments).await?;
        println!("{}", serde_json::to_string(&result.content)?);
    }
    Ok(())
}
