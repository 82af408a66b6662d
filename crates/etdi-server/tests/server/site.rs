//! A server behind its layer, and a client that reads the plain HTTP answers of both.

use std::sync::Arc;

use etdi_server::{AuthLayer, SecureServer};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};

use crate::wire::{LEGACY, MODERN, Route, initialize_params, modern_meta};

/// Every route on which HTTP carries a call.
pub const HTTP_ROUTES: [(Route, &str); 6] = [
    (Route::Sessions, LEGACY),
    (Route::Sessions, MODERN),
    (Route::Events, LEGACY),
    (Route::Events, MODERN),
    (Route::Json, LEGACY),
    (Route::Json, MODERN),
];

pub const RESOURCE: &str = "https://docs.example/mcp";
pub const METADATA: &str = "https://docs.example/.well-known/oauth-protected-resource/mcp";

pub struct Site {
    pub url: String,
    pub version: &'static str,
    http: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
}

/// An answer with any status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub challenge: Option<String>,
    pub session: Option<String>,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// Returns the JSON of the answer, which may be inside an event.
    pub fn json(&self) -> Value {
        let mut text =
            self.text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let data = text.rfind(|data| !data.is_empty()).unwrap_or(&self.text);
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Site {
    pub async fn start<H: ServerHandler + Clone>(
        secure: &SecureServer,
        handler: H,
        route: (Route, &'static str),
    ) -> Self {
        let layer = secure.auth_layer(RESOURCE).unwrap();
        Self::with(secure, handler, route, Some(layer)).await
    }

    pub async fn with<H: ServerHandler + Clone>(
        secure: &SecureServer,
        handler: H,
        (route, version): (Route, &'static str),
        layer: Option<AuthLayer>,
    ) -> Self {
        let config = StreamableHttpServerConfig::default();
        Self::configured(secure, handler, (route, version), layer, config).await
    }

    pub async fn configured<H: ServerHandler + Clone>(
        secure: &SecureServer,
        handler: H,
        (route, version): (Route, &'static str),
        layer: Option<AuthLayer>,
        config: StreamableHttpServerConfig,
    ) -> Self {
        let config = config
            .with_legacy_session_mode(route == Route::Sessions)
            .with_json_response(route == Route::Json);
        let sessions = Arc::new(LocalSessionManager::default());
        let secure = secure.clone();
        let mcp =
            StreamableHttpService::new(move || Ok(secure.wrap(handler.clone())), sessions, config);
        let app = axum::Router::new().nest_service("/mcp", mcp);
        let app = match layer {
            Some(layer) => app.layer(layer),
            None => app,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self { url, version, http: reqwest::Client::new(), server }
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    /// Returns a request with this body and the headers that MCP needs.
    pub fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.post_to("/mcp", body)
    }

    pub fn post_to(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", self.url))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", self.version)
            .body(body)
    }

    /// Returns a request for the stream of a session.
    pub fn listen(&self) -> reqwest::RequestBuilder {
        let request = self.get("/mcp").header("accept", "text/event-stream");
        request.header("mcp-protocol-version", self.version)
    }

    /// Returns a request to end a session.
    pub fn end(&self) -> reqwest::RequestBuilder {
        let request = self.http.delete(format!("{}/mcp", self.url));
        request.header("mcp-protocol-version", self.version)
    }

    /// Returns a request for `method`.
    pub fn ask(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        let name = params["name"].as_str().map(str::to_owned);
        if self.version == MODERN {
            modern_meta(&mut params);
        }
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let request = self.post(message.to_string());
        if self.version == LEGACY {
            return request;
        }
        let request = request.header("mcp-method", method);
        match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// Begins a session, if the route has sessions.
    pub async fn session(&self, token: Option<&str>) -> Option<String> {
        if self.version == MODERN {
            return None;
        }
        let request = bearing(self.ask("initialize", initialize_params()), token);
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = answer.session?;
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let request = bearing(self.post(ready.to_string()), token);
        send(request.header("mcp-session-id", &session)).await;
        Some(session)
    }

    /// Calls `tool` in a session of its own.
    pub async fn call(&self, tool: &str, token: Option<&str>) -> Answer {
        let session = self.session(None).await;
        self.call_in(session.as_deref(), tool, token).await
    }

    pub async fn call_in(&self, session: Option<&str>, tool: &str, token: Option<&str>) -> Answer {
        let request = self.ask("tools/call", json!({"name": tool, "arguments": {}}));
        send(in_session(bearing(request, token), session)).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub fn bearing(request: reqwest::RequestBuilder, token: Option<&str>) -> reqwest::RequestBuilder {
    match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

pub fn in_session(
    request: reqwest::RequestBuilder,
    session: Option<&str>,
) -> reqwest::RequestBuilder {
    match session {
        Some(session) => request.header("mcp-session-id", session),
        None => request,
    }
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        challenge: header("www-authenticate"),
        session: header("mcp-session-id"),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}
