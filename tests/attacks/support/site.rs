//! A server as a user of the library would write it, behind its layer on a free port of the loopback
//! interface, and HTTP requests to it.

use std::sync::Arc;

use etdi::server::{AuthLayer, SecureServerBuilder};
use etdi::{SecureServer, ToolSpec};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{API, CountingHandler, Issuer, Publisher, tool};

/// `harmless` is open to everybody, `scan` requires both scopes, `known` requires any token.
pub const SCOPES: [&str; 2] = ["execute:tools", "read:files"];

pub fn protecting(publisher: &Publisher) -> SecureServerBuilder {
    SecureServer::builder(publisher.provider.clone(), publisher.key.clone())
        .audience(API)
        .tool("harmless", ToolSpec::version("1.0.0"))
        .tool("scan", ToolSpec::version("1.0.0").requires(SCOPES[0]).requires(SCOPES[1]))
        .tool("known", ToolSpec::version("1.0.0").require_auth())
}

/// Returns a handler that lists one tool for each of these names.
pub fn handler(names: &[&str]) -> CountingHandler {
    CountingHandler::new(names.iter().map(|name| tool(name))).on_one_page()
}

pub fn protected_app() -> CountingHandler {
    handler(&["harmless", "scan", "known"])
}

/// A bound address without a server.
pub struct Address {
    listener: TcpListener,
    pub uri: String,
}

impl Address {
    pub async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
        Self { listener, uri }
    }

    /// Serves behind the server's layer.
    pub fn serve(self, secure: &SecureServer, app: &CountingHandler, sessions: Sessions) -> Site {
        let layer = secure.auth_layer(&self.uri).unwrap();
        self.serve_with(secure, app, sessions, Some(layer))
    }

    /// Serves without a layer.
    pub fn serve_bare(
        self,
        secure: &SecureServer,
        app: &CountingHandler,
        sessions: Sessions,
    ) -> Site {
        self.serve_with(secure, app, sessions, None)
    }

    fn serve_with(
        self,
        secure: &SecureServer,
        app: &CountingHandler,
        sessions: Sessions,
        layer: Option<AuthLayer>,
    ) -> Site {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(sessions == Sessions::Kept)
            .with_json_response(sessions == Sessions::None);
        let (wrapped, handler) = (secure.clone(), app.clone());
        let mcp = StreamableHttpService::new(
            move || Ok(wrapped.wrap(handler.clone())),
            Arc::new(LocalSessionManager::default()),
            config,
        );
        let router = axum::Router::new().nest_service("/mcp", mcp);
        let router = match layer {
            Some(layer) => router.layer(layer),
            None => router,
        };
        let task = tokio::spawn(async { axum::serve(self.listener, router).await.unwrap() });
        Site { uri: self.uri, http: reqwest::Client::new(), task }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    None,
    Kept,
}

/// A running server. It stops when it is dropped.
pub struct Site {
    pub uri: String,
    http: reqwest::Client,
    task: JoinHandle<()>,
}

/// An HTTP answer of any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub challenge: Option<String>,
    session: Option<String>,
    pub text: String,
}

impl Answer {
    /// Returns the JSON in the body, whether or not the body is an event stream.
    pub fn json(&self) -> Value {
        let mut events = self.text.lines().filter_map(|line| line.strip_prefix("data:"));
        let text = events.rfind(|data| !data.trim().is_empty()).unwrap_or(&self.text);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that the request was refused before MCP, with this status and this code in the challenge.
    #[track_caller]
    pub fn assert_challenge(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let challenge = self.challenge.as_deref().unwrap_or_default();
        assert!(challenge.starts_with("Bearer "), "{self:?}");
        assert!(challenge.contains(&format!("error=\"{code}\"")), "{self:?}");
    }
}

impl Site {
    /// Serves `app` behind a layer that accepts this issuer's tokens, without sessions.
    pub async fn protected(issuer: &Issuer, app: &CountingHandler) -> Self {
        let publisher = Publisher::new("trustedsoft.example");
        Self::of(issuer, &publisher, app, Sessions::None).await
    }

    /// Serves like [`Self::protected`], for this publisher.
    pub async fn of(
        issuer: &Issuer,
        publisher: &Publisher,
        app: &CountingHandler,
        sessions: Sessions,
    ) -> Self {
        let secure = protecting(publisher)
            .authorize_with(issuer.provider().await)
            .clock(issuer.clock.clone())
            .build()
            .await
            .unwrap();
        Address::bind().await.serve(&secure, app, sessions)
    }

    pub fn post(&self, message: &Value) -> reqwest::RequestBuilder {
        self.http
            .post(&self.uri)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2025-11-25")
            .body(message.to_string())
    }

    /// Calls `tool` with `token`.
    pub async fn call(&self, tool: &str, token: Option<&str>) -> Answer {
        self.call_in(None, tool, token).await
    }

    pub async fn call_in(&self, session: Option<&str>, tool: &str, token: Option<&str>) -> Answer {
        send(self.post(&call_of(tool)), session, token).await
    }

    /// Begins a session with `token`.
    pub async fn session(&self, token: Option<&str>) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "attacker", "version": "1.0.0"},
        });
        let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let answer = send(self.post(&begin), None, token).await;
        let session = answer.session.unwrap();
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        send(self.post(&ready), Some(&session), token).await;
        session
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn call_of(tool: &str) -> Value {
    let params = json!({"name": tool, "arguments": {"document": "secret"}});
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})
}

pub async fn send(
    mut request: reqwest::RequestBuilder,
    session: Option<&str>,
    token: Option<&str>,
) -> Answer {
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        challenge: header("www-authenticate"),
        session: header("mcp-session-id"),
        text: response.text().await.unwrap(),
    }
}
