//! End to end: a server that the identity provider attests, and a host that trusts it.

use std::sync::Arc;
use std::time::Duration;

use etdi::client::{CallError, ServerConnection};
use etdi::server::AuthLayer;
use etdi::verdict::{Binding, ImpostorReason};
use etdi::{
    Approval, ApprovedTool, AttestationConfig, Decision, EtdiClient, JudgedTool, ManualClock,
    OAuthConfig, OAuthError, Provider, SecureServer, ServerIdentity, SigningKey, StdioCommand,
    TokenRequest, ToolSpec, TrustConfig, Who,
};
use etdi_testkit::handler::CountingHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::in_both_layouts;
use crate::peer::*;

in_both_layouts!(
    attested_by_digest_over_http,
    attested_by_key_over_http,
    attested_by_digest_on_stdio,
    attested_by_key_on_stdio,
    another_client_of_the_tenant_is_an_impostor,
    a_call_takes_the_scopes_that_the_tool_requires,
    a_child_process_gets_the_rights_of_its_hosts_token,
    an_attestation_that_runs_out_is_expired,
    an_attestation_of_a_withdrawn_key_stops_calls,
    an_attestation_is_not_a_bearer_token,
);

/// A protected server in this process.
struct Served {
    key: SigningKey,
    app: CountingHandler,
    secure: SecureServer,
    uri: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    /// Starts a server that is attested for the client of this configuration.
    async fn start(idp: &Idp, config: OAuthConfig) -> Self {
        let key = SigningKey::generate().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
        let provider = Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap();
        let secure = SecureServer::builder(provider, key.clone())
            .attest_with(idp.initialize(config).await.unwrap())
            .audience(API)
            .served_at(&uri)
            .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools"))
            .tool("delete", ToolSpec::version("1.0.0").requires("delete:resource-servers"))
            .build()
            .await
            .unwrap();
        let app = CountingHandler::numbered(&["scan", "delete"]);
        secure.check(app.clone()).await.unwrap();
        let layer = secure.auth_layer(&uri).unwrap();
        let task = serve(listener, &secure, &app, layer);
        Self { key, app, secure, uri, task }
    }

    /// Returns a connection of a host that trusts the registry, and the tool as that host judges it.
    async fn discovered(&self, idp: &Idp) -> (ServerConnection, JudgedTool) {
        let host = host(idp, &self.key, clock());
        let connection = host.connect_http(&self.uri).await.unwrap();
        let tool = found(&connection, "scan").await;
        (connection, tool)
    }
}

fn serve(
    listener: TcpListener,
    secure: &SecureServer,
    app: &CountingHandler,
    layer: AuthLayer,
) -> tokio::task::JoinHandle<()> {
    let (secure, app) = (secure.clone(), app.clone());
    let mcp = StreamableHttpService::new(
        move || Ok(secure.wrap(app.clone())),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let router = axum::Router::new().nest_service("/mcp", mcp).layer(layer);
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() })
}

fn trust(idp: &Idp, key: &SigningKey) -> TrustConfig {
    TrustConfig::new(vec![idp.trusted(key, &[REGISTRY])]).unwrap()
}

fn host(idp: &Idp, key: &SigningKey, clock: Arc<ManualClock>) -> EtdiClient {
    let builder = EtdiClient::builder(trust(idp, key)).clock(clock);
    builder.network(network()).build().unwrap()
}

/// Returns a host that calls this server with tokens of this client.
async fn host_of(
    idp: &Idp,
    key: &SigningKey,
    server: ServerIdentity,
    scopes: &[&str],
) -> EtdiClient {
    EtdiClient::builder(trust(idp, key))
        .network(network())
        .token_for(
            server,
            idp.provider(DEMO_SERVER).await,
            TokenRequest::new().scopes(scopes.iter().copied()),
        )
        .build()
        .unwrap()
}

async fn found(connection: &ServerConnection, name: &str) -> JudgedTool {
    let tools = connection.discover().await.unwrap();
    tools.into_iter().find(|tool| tool.name() == name).unwrap()
}

fn who(tool: &JudgedTool) -> &Who {
    &tool.verdict().unwrap().who
}

