//! An attested server, and a client that knows nothing but its trust configuration.

use std::sync::Arc;

use etdi::oauth::Network;
use etdi::trust::{IssuerKind, MinBinding, TrustedIssuer, TrustedProvider};
use etdi::verdict::Binding;
use etdi::{
    Approval, Decision, EtdiClient, Provider, SecureServer, SigningKey, ToolSpec, TrustConfig, Who,
};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject, ListToolsResult,
    PaginatedRequestParams, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::idp::{API, ATTESTATIONS, CLAIM, Idp, LAYOUTS, Layout, REGISTRY, SERVER};

#[derive(Clone)]
struct App;

impl ServerHandler for App {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = Tool::new("scan", "Scans", JsonObject::new());
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(Vec::new()).into())
    }
}



async fn serve(idp: &Idp, key: &SigningKey) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/mcp", listener.local_addr().unwrap());
    let provider = idp.provider(idp.config(SERVER)).await.unwrap();
    let secure = SecureServer::builder(
        Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap(),
        key.clone(),
    )
    .attest_with(provider)
    .audience(API)
    .tool("scan", ToolSpec::version("1.2.0").requires("execute:tools"))
    .served_at(&uri)
    .build()
    .await
    .unwrap();
    secure.check(App).await.unwrap();
    let auth = secure.auth_layer(&uri).unwrap();
    let mcp = StreamableHttpService::new(
        move || Ok(secure.wrap(App)),
        Arc::new(LocalSessionManager::default()),
        Default::default(),
    );
    let app = axum::Router::new().nest_service("/mcp", mcp).layer(auth);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    uri
}

fn trust(idp: &Idp, layout: Layout, key: &SigningKey, client: &str) -> TrustConfig {
    let mut entry = TrustedProvider::new(
        "https://trustedsoft.example",
        "trustedsoft.example",
        key.public_jwk().clone(),
    );
    entry.min_binding = MinBinding::Digest;
    entry.issuers = vec![TrustedIssuer {
        issuer: idp.issuer().to_owned(),
        kind: if layout == Layout::Auth0 { IssuerKind::Auth0 } else { IssuerKind::Generic },
        clients: vec![client.to_owned()],
        attestation_audience: Some(ATTESTATIONS.to_owned()),
        claim: Some(CLAIM.to_owned()),
    }];
    TrustConfig::new(vec![entry]).unwrap()
}

#[tokio::test]
async fn an_attested_tool_is_judged_approved_and_called_with_a_token() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &[]);
        let key = SigningKey::generate().unwrap();
        let uri = serve(&idp, &key).await;
        let client = EtdiClient::builder(trust(&idp, layout, &key, SERVER))
            .network(Network::default().dangerous().allow_loopback_http())
            .provider(idp.provider(idp.config(REGISTRY)).await.unwrap())
            .build()
            .unwrap();
        let server = client.connect_http(&uri).await.unwrap();
        let tool = server.discover().await.unwrap().remove(0);
        let who = &tool.verdict().unwrap().who;
        let Who::Attested { issuer, client, binding: Binding::Digest } = who else {
            panic!("{layout:?}: {tool}")
        };
        assert_eq!((issuer.as_str(), client.as_str()), (idp.issuer(), SERVER));
        let Decision::Ask(request) = server.decide(&tool).await.unwrap() else { panic!("{tool}") };
        let approved = server.approve(request, Approval::by("alice")).await.unwrap();
        server.call(&approved, JsonObject::new()).await.unwrap();
    }
}

#[tokio::test]
async fn another_client_of_the_tenant_does_not_speak_for_the_provider() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &[]);
        let key = SigningKey::generate().unwrap();
        let uri = serve(&idp, &key).await;
        let client = EtdiClient::builder(trust(&idp, layout, &key, "etdi-other-client"))
            .network(Network::default().dangerous().allow_loopback_http())
            .build()
            .unwrap();
        let server = client.connect_http(&uri).await.unwrap();
        let tool = server.discover().await.unwrap().remove(0);
        let who = &tool.verdict().unwrap().who;
        assert!(matches!(who, Who::Impostor { .. }), "{layout:?}: {who}");
    }
}
