//! `rich-server bare|secured stdio|http [KEY]`: the server of [`etdi_tests::rich`], bare or behind a
//! `SecureServer`. KEY is the PEM file of its key; without KEY it uses a new, unknown key.
//!
//! On stdio it serves until the input ends. On HTTP it prints one JSON line, `{"url"}`, and serves
//! until its standard input ends.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use etdi::{Provider, SecureServer, SigningKey, ToolSpec};
use etdi_tests::rich::{Rich, tool_names};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, transport, key) = match &*arguments {
        [kind, transport] => (kind, transport, SigningKey::generate()?),
        [kind, transport, key] => (kind, transport, SigningKey::from_pem_file(key)?),
        _ => return Err("usage: rich-server bare|secured stdio|http [KEY]".into()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let app = Rich::default();
    match (&**kind, &**transport) {
        ("bare", "stdio") => stdio(app).await,
        ("bare", "http") => http(listener, &url, app).await,
        ("secured", "stdio") => stdio(secured(app, key, None).await?).await,
        ("secured", "http") => http(listener, &url, secured(app, key, Some(&url)).await?).await,
        _ => Err("the kind must be bare or secured, and the transport stdio or http".into()),
    }
}

async fn secured(
    app: Rich,
    key: SigningKey,
    url: Option<&str>,
) -> Result<impl ServerHandler + Clone, Box<dyn Error>> {
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft")?;
    let mut builder = SecureServer::builder(provider, key);
    for name in tool_names() {
        builder = builder.tool(name, ToolSpec::version("1.0.0"));
    }
    let builder = match url {
        Some(url) => builder.served_at(url),
        None => builder.stdio(),
    };
    let secure = builder.build().await?;
    secure.check(app.clone()).await?;
    Ok(secure.wrap(app))
}

async fn stdio(handler: impl ServerHandler) -> Result<(), Box<dyn Error>> {
    handler.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

async fn http(
    listener: TcpListener,
    url: &str,
    handler: impl ServerHandler + Clone,
) -> Result<(), Box<dyn Error>> {
    let service = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    writeln!(std::io::stdout(), "{}", json!({"url": url}))?;
    let router = Router::new().nest_service("/mcp", service);
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = parent_gone() => {}
    }
    Ok(())
}

async fn parent_gone() {
    let mut byte = [0];
    while matches!(tokio::io::stdin().read(&mut byte).await, Ok(1..)) {}
}
