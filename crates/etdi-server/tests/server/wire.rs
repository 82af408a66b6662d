//! A minimal MCP client that returns the server's text as it was sent.

use std::sync::Arc;

use rmcp::{
    ServerHandler, ServiceExt,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

pub const LEGACY: &str = "2025-11-25";
pub const MODERN: &str = "2026-07-28";

/// One route to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Lines, as on stdio.
    Lines,
    /// Streamable HTTP with sessions, if the protocol has them.
    Sessions,
    /// Streamable HTTP without sessions, answers as events.
    Events,
    /// Streamable HTTP without sessions, answers as JSON.
    Json,
}

/// Every route under every protocol version.
pub const ROUTES: [(Route, &str); 8] = [
    (Route::Lines, LEGACY),
    (Route::Lines, MODERN),
    (Route::Sessions, LEGACY),
    (Route::Sessions, MODERN),
    (Route::Events, LEGACY),
    (Route::Events, MODERN),
    (Route::Json, LEGACY),
    (Route::Json, MODERN),
];

pub struct Client {
    link: Link,
    version: &'static str,
    last_id: u64,
}

enum Link {
    Lines {
        from: Lines<BufReader<ReadHalf<DuplexStream>>>,
        to: WriteHalf<DuplexStream>,
    },
    Http {
        url: String,
        http: reqwest::Client,
        session: Option<String>,
        server: tokio::task::JoinHandle<()>,
    },
}

impl Client {
    /// Serves `handler` on `route` and connects to it.
    pub async fn connect<H>(handler: H, route: Route, version: &'static str) -> Self
    where
        H: ServerHandler + Clone,
    {
        let link = match route {
            Route::Lines => lines(handler),
            _ => http(handler, route).await,
        };
        let mut client = Self { link, version, last_id: 0 };
        if version == LEGACY {
            client.request("initialize", initialize_params()).await;
            client.notify("notifications/initialized", json!({})).await;
        }
        client
    }

    /// Sends a request and returns the text of the answer.
    pub async fn request(&mut self, method: &str, params: Value) -> String {
        self.last_id += 1;
        let id = self.last_id;
        let params = self.with_meta(params);
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        match &mut self.link {
            Link::Lines { from, to } => {
                write_line(to, &message).await;
                loop {
                    let line = from.next_line().await.unwrap().expect("the server closed");
                    if answers(&line, id) {
                        return line;
                    }
                }
            }
            Link::Http { url, http, session, .. } => {
                let response = post(http, url, session.as_deref(), self.version, &message).await;
                if let Some(id) = response.headers().get("mcp-session-id") {
                    *session = Some(id.to_str().unwrap().to_owned());
                }
                let text = response.text().await.unwrap();
                if answers(&text, id) {
                    return text;
                }
                text.lines()
                    .filter_map(|line| line.strip_prefix("data:"))
                    .map(str::trim_start)
                    .find(|data| answers(data, id))
                    .unwrap_or_else(|| panic!("no answer to {method} in {text}"))
                    .to_owned()
            }
        }
    }

    /// Sends a request and returns the parsed answer.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        serde_json::from_str(&self.request(method, params).await).unwrap()
    }

    pub async fn notify(&mut self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        match &mut self.link {
            Link::Lines { to, .. } => write_line(to, &message).await,
            Link::Http { url, http, session, .. } => {
                let response = post(http, url, session.as_deref(), self.version, &message).await;
                assert!(response.status().is_success(), "{method}: {}", response.status());
            }
        }
    }

    fn with_meta(&self, mut params: Value) -> Value {
        if self.version == MODERN {
            modern_meta(&mut params);
        }
        params
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Link::Http { server, .. } = &self.link {
            server.abort();
        }
    }
}

fn lines<H: ServerHandler>(handler: H) -> Link {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move {
        if let Ok(service) = handler.serve(theirs).await {
            let _ = service.waiting().await;
        }
    });
    let (from, to) = tokio::io::split(ours);
    Link::Lines { from: BufReader::new(from).lines(), to }
}

async fn http<H: ServerHandler + Clone>(handler: H, route: Route) -> Link {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(route == Route::Sessions)
        .with_json_response(route == Route::Json);
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, config);
    let app = axum::Router::new().nest_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    Link::Http { url, http: reqwest::Client::new(), session: None, server }
}

async fn post(
    http: &reqwest::Client,
    url: &str,
    session: Option<&str>,
    version: &str,
    message: &Value,
) -> reqwest::Response {
    let method = message["method"].as_str().unwrap();
    let mut request = http
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", version)
        .body(message.to_string());
    if version == MODERN {
        request = request.header("mcp-method", method);
        let params = &message["params"];
        let name = params["name"].as_str().or(params["taskId"].as_str()).or(params["uri"].as_str());
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
    }
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    request.send().await.unwrap()
}

async fn write_line(to: &mut WriteHalf<DuplexStream>, message: &Value) {
    to.write_all(format!("{message}\n").as_bytes()).await.unwrap();
}

fn answers(text: &str, id: u64) -> bool {
    serde_json::from_str::<Value>(text)
        .is_ok_and(|message| message["id"] == id && message.get("method").is_none())
}

/// Adds the metadata that each request of 2026-07-28 carries.
pub fn modern_meta(params: &mut Value) {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientInfo"] =
        json!({"name": "raw", "version": "1.0.0"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities();
}

pub fn initialize_params() -> Value {
    json!({
        "protocolVersion": LEGACY,
        "capabilities": capabilities(),
        "clientInfo": {"name": "raw", "version": "1.0.0"},
    })
}

fn capabilities() -> Value {
    json!({"extensions": {"io.modelcontextprotocol/tasks": {}}})
}
