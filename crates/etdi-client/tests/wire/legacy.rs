//! The HTTP+SSE transport of MCP 2024-11-05.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use axum::routing::{get, post};
use etdi_client::{Approval, ConnectError, Decision};
use futures::channel::mpsc;
use serde_json::{Map, Value};

use crate::script::Script;
use crate::servers::client;

const TOOL: &str = r#"{"name":"scan","inputSchema":{"type":"object"}}"#;

type Events = mpsc::UnboundedSender<Result<String, Infallible>>;

#[derive(Clone)]
struct Older {
    script: Arc<Script>,
    /// The endpoint that the first event of a stream names.
    endpoint: String,
    /// The status of a POST to the event stream.
    refusal: StatusCode,
    stream: Arc<Mutex<Option<Events>>>,
}

/// Starts a server that has only this transport.
async fn start(endpoint: &str, refusal: StatusCode) -> (String, Arc<Script>) {
    let script = Arc::new(Script::of(&[TOOL]));
    let older = Older {
        script: Arc::clone(&script),
        endpoint: endpoint.to_owned(),
        refusal,
        stream: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/sse", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/sse", get(open).post(refuse))
        .route("/messages", post(receive))
        .with_state(older);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (uri, script)
}

async fn open(State(older): State<Older>) -> Response<Body> {
    let (sender, events) = mpsc::unbounded();
    let first = format!(": hello\n\nevent: endpoint\ndata: {}\n\n", older.endpoint);
    sender.unbounded_send(Ok(first)).unwrap();
    *older.stream.lock().unwrap() = Some(sender);
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    response.body(Body::from_stream(events)).unwrap()
}

async fn refuse(State(older): State<Older>) -> StatusCode {
    older.refusal
}

async fn receive(State(older): State<Older>, body: String) -> StatusCode {
    let request: Value = serde_json::from_str(&body).unwrap();
    if let Some(text) = older.script.answer(&request) {
        let text = String::from_utf8(text).unwrap();
        let stream = older.stream.lock().unwrap();
        let events = stream.as_ref().unwrap();
        events.unbounded_send(Ok(format!("event: message\ndata: {text}\n\n"))).unwrap();
    }
    StatusCode::ACCEPTED
}

#[tokio::test]
async fn a_server_of_2024_11_05_is_judged_and_called() {
    for refusal in [400, 404, 405] {
        let refusal = StatusCode::from_u16(refusal).unwrap();
        let (uri, script) = start("/messages?session=1", refusal).await;
        let connection = client().connect_http(&uri).await.unwrap();
        let tools = connection.discover().await.unwrap();
        let Decision::Ask(request) = connection.decide(&tools[0]).await.unwrap() else { panic!() };
        let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
        connection.call(&tool, Map::new()).await.unwrap();
        assert_eq!(script.calls(), 1);
        assert!(!script.methods.lock().unwrap().contains(&"server/discover".to_owned()));
    }
}

#[tokio::test]
async fn a_changed_tool_is_not_called_over_the_older_transport() {
    let (uri, script) = start("/messages", StatusCode::METHOD_NOT_ALLOWED).await;
    let connection = client().connect_http(&uri).await.unwrap();
    let tools = connection.discover().await.unwrap();
    let Decision::Ask(request) = connection.decide(&tools[0]).await.unwrap() else { panic!() };
    let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
    script.serve(&[r#"{"name":"scan","description":"other","inputSchema":{"type":"object"}}"#]);
    let tools = connection.discover().await.unwrap();
    assert!(matches!(connection.decide(&tools[0]).await.unwrap(), Decision::Ask(_)));
    connection.call(&tool, Map::new()).await.unwrap_err();
    assert_eq!(script.calls(), 0);
}

#[tokio::test]
async fn an_endpoint_of_another_origin_gets_no_message() {
    let (elsewhere, script) = start("/messages", StatusCode::METHOD_NOT_ALLOWED).await;
    let elsewhere = elsewhere.replace("/sse", "/messages");
    let (uri, _) = start(&elsewhere, StatusCode::METHOD_NOT_ALLOWED).await;
    let error = client().connect_http(&uri).await.unwrap_err();
    assert!(matches!(error, ConnectError::ForeignEndpoint), "{error:?}");
    assert_eq!(*script.methods.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn only_the_statuses_of_the_specification_lead_to_the_older_transport() {
    for refusal in [500, 406, 403] {
        let refusal = StatusCode::from_u16(refusal).unwrap();
        let (uri, script) = start("/messages", refusal).await;
        client().connect_http(&uri).await.unwrap_err();
        assert_eq!(*script.methods.lock().unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn a_server_without_either_transport_gives_the_error_of_the_newer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new()).await });
    let error = client().connect_http(&uri).await.unwrap_err();
    assert!(error.to_string().contains("HTTP 404 Not Found"), "{error}");
}
