//! A server on HTTP that lists the tools of a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use etdi_testkit::folder::Folder;

/// The server on HTTP; it ends with the test.
pub(crate) struct HttpServer {
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

impl HttpServer {
    /// Starts a server that lists the tools in the folder's file.
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_for(folder, |_| true)
    }

    /// Starts the same server, which answers only requests with this token.
    pub(crate) fn guarded(folder: &Folder, token: &'static str) -> Self {
        let expected = format!("Bearer {token}");
        Self::start_for(folder, move |headers| is(headers, "authorization", &expected))
    }

    /// Starts the same server, which answers only requests with this header.
    pub(crate) fn wanting(folder: &Folder, name: &'static str, value: &'static str) -> Self {
        Self::start_for(folder, move |headers| is(headers, name, value))
    }

    /// Starts the same server, which answers only requests without this header.
    pub(crate) fn refusing(folder: &Folder, name: &'static str) -> Self {
        Self::start_for(folder, move |headers| !headers.contains_key(name))
    }

    fn start_for(
        folder: &Folder,
        admits: impl Fn(&HeaderMap) -> bool + Clone + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let tools = folder.file("tools.json");
        let router = Router::new().route(
            "/mcp",
            post(move |headers: HeaderMap, Json(message): Json<Value>| {
                let (tools, admits) = (tools.clone(), admits.clone());
                async move {
                    match admits(&headers) {
                        true => answer(tools, message).await,
                        false => refusal(headers.contains_key("authorization")),
                    }
                }
            }),
        );
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }
}

/// Returns whether the request has this header, once.
fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get_all(name).iter().collect::<Vec<_>>() == [value]
}

/// Returns the refusal of RFC 6750, section 3. A client that sent a token sent the wrong one.
fn refusal(has_token: bool) -> Response {
    let (status, challenge) = match has_token {
        true => (StatusCode::FORBIDDEN, r#"Bearer error="insufficient_scope", scope="docs:read""#),
        false => (StatusCode::UNAUTHORIZED, "Bearer realm=\"docs\""),
    };
    (status, [("www-authenticate", challenge)]).into_response()
}

async fn answer(tools: PathBuf, message: Value) -> Response {
    let result = match message["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "docs", "version": "1" },
        }),
        "tools/list" => {
            let text = std::fs::read_to_string(tools).unwrap();
            json!({ "tools": serde_json::from_str::<Value>(&text).unwrap() })
        }
        method if method.starts_with("notifications/") => {
            return StatusCode::ACCEPTED.into_response();
        }
        _ => {
            let error = json!({ "code": -32601, "message": "no such method" });
            return Json(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }))
                .into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).into_response()
}
