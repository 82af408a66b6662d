//! A wrapped server with bearer tokens compared with the bare one, over HTTP.

use std::sync::Arc;

use etdi::{Provider, SecureServer, SigningKey, ToolSpec};
use etdi_testkit::issuer::{API, Issuer};
use futures::StreamExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult,
    PaginatedRequestParams, Tool,
};
use rmcp::service::{RequestContext, RunningService, ServiceExt};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpClientTransport, StreamableHttpService};
use rmcp::{ErrorData, RoleClient, RoleServer, ServerHandler};
use serde_json::json;
use tokio::net::TcpListener;

use crate::timing::{Row, median, now};
use crate::tokens::SCOPE;

const ROUNDS: usize = 15;
const CALLS: usize = 400;
const AT_ONCE: usize = 8;

#[derive(Clone)]
struct App;

impl ServerHandler for App {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object"}).as_object().unwrap().clone();
        Ok(ListToolsResult::with_all_items(vec![Tool::new("scan", "Scans", Arc::new(schema))]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::structured(json!({"findings": []})).into())
    }
}

pub async fn wrapped_server() -> Row {
    let issuer = Issuer::start().await;
    let bare = connect(&serve(None).await, None).await;
    let secure = SecureServer::builder(
        Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap(),
        SigningKey::generate().unwrap(),
    )
    .authorize_with(issuer.provider().await)
    .audience(API)
    .clock(issuer.clock.clone())
    .tool("scan", ToolSpec::version("1.0.0").requires(SCOPE))
    .build()
    .await
    .unwrap();
    let wrapped = connect(&serve(Some(secure)).await, Some(issuer.token("client", SCOPE))).await;
    call_many(&bare).await;
    call_many(&wrapped).await;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let bare = call_many(&bare).await;
        ratios.push(call_many(&wrapped).await / bare);
    }
    Row::at_least("calls/s, wrapped with bearer tokens / bare", median(ratios), 0.9)
}

async fn serve(secure: Option<SecureServer>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let sessions = Arc::new(LocalSessionManager::default());
    let app = match secure {
        None => {
            let mcp = StreamableHttpService::new(|| Ok(App), sessions, Default::default());
            axum::Router::new().nest_service("/mcp", mcp)
        }
        Some(secure) => {
            secure.served_at(&url).unwrap();
            secure.check(App).await.unwrap();
            let auth = secure.auth_layer(&url).unwrap();
            let mcp = StreamableHttpService::new(
                move || Ok(secure.wrap(App)),
                sessions,
                Default::default(),
            );
            axum::Router::new().nest_service("/mcp", mcp).layer(auth)
        }
    };
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn connect(url: &str, token: Option<String>) -> RunningService<RoleClient, ()> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    ().serve(StreamableHttpClientTransport::from_config(config)).await.unwrap()
}

/// Returns the number of calls per second.
async fn call_many(client: &RunningService<RoleClient, ()>) -> f64 {
    let begun = now();
    futures::stream::iter(0..CALLS)
        .map(|_| async { client.call_tool(CallToolRequestParams::new("scan")).await.unwrap() })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    CALLS as f64 / begun.elapsed().as_secs_f64()
}
