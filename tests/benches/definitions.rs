//! Definitions: the digest, the judgement, and the decision before a call.

use std::sync::Arc;

use etdi::client::{JudgedTool, ServerConnection};
use etdi::evidence::{AttestationEvidence, Evidence, ProviderKeys, check_signature};
use etdi::judge::Case;
use etdi::trust::TrustedProvider;
use etdi::{
    Approval, ApprovalStore, AuthorizationContext, Clock, Decision, DefinitionSpec, Digest,
    EtdiClient, Known, Listing, MemoryApprovals, Page, Provider, ResourceUri, SecureServer,
    SecurityLevel, ServerIdentity, SigningKey, SystemClock, ToolSpec, TrustConfig, decide, judge,
};
use rmcp::model::{ListToolsResult, PaginatedRequestParams, Tool};
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use crate::timing::{Row, median, now, ratio};

/// Returns a tool object of about `size` bytes.
fn tool(name: &str, size: usize) -> Map<String, Value> {
    let properties: Map<String, Value> = (0..size / 100)
        .map(|n| {
            let description = format!("the {n}th value, between 1 and {n}, as \"text\" — optional");
            (format!("property_{n}"), json!({"type": "string", "description": description}))
        })
        .collect();
    let tool = json!({
        "name": name,
        "description": "Scans a document and reports what it finds",
        "inputSchema": {"type": "object", "properties": properties},
    });
    tool.as_object().unwrap().clone()
}

fn spec(name: &str) -> DefinitionSpec {
    let id = format!("trustedsoft.example/{name}").parse().unwrap();
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap();
    DefinitionSpec::new(id, "1.0.0".parse().unwrap(), provider)
}

fn trust(key: &SigningKey) -> TrustConfig {
    let entry = TrustedProvider::new(
        "https://trustedsoft.example",
        "trustedsoft.example",
        key.public_jwk().clone(),
    );
    TrustConfig::new(vec![entry]).unwrap()
}

pub fn digest() -> Row {
    let key = SigningKey::generate().unwrap();
    let signed = spec("scan").sign(&tool("scan", 4_000), &key).unwrap();
    let value = Value::Object(signed.tool().clone());
    let text = serde_json::to_vec(&value).unwrap();
    let measured = ratio(
        || Digest::of(&serde_json::to_vec(&value).unwrap()),
        || etdi::ToolDefinition::parse(&text).unwrap().digest(),
    );
    let name = format!("digest of a {} byte definition / to_vec + SHA-256", text.len());
    Row::at_most(&name, measured, 4.0)
}

pub fn thousand_tools() -> Row {
    let key = SigningKey::generate().unwrap();
    let trust = trust(&key);
    let signed: Vec<_> = (0..1_000)
        .map(|n| {
            let name = format!("tool_{n}");
            spec(&name).sign(&tool(&name, 400), &key).unwrap()
        })
        .collect();
    let tools: Vec<&Map<String, Value>> = signed.iter().map(|tool| tool.tool()).collect();
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
    let server = ServerIdentity::Http(ResourceUri::parse("https://docs.example/mcp").unwrap());

    let bare_key = key.public_jwk().verifying_key().unwrap();
    let bare: Vec<_> = signed
        .iter()
        .map(|tool| (tool.canonical().as_bytes(), key.sign(tool.canonical().as_bytes())))
        .collect();
    let measured = ratio(
        || bare.iter().all(|(message, signature)| bare_key.verifies(message, signature)),
        || {
            let mut listing = Listing::default();
            listing.add(Page::parse(message.as_bytes()).unwrap()).unwrap();
            listing.tools().iter().filter(|tool| is_let_through(tool, &trust, &server)).count()
        },
    );
    Row::at_most("1,000 signed tools judged / 1,000 bare Ed25519 verifies", measured, 1.3)
}

fn is_let_through(
    tool: &etdi::listing::ListedTool,
    trust: &TrustConfig,
    server: &ServerIdentity,
) -> bool {
    let definition = tool.definition.as_ref().unwrap();
    let signature = check_signature(definition, trust, ProviderKeys::Listed, |_, _| None);
    let evidence = Evidence::new(signature, AttestationEvidence::Absent);
    let verdict = judge(Case {
        definition,
        evidence: &evidence,
        server,
        context: &AuthorizationContext::None,
        trust,
        known: &Known::default(),
        scopes: None,
        now: SystemClock.now(),
    });
    decide(SecurityLevel::Enhanced, &verdict).rows.len() > 2
}

#[derive(Clone)]
struct App;

impl ServerHandler for App {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool: Tool = serde_json::from_value(Value::Object(tool("scan", 4_000))).unwrap();
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }
}

/// Measures the decision that `call` makes before it sends, if the last listing is still young enough.
pub async fn decision() -> Row {
    let (server, judged, key) = approved_tool(MemoryApprovals::new()).await;
    let message = judged.definition().unwrap().canonical().clone();
    let (public, signature) =
        (key.public_jwk().verifying_key().unwrap(), key.sign(message.as_bytes()));
    let measured = ratio(
        || public.verifies(message.as_bytes(), &signature),
        || {
            use futures::FutureExt;
            let decision = server.decide(&judged).now_or_never().unwrap().unwrap();
            assert!(matches!(decision, Decision::Allow(_)));
        },
    );
    let mut trips = Vec::new();
    for _ in 0..41 {
        let begun = now();
        server.discover().await.unwrap();
        trips.push(begun.elapsed().as_secs_f64());
    }
    let begun = now();
    for _ in 0..1_000 {
        std::hint::black_box(public.verifies(message.as_bytes(), &signature));
    }
    let verify = begun.elapsed().as_secs_f64() / 1_000.0;
    let beside =
        format!("beside it: a listing round trip is {:.1} verifies", median(trips) / verify);
    Row::at_most("decision before a call of a known tool / Ed25519 verify", measured, 0.05)
        .beside(beside)
}

/// Returns a connection to a server on HTTP, and its only tool, which is approved.
pub async fn approved_tool(
    store: impl ApprovalStore,
) -> (ServerConnection, JudgedTool, SigningKey) {
    let key = SigningKey::generate().unwrap();
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap();
    let secure = SecureServer::builder(provider, key.clone())
        .tool("scan", ToolSpec::version("1.0.0"))
        .build()
        .await
        .unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
    secure.served_at(&uri).unwrap();
    let mcp = StreamableHttpService::new(
        move || Ok(secure.wrap(App)),
        Arc::new(LocalSessionManager::default()),
        Default::default(),
    );
    let app = axum::Router::new().nest_service("/mcp", mcp);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let client = EtdiClient::builder(trust(&key)).approvals(store).build().unwrap();
    let server = client.connect_http(&uri).await.unwrap();
    let judged = server.discover().await.unwrap().remove(0);
    let Decision::Ask(request) = server.decide(&judged).await.unwrap() else { panic!("{judged}") };
    server.approve(request, Approval::by("bench")).await.unwrap();
    let judged = server.discover().await.unwrap().remove(0);
    (server, judged, key)
}
