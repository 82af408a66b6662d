//! Serves a handler on stdio, or on HTTP until the parent exits.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use etdi::server::AuthLayer;
use rmcp::ServerHandler;
use rmcp::ServiceExt;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::process::Address;

/// Serves on standard input and output until the client exits.
pub(super) async fn stdio<H: ServerHandler>(handler: H) -> anyhow::Result<()> {
    handler.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

/// Binds a loopback port, and returns it with the URL of its endpoint.
pub(super) async fn bind() -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves on HTTP until standard input closes, and prints the URL. A request that `layer` refuses does
/// not reach the handler.
pub(super) async fn http<H: ServerHandler + Clone>(
    listener: TcpListener,
    url: String,
    handler: H,
    layer: Option<AuthLayer>,
) -> anyhow::Result<()> {
    // By default rmcp checks only the `Host` header of a request. With this origin in its settings it
    // checks the `Origin` header too.
    let origin = url.trim_end_matches("/mcp").to_owned();
    let mcp = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default().with_allowed_origins([origin]),
    );
    let router = Router::new().nest_service("/mcp", mcp);
    let router = match layer {
        Some(layer) => router.layer(layer),
        None => router,
    };
    until_the_parent_goes(listener, url, router).await
}

/// Serves until standard input closes, and prints the URL.
async fn until_the_parent_goes(
    listener: TcpListener,
    url: String,
    router: Router,
) -> anyhow::Result<()> {
    let line = serde_json::to_string(&Address { url })?;
    writeln!(std::io::stdout().lock(), "{line}")
        .context("cannot print the URL: the parent has exited")?;
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
