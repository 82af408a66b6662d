//! The headers that a host configures for a server are in every request to it.
#![cfg(test)]

use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use etdi_client::{EtdiClient, HttpAuthorizer, RequestHeaders};
use etdi_types::{ResourceUri, TrustConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// A request as the server saw it: its method, or the one of its message, and two of its headers.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    keys: Vec<String>,
    authorizations: Vec<String>,
}

#[derive(Debug)]
struct Configured {
    token: Option<&'static str>,
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

#[async_trait]
impl HttpAuthorizer for Configured {
    async fn bearer_token(
        &self,
        _: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.token.map(secret))
    }

    async fn headers(
        &self,
        _: &ResourceUri,
    ) -> Result<RequestHeaders, Box<dyn std::error::Error + Send + Sync>> {
        let mut headers = RequestHeaders::default();
        headers.insert("X-Api-Key", &secret("s3cret"))?;
        headers.insert("Authorization", &secret("Basic s3cret"))?;
        Ok(headers)
    }
}

/// Answers with sessions, so that the client also opens a stream and ends the session.
async fn answer(State(seen): State<UnboundedSender<Seen>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let all = |name: &str| {
        let values = parts.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (keys, authorizations) = (all("x-api-key"), all("authorization"));
    let http = parts.method.clone();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = message["method"].as_str().map_or_else(|| http.to_string(), str::to_owned);
    seen.send(Seen { method: method.clone(), keys, authorizations }).unwrap();
    let response = Response::builder();
    if http == Method::GET {
        let stream = futures::stream::pending::<Result<&'static str, std::io::Error>>();
        let response = response.header(header::CONTENT_TYPE, "text/event-stream");
        return response.body(Body::from_stream(stream)).unwrap();
    }
    let result = match method.as_str() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "docs", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [{ "name": "scan", "inputSchema": {} }] }),
        "server/discover" => {
            return response.status(StatusCode::BAD_REQUEST).body(Body::empty()).unwrap();
        }
        _ => return response.status(StatusCode::ACCEPTED).body(Body::empty()).unwrap(),
    };
    let text = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
    let response = response.header(header::CONTENT_TYPE, "application/json");
    response.header("mcp-session-id", "one").body(text.into()).unwrap()
}

/// Returns the requests of a connection from its start to its end.
async fn requests(token: Option<&'static str>) -> Vec<Seen> {
    let (sender, mut receiver) = unbounded_channel();
    let router = Router::new().fallback(answer).with_state(sender);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let builder = EtdiClient::builder(TrustConfig::default()).authorizer(Configured { token });
    let connection = builder.build().unwrap().connect_http(&uri).await.unwrap();
    assert_eq!(connection.discover().await.unwrap().len(), 1);
    let mut all = Vec::new();
    until("GET", &mut receiver, &mut all).await;
    connection.close().await;
    until("DELETE", &mut receiver, &mut all).await;
    all
}

/// Receives requests up to the one with this method.
async fn until(method: &str, receiver: &mut UnboundedReceiver<Seen>, all: &mut Vec<Seen>) {
    while !all.iter().any(|seen| seen.method == method) {
        let next = timeout(Duration::from_secs(30), receiver.recv()).await;
        all.push(next.unwrap_or_else(|_| panic!("no {method} after {all:?}")).unwrap());
    }
}

#[tokio::test]
async fn every_request_has_the_configured_headers_once() {
    for (token, authorization) in [(None, "Basic s3cret"), (Some("t"), "Bearer t")] {
        let all = requests(token).await;
        for method in ["server/discover", "initialize", "tools/list", "GET", "DELETE"] {
            assert!(all.iter().any(|seen| seen.method == method), "{method}: {all:?}");
        }
        for Seen { method, keys, authorizations } in &all {
            assert_eq!(keys, &["s3cret"], "{method}");
            assert_eq!(authorizations, &[authorization], "{method}");
        }
    }
}
