//! The scripted server, as a child process on stdio or on a free port of the loopback interface.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::post;
use etdi::client::ServerConnection;
use etdi::{EtdiClient, ServerIdentity, StdioCommand};
use etdi_tests::scripted::{Answer, Script};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const SESSION: &str = "mcp-session-id";

/// The transport on which a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Stdio,
    Http,
}

/// A server under a test's control. It stops when it is dropped.
pub struct Server {
    script: Script,
    http: Option<Listening>,
    _folder: TempDir,
}

impl Server {
    pub async fn start(transport: Transport) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(folder.path());
        let http = match transport {
            Transport::Stdio => None,
            Transport::Http => {
                let router = axum::Router::new().route("/mcp", post(answer));
                Some(Listening::start(router.with_state(script.clone())).await)
            }
        };
        Self { script, http, _folder: folder }
    }

    /// Starts a server that serves these tools.
    pub async fn serving(transport: Transport, tools: &[&Value]) -> Self {
        let server = Self::start(transport).await;
        server.serve(tools);
        server
    }

    /// Serves these tools from now on.
    pub fn serve(&self, tools: &[&Value]) {
        self.script.list(listing(tools));
    }

    /// Serves tools with these JSON texts from now on.
    pub fn serve_texts(&self, tools: &[&str]) {
        self.script.list(format!(r#"{{"tools":[{}]}}"#, tools.join(",")));
    }

    pub async fn connect(&self, client: &EtdiClient) -> ServerConnection {
        match &self.http {
            Some(_) => client.connect_http(&self.uri()).await.unwrap(),
            None => client.connect_stdio(self.command()).await.unwrap(),
        }
    }

    /// Returns the resource URI of a server on HTTP.
    pub fn uri(&self) -> String {
        let http = self.http.as_ref().expect("the server is on HTTP");
        format!("http://{}/mcp", http.address)
    }

    pub fn command(&self) -> StdioCommand {
        let folder = self.script.folder().to_str().unwrap();
        StdioCommand::new(env!("CARGO_BIN_EXE_scripted-server")).arg(folder)
    }

    /// Returns the name of this server in the member `servers` of a definition.
    pub fn listed_as(&self) -> String {
        match &self.http {
            Some(_) => self.uri(),
            None => "stdio".to_owned(),
        }
    }

    pub fn identity(&self) -> ServerIdentity {
        match &self.http {
            Some(_) => ServerIdentity::Http(self.uri().parse().unwrap()),
            None => ServerIdentity::from(&self.command()),
        }
    }

    #[track_caller]
    pub fn assert_not_called(&self) {
        assert_eq!(self.script.calls(), [] as [Value; 0], "the tool was called");
    }

    /// Checks that exactly so many calls arrived.
    #[track_caller]
    pub fn assert_calls(&self, count: usize) {
        assert_eq!(self.script.calls().len(), count, "{:?}", self.script.calls());
    }
}

impl Deref for Server {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

/// Returns the `result` of a `tools/list` with these tools.
pub fn listing(tools: &[&Value]) -> String {
    json!({"tools": tools}).to_string()
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let begun = headers.get(SESSION).map(|value| value.to_str().unwrap().parse().unwrap());
    let mut response = Response::builder();
    let session = match begun {
        Some(session) => session,
        // A request before `initialize`, such as `server/discover`, belongs to no session.
        None if !is_initialize(&body) => 0,
        None => {
            let session = script.begin_session();
            response = response.header(SESSION, session);
            session
        }
    };
    let response = match script.answer(session, &body) {
        Answer::None => response.status(StatusCode::ACCEPTED).body(Body::empty()),
        Answer::Redirect(to) => response
            .status(StatusCode::TEMPORARY_REDIRECT)
            .header(header::LOCATION, to)
            .body(Body::empty()),
        Answer::Messages(mut messages) if messages.len() == 1 => response
            .header(header::CONTENT_TYPE, "application/json")
            .body(messages.remove(0).into()),
        Answer::Messages(messages) => {
            let events =
                messages.iter().flat_map(|message| [b"data: ", message.as_slice(), b"\n\n"]);
            response
                .header(header::CONTENT_TYPE, "text/event-stream")
                .body(events.collect::<Vec<_>>().concat().into())
        }
    };
    response.unwrap()
}

fn is_initialize(message: &[u8]) -> bool {
    let message: Value = serde_json::from_slice(message).unwrap();
    message["method"] == "initialize"
}

/// A server that counts its requests. A test fails if it gets any.
pub struct Trap {
    listening: Listening,
    requests: Arc<AtomicUsize>,
}

impl Trap {
    pub async fn start() -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = requests.clone();
        let router = axum::Router::new().fallback(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async { StatusCode::NOT_FOUND }
        });
        Self { listening: Listening::start(router).await, requests }
    }

    pub fn uri(&self) -> String {
        format!("http://{}/mcp", self.listening.address)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    async fn start(router: axum::Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