fn attested(idp: &Idp, binding: Binding) -> Who {
    Who::Attested { issuer: idp.issuer.clone(), client: REGISTRY.to_owned(), binding }
}

async fn approve(connection: &ServerConnection, name: &str) -> ApprovedTool {
    let tool = found(connection, name).await;
    match connection.decide(&tool).await.unwrap() {
        Decision::Ask(request) => connection.approve(request, Approval::by("alice")).await.unwrap(),
        other => panic!("a question was due, not {other:?}"),
    }
}

async fn call(connection: &ServerConnection, tool: &ApprovedTool) -> Result<Value, CallError> {
    let result = connection.call(tool, serde_json::Map::new()).await?;
    Ok(serde_json::to_value(result).unwrap()["content"][0]["text"].clone())
}

async fn attested_by_digest_over_http(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let served = Served::start(&idp, idp.attesting(REGISTRY)).await;
    let (_connection, tool) = served.discovered(&idp).await;
    assert_eq!(who(&tool), &attested(&idp, Binding::Digest));
    assert_eq!(tool.verdict().unwrap().origin, etdi::verdict::Origin::Listed);
    // All tools share one attestation.
    let tokens: Vec<_> = [tool, found(&_connection, "delete").await]
        .iter()
        .map(|tool| tool.definition().unwrap().signed().unwrap().attestation.clone().unwrap())
        .collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(idp.requests("token").await, 1);
}

async fn attested_by_key_over_http(layout: Layout) {
    let idp = Idp::start_with(layout, &["--dpop-nonce"]).await;
    let config = idp.config(REGISTRY).attestations(AttestationConfig::audience(ATTESTATIONS));
    let served = Served::start(&idp, config).await;
    let (_connection, tool) = served.discovered(&idp).await;
    assert_eq!(who(&tool), &attested(&idp, Binding::Key));
}

/// Returns the command of a server in a process of its own, its key, and the folder with the key.
fn child(idp: &Idp, claim: Option<&str>) -> (StdioCommand, SigningKey, tempfile::TempDir) {
    let (folder, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let pem = folder.path().join("publisher.pem");
    std::fs::write(&pem, key.to_pem().unwrap().as_bytes()).unwrap();
    let configuration = json!({
        "layout": match idp.layout { Layout::Auth0 => "auth0", Layout::Plain => "plain" },
        "issuer": idp.issuer, "client": REGISTRY, "secret": idp.secret(REGISTRY),
        "audience": API, "attestations": ATTESTATIONS, "claim": claim, "key": pem,
    });
    let command = StdioCommand::new(env!("CARGO_BIN_EXE_attested-server"));
    (command.arg(configuration.to_string()), key, folder)
}

async fn attested_by_digest_on_stdio(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let (command, key, _folder) = child(&idp, Some(CLAIM));
    let connection = host(&idp, &key, clock()).connect_stdio(command).await.unwrap();
    assert_eq!(who(&found(&connection, "scan").await), &attested(&idp, Binding::Digest));
}

async fn attested_by_key_on_stdio(layout: Layout) {
    let idp = Idp::start(layout).await;
    let (command, key, _folder) = child(&idp, None);
    let connection = host(&idp, &key, clock()).connect_stdio(command).await.unwrap();
    assert_eq!(who(&found(&connection, "scan").await), &attested(&idp, Binding::Key));
}

async fn another_client_of_the_tenant_is_an_impostor(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let served = Served::start(&idp, idp.attesting(OTHER)).await;
    let (connection, tool) = served.discovered(&idp).await;
    let Who::Impostor { why: ImpostorReason::Attestation(why) } = who(&tool) else {
        panic!("{tool}")
    };
    assert!(why.contains(OTHER) && why.contains("does not speak for the provider"), "{why}");
    let decision = connection.decide(&tool).await.unwrap();
    assert!(matches!(decision, Decision::Block(_)), "{decision:?}");
    assert_eq!(served.app.calls(), 0);
}

async fn a_call_takes_the_scopes_that_the_tool_requires(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let served = Served::start(&idp, idp.attesting(REGISTRY)).await;
    let host = host_of(&idp, &served.key, served.uri.parse().unwrap(), &[]).await;
    let connection = host.connect_http(&served.uri).await.unwrap();
    let (scan, delete) = (approve(&connection, "scan").await, approve(&connection, "delete").await);
    assert_eq!(call(&connection, &scan).await.unwrap(), "1");
    assert_eq!(call(&connection, &scan).await.unwrap(), "2");
    // The issuer drops the scope that this client was not granted.
    let error = call(&connection, &delete).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Token(OAuthError::InsufficientScope { missing, .. })
            if *missing == ["delete:resource-servers"]),
        "{error:?}"
    );
    assert_eq!(served.app.calls(), 2);
    // The server refuses a call without a token.
    let (connection, _) = served.discovered(&idp).await;
    let scan = approve(&connection, "scan").await;
    let error = call(&connection, &scan).await.unwrap_err();
    assert!(matches!(&error, CallError::Unauthorized { .. }), "{error:?}");
    assert_eq!(served.app.calls(), 2);
}

