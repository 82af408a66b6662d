//! The tokens of calls hold the scopes that the tools need, and are requested once.
#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use etdi_client::{Approval, CallError, Decision, EtdiClient, ServerConnection};
use etdi_oauth::{
    AccessToken, AttestationRequest, AttestationToken, BearerToken, Expectations, OAuthError,
    OAuthProvider, Principal, TokenRequest,
};
use etdi_types::trust::{IssuerKind, TrustedProvider};
use etdi_types::{
    Clock, DefinitionSpec, Permission, Provider, SigningKey, SystemClock, TrustConfig,
};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, ListToolsResult,
    PaginatedRequestParams, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};

/// A provider that grants every request and records its scopes. A token holds its scopes as text.
#[derive(Clone, Debug, Default)]
struct Granting {
    asked: Arc<Mutex<Vec<BTreeSet<String>>>>,
}

#[async_trait]
impl OAuthProvider for Granting {
    fn issuer(&self) -> &str {
        "https://idp.example"
    }

    fn kind(&self) -> IssuerKind {
        IssuerKind::Generic
    }

    fn client_id(&self) -> Option<&str> {
        Some("host")
    }

    async fn token(&self, request: &TokenRequest) -> Result<AccessToken, OAuthError> {
        let scopes = request.asked_scopes().clone();
        self.asked.lock().unwrap().push(scopes.clone());
        let text = format!("token.{}", scopes.iter().cloned().collect::<Vec<_>>().join("."));
        let expires = SystemClock.now() + time::Duration::hours(1);
        let token = BearerToken::new(text);
        Ok(AccessToken::granted(token, self.issuer(), "host", None, scopes, expires))
    }

    async fn attestation(&self, _: &AttestationRequest) -> Result<AttestationToken, OAuthError> {
        Err(OAuthError::NotOffered("attestation"))
    }

    async fn validate(&self, _: &BearerToken, _: &Expectations) -> Result<Principal, OAuthError> {
        Err(OAuthError::NotOffered("validation"))
    }
}

#[derive(Clone)]
struct App {
    key: SigningKey,
    calls: Arc<AtomicUsize>,
    challenges: Arc<AtomicUsize>,
    demands: Arc<Mutex<Vec<&'static str>>>,
    never_content: Arc<AtomicBool>,
}

const PROVIDER: &str = "https://trusted.example";

fn optional(scope: &str) -> Permission {
    Permission::optional(scope.parse().unwrap(), "")
}

impl ServerHandler for App {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let provider = Provider::new(PROVIDER, "Trusted").unwrap();
        let (id, version) = ("trusted.example/scan".parse(), "1.0.0".parse());
        let mut spec = DefinitionSpec::new(id.unwrap(), version.unwrap(), provider);
        spec.permissions = ["scan", "list", "delete"].map(optional).to_vec();
        let tool = serde_json::to_value(Tool::new("scan", "Scans", JsonObject::new())).unwrap();
        let signed = spec.sign(tool.as_object().unwrap(), &self.key).unwrap();
        let tool = serde_json::from_value(signed.tool().clone().into()).unwrap();
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(CallToolResult::success(Vec::new()).into())
    }
}

/// Answers a call with 403 if its token lacks a demanded scope, or if every token is to be refused.
async fn demand(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let is_call = String::from_utf8_lossy(&bytes).contains("\"tools/call\"");
    let demands = app.demands.lock().unwrap().clone();
    let lacks = |scope: &&&str| !held(&parts.headers).iter().any(|held| held == **scope);
    let refuses = app.never_content.load(Ordering::SeqCst);
    if is_call && (refuses || demands.iter().any(|scope| lacks(&scope))) {
        app.challenges.fetch_add(1, Ordering::SeqCst);
        let scope = demands.join(" ");
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        return (StatusCode::FORBIDDEN, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    next.run(Request::from_parts(parts, bytes.into())).await
}

fn held(headers: &HeaderMap) -> Vec<String> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split('.').skip(1).map(str::to_owned).collect()
}

async fn scene(demands: &[&'static str]) -> (App, Granting, ServerConnection) {
    let app = App {
        key: SigningKey::generate().unwrap(),
        calls: Arc::default(),
        challenges: Arc::default(),
        demands: Arc::default(),
        never_content: Arc::default(),
    };
    let provider = Granting::default();
    let entry = TrustedProvider::new(PROVIDER, "trusted.example", app.key.public_jwk().clone());
    app.demands.lock().unwrap().extend(demands);
    let handler = app.clone();
    let mcp = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        Default::default(),
    );
    let router = axum::Router::new()
        .nest_service("/mcp", mcp)
        .layer(from_fn_with_state(app.clone(), demand));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let client = EtdiClient::builder(TrustConfig::new(vec![entry]).unwrap())
        .token_for(uri.parse().unwrap(), provider.clone(), TokenRequest::new().scope("read"))
        .build()
        .unwrap();
    (app, provider, client.connect_http(&uri).await.unwrap())
}

async fn approved(server: &ServerConnection) -> etdi_client::ApprovedTool {
    let tool = server.discover().await.unwrap().remove(0);
    let Decision::Ask(request) = server.decide(&tool).await.unwrap() else { panic!("{tool}") };
    let granted = ["scan", "list"].map(|scope| scope.parse().unwrap());
    server.approve(request, Approval::by("alice").granting(granted)).await.unwrap()
}

#[tokio::test]
async fn a_challenge_is_answered_once_with_the_union_of_scopes() {
    let (app, provider, server) = scene(&["scan", "list"]).await;
    let tool = approved(&server).await;
    server.call(&tool, JsonObject::new()).await.unwrap();
    assert_eq!(app.calls.load(Ordering::SeqCst), 1);
    assert_eq!(app.challenges.load(Ordering::SeqCst), 1);
    let last = provider.asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.iter().map(String::as_str).collect::<Vec<_>>(), ["list", "read", "scan"]);
    // The scopes of the challenge are also used for the next call.
    server.call(&tool, JsonObject::new()).await.unwrap();
    assert_eq!(app.challenges.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_challenge_obtains_only_granted_scopes() {
    for scope in ["delete", "admin"] {
        let (app, provider, server) = scene(&["scan"]).await;
        let tool = approved(&server).await;
        app.demands.lock().unwrap().push(scope);
        let error = server.call(&tool, JsonObject::new()).await.unwrap_err();
        let CallError::InsufficientScope { scopes } = &error else { panic!("{error:?}") };
        assert_eq!(*scopes, format!("scan {scope}"));
        assert_eq!(app.challenges.load(Ordering::SeqCst), 1);
        assert_eq!(app.calls.load(Ordering::SeqCst), 0);
        let asked = provider.asked.lock().unwrap().clone();
        assert!(asked.iter().flatten().all(|asked| asked != scope), "{asked:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_every_token_is_asked_only_twice() {
    let (app, _, server) = scene(&["scan"]).await;
    let tool = approved(&server).await;
    // From now on the server refuses every token.
    app.never_content.store(true, Ordering::SeqCst);
    let error = server.call(&tool, JsonObject::new()).await.unwrap_err();
    assert!(matches!(&error, CallError::InsufficientScope { scopes } if scopes == "scan"));
    assert_eq!(app.challenges.load(Ordering::SeqCst), 2);
    assert_eq!(app.calls.load(Ordering::SeqCst), 0);
}
