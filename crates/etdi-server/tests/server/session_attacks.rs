//! Attacks on the session of another caller.

use std::sync::Arc;

use etdi_oauth::Auth0Provider;
use etdi_server::{SecureServer, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, Issuer};
use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use serde_json::json;

use crate::app::{builder, key, tool};
use crate::site::{Site, bearing, in_session, send};
use crate::wire::{LEGACY, Route};

/// A handler that asks its caller for the roots, and answers a call with them.
#[derive(Clone)]
struct Asking(CountingHandler);

impl ServerHandler for Asking {
    fn get_info(&self) -> ServerConfig {
        self.0.get_info()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.0.list_tools(request, context).await
    }

    #[expect(deprecated, reason = "the shortest question that a server may ask")]
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let roots = context.peer.list_roots().await;
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("{roots:?}"))]).into())
    }
}

async fn secure(idp: &Issuer) -> SecureServer {
    builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .audience(API)
        .clock(Arc::clone(&idp.clock))
        .tool("known", ToolSpec::version("1.0.0").require_auth())
        .build()
        .await
        .unwrap()
}

/// Only Alice may answer the server's questions in her session.
#[tokio::test]
async fn extra_bob_does_not_answer_what_alice_is_asked() {
    let idp = Issuer::start().await;
    let app = Asking(CountingHandler::new([tool("known")]).on_one_page());
    let site = Site::start(&secure(&idp).await, app, (Route::Sessions, LEGACY)).await;
    let (alice, bob) = (idp.token("alice", "a"), idp.token("bob", "a"));
    let params = json!({ "protocolVersion": LEGACY, "capabilities": { "roots": {} },
        "clientInfo": { "name": "raw", "version": "1.0.0" } });
    for other in [Some(&*bob), None] {
        let begun = send(bearing(site.ask("initialize", params.clone()), Some(&alice))).await;
        let session = begun.session.unwrap();
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let ready = bearing(site.post(ready.to_string()), Some(&alice));
        send(in_session(ready, Some(&session))).await;
        let call = site.ask("tools/call", json!({ "name": "known", "arguments": {} }));
        let call = in_session(bearing(call, Some(&alice)), Some(&session));
        let mut asked = call.send().await.unwrap();
        assert_eq!(asked.status(), 200);
        let mut heard = String::new();
        let is_whole = |heard: &str| {
            heard.split_once("roots/list").is_some_and(|(_, rest)| rest.contains("\n\n"))
        };
        while !is_whole(&heard) {
            let chunk = asked.chunk().await.unwrap().unwrap();
            heard.push_str(&String::from_utf8_lossy(&chunk));
        }
        let (_, line) = heard.rsplit_once("data: ").unwrap();
        let line = line.lines().next().unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let roots = |name: &str| {
            json!({ "jsonrpc": "2.0", "id": line["id"],
                "result": { "roots": [{ "uri": "file:///x", "name": name }] } })
            .to_string()
        };
        let bobs = in_session(bearing(site.post(roots("bobs")), other), Some(&session));
        let status = send(bobs).await.status;
        let hers = in_session(bearing(site.post(roots("hers")), Some(&alice)), Some(&session));
        send(hers).await;
        let mut answer = String::new();
        while !answer.contains("\"result\"") {
            let Some(chunk) = asked.chunk().await.unwrap() else { break };
            answer.push_str(&String::from_utf8_lossy(&chunk));
        }
        let who = if other.is_some() { "Bob" } else { "nobody" };
        assert!(answer.contains("hers"), "{who} was answered {status}: {answer}");
    }
}

/// A caller that begins many sessions must not make the sessions of others accessible.
#[tokio::test]
async fn extra_bob_begins_more_sessions_than_are_remembered() {
    use bytes::Bytes;
    use http_body_util::Full;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower_layer::Layer;
    use tower_service::Service;

    let idp = Issuer::start().await;
    let secure = secure(&idp).await;
    let (alice, bob) = (idp.token("alice", "a"), idp.token("bob", "a"));
    let count = Arc::new(AtomicUsize::new(0));
    let begins = tower::service_fn(move |request: http::Request<_>| {
        let _: &http::Request<etdi_server::AuthBody<Full<Bytes>>> = &request;
        let id = count.fetch_add(1, Ordering::SeqCst);
        let answer = http::Response::builder().header("mcp-session-id", format!("s{id}"));
        async move { Ok::<_, std::convert::Infallible>(answer.body(Full::<Bytes>::default()).unwrap()) }
    });
    let mut service = secure.auth_layer("https://docs.example/mcp").unwrap().layer(begins);
    let request = |method: &str, token: &str, session: Option<&str>| {
        let request = http::Request::builder()
            .method(method)
            .uri("/mcp")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let request = match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        };
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        request.body(Full::new(Bytes::from(body))).unwrap()
    };
    for _ in 0..22_000 {
        service.call(request("POST", &bob, None)).await.unwrap();
    }
    let mut open = 0;
    for _ in 0..20 {
        let begun = service.call(request("POST", &alice, None)).await.unwrap();
        let session = begun.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        for _ in 0..200 {
            service.call(request("POST", &bob, None)).await.unwrap();
        }
        let heard = service.call(request("GET", &bob, Some(&session))).await.unwrap();
        open += usize::from(heard.status() != 404);
    }
    assert_eq!(open, 0, "20 sessions of Alice, each younger than 200 sessions of Bob");
}