async fn a_child_process_gets_the_rights_of_its_hosts_token(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let (command, key, _folder) = child(&idp, Some(CLAIM));
    let bearing = host_of(&idp, &key, (&command).into(), &["execute:tools"]).await;
    let connection = bearing.connect_stdio(command.clone()).await.unwrap();
    let scan = approve(&connection, "scan").await;
    assert_eq!(call(&connection, &scan).await.unwrap(), "1");

    let lacking = host_of(&idp, &key, (&command).into(), &["read:resource-servers"]).await;
    let connection = lacking.connect_stdio(command.clone()).await.unwrap();
    let scan = approve(&connection, "scan").await;
    let error = call(&connection, &scan).await.unwrap_err();
    assert!(
        matches!(&error, CallError::InsufficientScope { scopes } if scopes == "execute:tools"),
        "{error:?}"
    );
    let nobody = host(&idp, &key, clock()).connect_stdio(command).await.unwrap();
    let scan = approve(&nobody, "scan").await;
    let error = call(&nobody, &scan).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Unauthorized { challenge } if challenge.contains("`scan`")),
        "{error:?}"
    );
}

async fn an_attestation_that_runs_out_is_expired(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION, "--lifetime=3600"]).await;
    let served = Served::start(&idp, idp.attesting(REGISTRY)).await;
    let clock = clock();
    let connection =
        host(&idp, &served.key, clock.clone()).connect_http(&served.uri).await.unwrap();
    assert_eq!(who(&found(&connection, "scan").await), &attested(&idp, Binding::Digest));
    clock.advance(Duration::from_secs(3600 + 61));
    let tool = found(&connection, "scan").await;
    assert!(matches!(who(&tool), Who::Expired { issuer, .. } if *issuer == idp.issuer), "{tool}");
    assert!(matches!(connection.decide(&tool).await.unwrap(), Decision::Block(_)));
}

async fn an_attestation_of_a_withdrawn_key_stops_calls(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let served = Served::start(&idp, idp.attesting(REGISTRY)).await;
    let clock = clock();
    let host = EtdiClient::builder(trust(&idp, &served.key))
        .clock(clock.clone())
        .network(network())
        .token_for(
            served.uri.parse().unwrap(),
            idp.provider(DEMO_SERVER).await,
            TokenRequest::new(),
        )
        .build()
        .unwrap();
    let connection = host.connect_http(&served.uri).await.unwrap();
    let scan = approve(&connection, "scan").await;
    assert_eq!(call(&connection, &scan).await.unwrap(), "1");

    // After 23 hours the keys are not fresh any longer, unless the issuer allows a longer time.
    idp.rotate(false).await;
    clock.advance(Duration::from_secs(23 * 3600));
    let error = call(&connection, &scan).await.unwrap_err();
    let CallError::Blocked(refusal) = &error else { panic!("{error:?}") };
    assert!(matches!(who(refusal.tool()), Who::Revoked { .. }), "{refusal}");
    assert_eq!(served.app.calls(), 1);
}

async fn an_attestation_is_not_a_bearer_token(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let served = Served::start(&idp, idp.attesting(REGISTRY)).await;
    let attestation = served.secure.attestation().unwrap();
    let params = json!({"name": "scan", "arguments": {}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let request = reqwest::Client::new()
        .post(&served.uri)
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(attestation.as_str())
        .json(&message);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert_eq!(served.app.calls(), 0);
}
