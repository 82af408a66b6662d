//! The age of a listing when a tool is called.

use std::sync::Arc;
use std::time::Duration;

use etdi_client::{Approval, ApprovedTool, CallError, Decision, EtdiClient, ServerConnection};
use etdi_types::{ManualClock, TrustConfig, What};
use serde_json::Map;

use crate::script::Script;
use crate::servers::{HttpServer, Way, client};

const TOOL: &str = r#"{"name":"scan","description":"scans","inputSchema":{"type":"object"}}"#;
const POISONED: &str =
    r#"{"name":"scan","description":"scans <b>","inputSchema":{"type":"object"}}"#;
const AGE: Duration = Duration::from_secs(300);

async fn approved(connection: &ServerConnection) -> ApprovedTool {
    let tools = connection.discover().await.unwrap();
    let Decision::Ask(request) = connection.decide(&tools[0]).await.unwrap() else { panic!() };
    connection.approve(request, Approval::by("alice")).await.unwrap()
}

fn aged(age: Duration) -> (EtdiClient, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_800_000_000));
    let client = EtdiClient::builder(TrustConfig::default());
    (client.clock(clock.clone()).definition_max_age(age).build().unwrap(), clock)
}

#[tokio::test]
async fn a_call_reads_again_once_the_listing_is_too_old() {
    let server = HttpServer::start(Script::of(&[TOOL]), Way::Json).await;
    let (client, clock) = aged(AGE);
    let connection = client.connect_http(&server.uri).await.unwrap();
    let tool = approved(&connection).await;
    let read = server.script.lists();
    connection.call(&tool, Map::new()).await.unwrap();
    clock.advance(AGE - Duration::from_secs(1));
    connection.call(&tool, Map::new()).await.unwrap();
    assert_eq!(server.script.lists(), read);
    clock.advance(Duration::from_secs(1));
    connection.call(&tool, Map::new()).await.unwrap();
    assert_eq!(server.script.lists(), read + 1);
    // If the clock moved backwards, the listing is not fresh.
    clock.set(0);
    connection.call(&tool, Map::new()).await.unwrap();
    assert_eq!(server.script.lists(), read + 2);
    assert_eq!(server.script.calls(), 4);
}

#[tokio::test]
async fn at_age_zero_every_call_reads_again() {
    let server = HttpServer::start(Script::of(&[TOOL]), Way::Json).await;
    let (client, _clock) = aged(Duration::ZERO);
    let connection = client.connect_http(&server.uri).await.unwrap();
    let tool = approved(&connection).await;
    let read = server.script.lists();
    for more in 1..=3 {
        connection.call(&tool, Map::new()).await.unwrap();
        assert_eq!(server.script.lists(), read + more);
    }
}

#[tokio::test]
async fn concurrent_calls_share_one_read() {
    let server = HttpServer::start(Script::of(&[TOOL]), Way::Json).await;
    let (client, clock) = aged(AGE);
    let connection = client.connect_http(&server.uri).await.unwrap();
    let tool = approved(&connection).await;
    let read = server.script.lists();
    clock.advance(AGE);
    let calls = (0..20).map(|_| connection.call(&tool, Map::new()));
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!((server.script.lists(), server.script.calls()), (read + 1, 20));
}

#[tokio::test]
async fn a_list_change_makes_a_young_listing_stale() {
    let server = HttpServer::start(Script::of(&[TOOL]), Way::EventStream).await;
    let (client, _clock) = aged(AGE);
    let connection = client.connect_http(&server.uri).await.unwrap();
    let tool = approved(&connection).await;
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    *server.ahead.lock().unwrap() = Some(changed);
    connection.call(&tool, Map::new()).await.unwrap();
    let read = server.script.lists();
    server.script.serve(&[POISONED]);
    let error = called_until_noticed(&connection, &tool).await;
    assert!(matches!(error, CallError::ApprovalRequired(_)), "{error:?}");
    assert!(server.script.lists() > read);
}

#[tokio::test]
async fn a_subscription_that_ended_is_renewed_only_by_the_next_read() {
    let script = Script { modern: true, announces_changes: true, ..Script::of(&[TOOL]) };
    let server = HttpServer::start(script, Way::Json).await;
    let connection = client().connect_http(&server.uri).await.unwrap();
    let subscriptions = || {
        let methods = server.script.methods.lock().unwrap();
        methods.iter().filter(|method| *method == "subscriptions/listen").count()
    };
    // Subscribing runs in a task of its own, so the next read may miss the end of a subscription,
    // and a later read sees it.
    for reads in 1..=1_000 {
        connection.discover().await.unwrap();
        assert!(subscriptions() <= reads + 1, "{} in {reads} reads", subscriptions());
        if subscriptions() == 3 {
            return;
        }
    }
    panic!("{} subscriptions", subscriptions());
}

/// Calls until the list change is noticed, because different tasks handle the notification and the
/// response before it.
async fn called_until_noticed(connection: &ServerConnection, tool: &ApprovedTool) -> CallError {
    for _ in 0..1_000 {
        if let Err(error) = connection.call(tool, Map::new()).await {
            return error;
        }
        tokio::task::yield_now().await;
    }
    panic!("the list change was never noticed");
}

#[tokio::test]
async fn a_tool_that_changed_between_discovery_and_call_is_not_called() {
    for age in [Duration::ZERO, AGE] {
        let server = HttpServer::start(Script::of(&[TOOL]), Way::Json).await;
        let (client, clock) = aged(age);
        let connection = client.connect_http(&server.uri).await.unwrap();
        let tool = approved(&connection).await;
        server.script.serve(&[POISONED]);
        clock.advance(age);
        let error = connection.call(&tool, Map::new()).await.unwrap_err();
        let CallError::ApprovalRequired(request) = error else { panic!("{error:?}") };
        let what = &request.tool().verdict().unwrap().what;
        assert!(matches!(what.as_slice(), [What::Changed { .. }, ..]), "{what:?}");
        assert_eq!(server.script.calls(), 0);
        // If the server goes back to the approved definition, the tool works again.
        server.script.serve(&[TOOL]);
        clock.advance(age);
        connection.call(&tool, Map::new()).await.unwrap();
    }
}

#[tokio::test]
async fn a_tool_that_is_gone_or_of_another_connection_is_not_called() {
    let server = HttpServer::start(Script::of(&[TOOL]), Way::Json).await;
    let client = client();
    let connection = client.connect_http(&server.uri).await.unwrap();
    let other = client.connect_http(&server.uri).await.unwrap();
    let tool = approved(&connection).await;
    let error = other.call(&tool, Map::new()).await.unwrap_err();
    assert!(matches!(error, CallError::OtherConnection), "{error:?}");
    server.script.serve(&[]);
    connection.discover().await.unwrap();
    let error = connection.call(&tool, Map::new()).await.unwrap_err();
    assert!(matches!(&error, CallError::Gone(name) if name == "scan"), "{error:?}");
    assert_eq!(server.script.calls(), 0);
}
