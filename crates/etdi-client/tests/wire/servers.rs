//! Servers that play a [`Script`], and the ways to reach them.

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use etdi_client::{ConnectError, EtdiClient, ServerConnection};
use etdi_types::{StdioCommand, TrustConfig};
use serde_json::Value;

use crate::script::Script;

/// How a server is reached and how it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Stdio,
    Json,
    EventStream,
}

/// Every transport with every lifecycle.
pub const WAYS: [(Way, bool); 6] = [
    (Way::Stdio, false),
    (Way::Stdio, true),
    (Way::Json, false),
    (Way::Json, true),
    (Way::EventStream, false),
    (Way::EventStream, true),
];

pub fn client() -> EtdiClient {
    EtdiClient::builder(TrustConfig::default()).build().unwrap()
}

/// Connects to a server that plays `script`. On stdio the script is fixed when the process starts.
pub async fn connect(
    client: &EtdiClient,
    way: Way,
    script: Script,
) -> Result<ServerConnection, ConnectError> {
    match way {
        Way::Stdio => client.connect_stdio(child(&script)).await,
        Way::Json | Way::EventStream => {
            let server = HttpServer::start(script, way).await;
            client.connect_http(&server.uri).await
        }
    }
}

/// A server on loopback. Its script may change while it runs.
pub struct HttpServer {
    pub uri: String,
    pub script: Arc<Script>,
    pub redirects: Arc<Mutex<Option<(String, String)>>>,
    /// The message to send before the response to the next call, on an event stream.
    pub ahead: Arc<Mutex<Option<&'static str>>>,
}

#[derive(Clone)]
struct Playing {
    script: Arc<Script>,
    way: Way,
    redirects: Arc<Mutex<Option<(String, String)>>>,
    ahead: Arc<Mutex<Option<&'static str>>>,
}

impl HttpServer {
    pub async fn start(script: Script, way: Way) -> Self {
        let playing = Playing {
            script: Arc::new(script),
            way,
            redirects: Arc::default(),
            ahead: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(playing.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { uri, script: playing.script, redirects: playing.redirects, ahead: playing.ahead }
    }
}

async fn answer(State(playing): State<Playing>, body: Bytes) -> Response<Body> {
    let response = Response::builder();
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        // A GET for a stream, which this server does not have.
        return response.status(StatusCode::METHOD_NOT_ALLOWED).body(Body::empty()).unwrap();
    };
    let redirect = playing.redirects.lock().unwrap().clone();
    if let Some((_, to)) = redirect.filter(|(method, _)| request["method"] == *method) {
        let response = response.status(StatusCode::TEMPORARY_REDIRECT);
        return response.header(header::LOCATION, to).body(Body::empty()).unwrap();
    }
    let Some(text) = playing.script.answer(&request) else {
        if request.get("id").is_some() {
            std::future::pending::<()>().await;
        }
        return response.status(StatusCode::ACCEPTED).body(Body::empty()).unwrap();
    };
    if playing.way == Way::Json {
        let response = response.header(header::CONTENT_TYPE, "application/json");
        return response.body(text.into()).unwrap();
    }
    let mut events = Vec::new();
    if request["method"] == "tools/call"
        && let Some(ahead) = playing.ahead.lock().unwrap().take()
    {
        events.extend(format!("data: {ahead}\n\n").into_bytes());
    }
    events.extend(b"event: message\ndata: ");
    events.extend(text);
    events.extend(b"\n\n");
    let response = response.header(header::CONTENT_TYPE, "text/event-stream");
    response.body(events.into()).unwrap()
}

/// Returns the command of a child process that plays `script`: this test binary, which runs only
/// [`plays_a_script_as_a_child_process`].
pub fn child(script: &Script) -> StdioCommand {
    let list = script.list_result.lock().unwrap().clone();
    let parts = serde_json::json!({
        "modern": script.modern,
        "acknowledges": script.acknowledges,
        "pages": *script.pages.lock().unwrap(),
        "cursor": *script.cursor.lock().unwrap(),
        "instructions": *script.instructions.lock().unwrap(),
        "silent_list": script.silent_list,
        "silent_start": script.silent_start,
    });
    // The script is passed in files, because an environment cannot hold one of 16 MiB.
    let folder = tempfile::TempDir::new().unwrap().keep();
    std::fs::write(folder.join("script.json"), parts.to_string()).unwrap();
    if let Some(list) = list {
        std::fs::write(folder.join("list"), list).unwrap();
    }
    StdioCommand::new(std::env::current_exe().unwrap().to_str().unwrap())
        .args(["servers::plays_a_script_as_a_child_process", "--exact", "--nocapture"])
        .env("ETDI_TEST_SCRIPT", folder.to_str().unwrap())
}

/// Plays the script of a parent process. Without a script, it does not test anything.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent names the script in the environment")]
fn plays_a_script_as_a_child_process() {
    let Some(folder) = std::env::var_os("ETDI_TEST_SCRIPT") else { return };
    let folder = std::path::PathBuf::from(folder);
    let parts = std::fs::read(folder.join("script.json")).unwrap();
    let parts: Value = serde_json::from_slice(&parts).unwrap();
    let list = std::fs::read(folder.join("list")).ok();
    std::fs::remove_dir_all(folder).unwrap();
    let read = |name: &str| parts[name].clone();
    let script = Script {
        modern: read("modern").as_bool().unwrap(),
        acknowledges: read("acknowledges").as_bool().unwrap(),
        pages: serde_json::from_value(read("pages")).unwrap(),
        list_result: Mutex::new(list),
        cursor: serde_json::from_value(read("cursor")).unwrap(),
        instructions: serde_json::from_value(read("instructions")).unwrap(),
        silent_list: read("silent_list").as_bool().unwrap(),
        silent_start: read("silent_start").as_bool().unwrap(),
        ..Script::default()
    };
    let mut out = std::io::stdout();
    // The test harness may have left a line unfinished.
    out.write_all(b"\n").unwrap();
    for line in std::io::stdin().lock().lines() {
        let request = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(text) = script.answer(&request) {
            out.write_all(&text).unwrap();
            out.write_all(b"\n").unwrap();
            out.flush().unwrap();
        }
    }
}
