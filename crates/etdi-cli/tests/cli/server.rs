//! A server that lists what a file says, on stdio or on HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::program::Folder;

/// The server on stdio, as the command that starts it in the folder.
pub(crate) const COMMAND: [&str; 3] = ["--", "/bin/sh", "server.sh"];

/// It uses nothing but the shell: the child has a clean environment, and a test none to hand on.
pub(crate) const SCRIPT: &str = r#"while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*)
      said=
      if [ -e instructions.json ]; then IFS= read -r said < instructions.json; said=",\"instructions\":$said"; fi
      result="\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"docs\",\"version\":\"1\"}$said}" ;;
    *'"method":"tools/list"'*)
      IFS= read -r tools < tools.json
      if [ -n "$listed" ] && [ -e later.json ]; then IFS= read -r tools < later.json; fi
      listed=yes
      result="\"result\":{\"tools\":$tools}" ;;
    *'"method":"notifications/'*) continue ;;
    *) result='"error":{"code":-32601,"message":"no such method"}' ;;
  esac
  printf '%s\n' "{\"jsonrpc\":\"2.0\",\"id\":$id,$result}"
done
if [ -e slow ]; then n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; fi
: > ended
"#;

impl Folder {
    /// With a server in it that lists `tools`.
    pub(crate) fn serving(self, tools: &Value) -> Self {
        self.put("server.sh", SCRIPT);
        self.lists(tools);
        self
    }

    /// From now on the server lists these.
    pub(crate) fn lists(&self, tools: &Value) {
        self.put("tools.json", &format!("{tools}\n"));
    }

    /// From now on the server gives these instructions.
    pub(crate) fn instructs(&self, text: &str) {
        self.put("instructions.json", &format!("{}\n", json!(text)));
    }

    /// After the first list of a session, the server on stdio lists these.
    pub(crate) fn lists_later(&self, tools: &Value) {
        self.put("later.json", &format!("{tools}\n"));
    }

    /// The tools of a signed file, as a server lists them.
    pub(crate) fn signed_tools(&self) -> Value {
        serde_json::from_str::<Value>(&self.text("signed.json")).unwrap()["tools"].clone()
    }
}

/// The server on HTTP; it ends with the test.
pub(crate) struct HttpServer {
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

impl HttpServer {
    /// Lists what the folder's file says.
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_for(folder, None)
    }

    /// The same for whoever has the token.
    pub(crate) fn guarded(folder: &Folder, token: &'static str) -> Self {
        Self::start_for(folder, Some(token))
    }

    fn start_for(folder: &Folder, token: Option<&'static str>) -> Self {
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
                let tools = tools.clone();
                async move {
                    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
                    let has = |token: &str| given == Some(&format!("Bearer {token}"));
                    match token.is_none_or(has) {
                        true => answer(tools, message).await,
                        false => refusal(given.is_some()),
                    }
                }
            }),
        );
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }
}

/// RFC 6750, section 3: whoever has a token has the wrong one.
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
