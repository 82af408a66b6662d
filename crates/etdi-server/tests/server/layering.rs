//! The layer around the checks of calls: answers, metadata, reports and logs.

use std::sync::Arc;

use axum::http::request::Parts;
use etdi_events::{Emitter, Event, EventType};
use etdi_oauth::{Auth0Provider, Principal, ProviderRegistry};
use etdi_server::{ServerError, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, Issuer, SECRET};
use etdi_testkit::keys::FIRST;
use etdi_types::SystemClock;
use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use serde_json::json;
use tower::Layer;

use crate::app::{builder, key, list, tool};
use crate::authorizing::{JSON, app, describe, secure};
use crate::site::{HTTP_ROUTES, METADATA, RESOURCE, Site, in_session, send};
use crate::wire::{Client, LEGACY, Route};

#[tokio::test]
async fn requests_that_need_no_token_pass_without_one() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    for route in HTTP_ROUTES {
        let site = Site::start(&secure, app.clone(), route).await;
        assert_eq!(site.call("harmless", None).await.status, 200, "{route:?}");
        let session = site.session(None).await;
        let listing = in_session(site.ask("tools/list", json!({})), session.as_deref());
        assert_eq!(send(listing).await.status, 200, "{route:?}");
    }
    assert_eq!(app.calls(), HTTP_ROUTES.len());
    let layer = secure.auth_layer(RESOURCE).unwrap().for_every_request();
    let site = Site::with(&secure, app.clone(), JSON, Some(layer)).await;
    for request in [site.ask("tools/list", json!({})), site.get("/mcp")] {
        let answer = send(request).await;
        let challenge = format!("Bearer resource_metadata=\"{METADATA}\"");
        assert_eq!((answer.status, answer.challenge), (401, Some(challenge)));
    }
    assert_eq!(
        site.get("/.well-known/oauth-protected-resource").send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn the_metadata_of_the_resource_is_served_at_both_paths() {
    let idp = Issuer::start().await;
    let secure = secure(&idp).await;
    let site = Site::start(&secure, app(), JSON).await;
    let layer = secure.auth_layer(RESOURCE).unwrap();
    assert_eq!(layer.metadata_url(), METADATA);
    for path in
        ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]
    {
        let answer = send(site.get(path)).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(
            answer.json(),
            json!({
                "resource": RESOURCE,
                "authorization_servers": [idp.issuer],
                "scopes_supported": ["execute:tools", "read:files"],
                "bearer_methods_supported": ["header"],
            })
        );
        assert_eq!(answer.text, layer.metadata());
    }
}

#[tokio::test]
async fn the_audience_is_the_resource_unless_one_is_configured() {
    let idp = Issuer::start().await;
    let secure = builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .clock(Arc::clone(&idp.clock))
        .tool("scan", ToolSpec::version("1.0.0").require_auth())
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([tool("scan")]);
    let site = Site::start(&secure, app.clone(), JSON).await;
    assert_eq!(site.call("scan", Some(&idp.token("alice", ""))).await.status, 401);
    assert_eq!(app.calls(), 0);
    let mut claims = idp.access_claims("alice", "");
    claims["aud"] = json!(RESOURCE);
    assert_eq!(site.call("scan", Some(&FIRST.sign(&claims))).await.status, 200);
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn a_token_is_judged_by_the_provider_that_issued_it() {
    let (one, two, stranger) =
        (Issuer::start().await, Issuer::start().await, Issuer::start().await);
    let providers = ProviderRegistry::new();
    for idp in [&one, &two] {
        providers.register(Auth0Provider::initialize(idp.config()).await.unwrap()).unwrap();
    }
    let secure = builder(&key())
        .authorize_with_any_of(providers)
        .audience(API)
        .clock(Arc::clone(&one.clock))
        .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools"))
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([tool("scan")]);
    let site = Site::start(&secure, app.clone(), JSON).await;
    for idp in [&one, &two] {
        let answer = site.call("scan", Some(&idp.token("alice", "execute:tools"))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let answer = site.call("scan", Some(&stranger.token("alice", "execute:tools"))).await;
    assert_eq!(answer.status, 401);
    assert_eq!(app.calls(), 2);
}

#[tokio::test]
async fn tools_are_not_called_with_a_token_while_the_issuers_keys_are_unavailable() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), JSON).await;
    idp.go_down();
    idp.clock.advance(std::time::Duration::from_secs(3 * 24 * 3600));
    let answer = site.call("scan", Some(&idp.token("alice", "execute:tools read:files"))).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "30");
    assert_eq!(app.calls(), 0);
}

/// A handler that returns the name of its caller.
#[derive(Clone)]
struct WhoAmI;

