//! `conformance-server [--wrapped]`: the server under test of the official conformance suite, on a
//! loopback port. Prints `{"url": …}` in one line and serves until its standard input closes. With
//! `--wrapped`, its tools are signed.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use etdi::{Provider, SecureServer, SigningKey, ToolSpec};
use etdi_tests::conformance::fixtures::FIXTURES;
use etdi_tests::conformance::server::Server;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Server::default();
    match std::env::args().nth(1).as_deref() {
        None => serve(app).await,
        Some("--wrapped") => {
            let provider = Provider::new("https://trustedsoft.example", "TrustedSoft")?;
            let mut builder = SecureServer::builder(provider, SigningKey::generate()?);
            for tool in &FIXTURES.tools {
                builder = builder.tool(tool.name.to_string(), ToolSpec::version("1.0.0"));
            }
            let secure = builder.build().await?;
            secure.check(app.clone()).await?;
            serve(secure.wrap(app)).await
        }
        Some(other) => Err(format!("{other} is no option; there is --wrapped").into()),
    }
}

async fn serve<H: ServerHandler + Clone>(handler: H) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let mcp = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    println!("{}", json!({ "url": url }));
    tokio::select! {
        served = axum::serve(listener, Router::new().nest_service("/mcp", mcp)) => served?,
        () = parent_gone() => {}
    }
    Ok(())
}

async fn parent_gone() {
    let mut byte = [0];
    while matches!(tokio::io::stdin().read(&mut byte).await, Ok(1..)) {}
}