impl ServerHandler for WhoAmI {
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let known = serde_json::from_value(tool("known")).unwrap();
        Ok(ListToolsResult::with_all_items(vec![known]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let parts = context.extensions.get::<Parts>().unwrap();
        let principal = parts.extensions.get::<Principal>().unwrap();
        Ok(CallToolResult::success(vec![ContentBlock::text(principal.subject())]).into())
    }
}

#[tokio::test]
async fn the_handler_is_told_who_calls() {
    let idp = Issuer::start().await;
    let secure = builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .audience(API)
        .tool("known", ToolSpec::version("1.0.0").require_auth())
        .clock(Arc::clone(&idp.clock))
        .build()
        .await
        .unwrap();
    for route in HTTP_ROUTES {
        let site = Site::start(&secure, WhoAmI, route).await;
        let answer = site.call("known", Some(&idp.token("alice", ""))).await.json();
        assert_eq!(answer["result"]["content"][0]["text"], "alice@clients", "{route:?}");
    }
}

#[tokio::test]
async fn a_required_scope_is_a_required_permission_of_the_definition() {
    let idp = Issuer::start().await;
    let spec = ToolSpec::version("1.0.0")
        .optional_permission("read:files", "reads the file that you name")
        .requires("read:files")
        .requires("execute:tools");
    let secure = builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .tool("scan", spec)
        .build()
        .await
        .unwrap();
    let handler = secure.wrap(CountingHandler::new([tool("scan")]));
    let mut client = Client::connect(handler, Route::Lines, LEGACY).await;
    let tools = list(&mut client).await;
    let permissions = &tools[0].signed().unwrap().permissions;
    let permissions: Vec<_> = permissions.iter().map(|p| (p.scope.as_str(), p.required)).collect();
    assert_eq!(permissions, [("read:files", true), ("execute:tools", true)]);
    assert_eq!(
        tools[0].signed().unwrap().permissions[0].description,
        "reads the file that you name"
    );
}

#[tokio::test]
async fn the_layer_needs_a_provider() {
    let secure = builder(&key()).build().await.unwrap();
    assert_eq!(secure.auth_layer(RESOURCE).map(drop), Err(ServerError::NoIdentityProvider));
    let idp = Issuer::start().await;
    let secure = crate::authorizing::secure(&idp).await;
    assert!(matches!(secure.auth_layer("docs.example").map(drop), Err(ServerError::Refused(_))));
    // The layer can wrap a router as well as rmcp's service.
    let layer = secure.auth_layer(RESOURCE).unwrap();
    drop(layer.layer(axum::Router::<()>::new()));
}

#[tokio::test]
async fn authorized_and_refused_callers_are_reported() {
    let idp = Issuer::start().await;
    let emitter = Emitter::new(SystemClock, "test");
    let mut events = emitter.subscribe(16);
    let (secure, app) = (describe(&idp).await.events(emitter).build().await.unwrap(), app());
    let site = Site::start(&secure, app, JSON).await;
    site.call("scan", Some(&idp.token("alice", "execute:tools read:files"))).await;
    site.call("scan", Some(&idp.token("bob", "execute:tools"))).await;
    site.call("scan", None).await;
    site.call("scan", Some("forged")).await;

    let record = events.recv().await.unwrap();
    let Event::AuthSuccess(success) = &record.event else { panic!("{record:?}") };
    assert_eq!(success.subject, "alice@clients");
    let record = events.recv().await.unwrap();
    let Event::ToolInvoked(invoked) = &record.event else { panic!("{record:?}") };
    assert_eq!(invoked.principal.as_deref(), Some("alice@clients"));
    for (code, missing) in [
        ("insufficient_scope", &["read:files"][..]),
        ("no_token", &["execute:tools", "read:files"]),
        ("invalid_token", &[]),
    ] {
        let record = events.recv().await.unwrap();
        assert_eq!(record.event.event_type(), EventType::AuthFailure);
        let Event::AuthFailure(failure) = &record.event else { panic!("{record:?}") };
        assert_eq!(
            (&*failure.code, &*failure.missing_scopes),
            (code, missing.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice())
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_log_never_has_a_token() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let good = idp.token("alice", "execute:tools read:files");
    let lacking = idp.token("alice", "read:files");
    let mut foreign = idp.access_claims("alice", "");
    foreign["aud"] = json!("https://elsewhere.example");
    let foreign = FIRST.sign(&foreign);
    for route in HTTP_ROUTES {
        let site = Site::start(&secure, app.clone(), route).await;
        for token in [&good, &lacking, &foreign] {
            site.call("scan", Some(token)).await;
        }
    }
    assert_eq!(app.calls(), HTTP_ROUTES.len());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a caller is authenticated"), "{log}");
    for secret in [&good, &lacking, &foreign, &SECRET.to_owned()] {
        // A token without its signature must not be in the log either.
        let (_, signature) = secret.rsplit_once('.').unwrap_or(("", secret));
        assert!(!log.contains(signature));
    }
}

#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
