//! Listings that are refused, and servers that do not answer.

use std::time::Duration;

use etdi_client::{ConnectError, DiscoverError, EtdiClient, ListError, Problem};
use etdi_types::{ListingError, TrustConfig};

use crate::script::Script;
use crate::servers::{WAYS, Way, child, client, connect};

fn tool(name: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}}}"#)
}

/// Makes a client with a short time limit, for answers that never come.
fn patient_for(timeout: Duration) -> EtdiClient {
    EtdiClient::builder(TrustConfig::default())
        .start_timeout(timeout)
        .timeout(timeout)
        .build()
        .unwrap()
}

#[tokio::test]
async fn all_pages_are_read() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::default() };
        *script.pages.lock().unwrap() = vec![vec![tool("a")], vec![], vec![tool("b"), tool("c")]];
        let server = connect(&client(), way, script).await.unwrap();
        let tools = server.discover().await.unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
        assert_eq!(names, ["a", "b", "c"], "{way:?} modern: {modern}");
    }
}

#[tokio::test]
async fn a_cursor_that_comes_again_refuses_the_listing() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::of(&[&tool("a")]) };
        *script.cursor.lock().unwrap() = Some("0".to_owned());
        let server = connect(&client(), way, script).await.unwrap();
        let error = server.discover().await.unwrap_err();
        let refused = matches!(
            error,
            DiscoverError::Listing(ListError::Refused(ListingError::RepeatedCursor))
        );
        assert!(refused, "{way:?} modern: {modern}: {error:?}");
    }
}

#[tokio::test]
async fn two_tools_of_one_name_are_both_refused_across_pages() {
    let script = Script::default();
    *script.pages.lock().unwrap() = vec![vec![tool("a"), tool("b")], vec![tool("a")]];
    let server = connect(&client(), Way::Json, script).await.unwrap();
    let tools = server.discover().await.unwrap();
    let problems: Vec<_> = tools.iter().map(|tool| tool.problem().cloned()).collect();
    assert_eq!(problems, [Some(Problem::Duplicate), None, Some(Problem::Duplicate)]);
}

#[tokio::test]
async fn a_listing_that_never_comes_times_out() {
    // The limit is long, because the handshake has the same limit and must not reach it. While the
    // clock is paused, the limit passes at once when all tasks wait.
    let client = patient_for(Duration::from_secs(120));
    for (way, modern) in WAYS {
        let script = Script { modern, silent_list: true, ..Script::default() };
        let server = connect(&client, way, script).await.unwrap();
        tokio::time::pause();
        let error = server.discover().await.unwrap_err();
        tokio::time::resume();
        let timed_out = matches!(error, DiscoverError::Listing(ListError::Timeout { .. }));
        assert!(timed_out, "{way:?} modern: {modern}: {error:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_comes_times_out() {
    for way in [Way::Stdio, Way::Json, Way::EventStream] {
        let script = Script { silent_start: true, ..Script::default() };
        let error =
            connect(&patient_for(Duration::from_millis(700)), way, script).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout { .. }), "{way:?}: {error:?}");
    }
}

/// With the clock paused, the time passes at once when all tasks wait.
#[tokio::test(start_paused = true)]
async fn a_server_has_two_minutes_to_start_unless_the_host_says_otherwise() {
    let script = Script { silent_start: true, ..Script::default() };
    let error = connect(&client(), Way::Stdio, script).await.unwrap_err();
    let ConnectError::Timeout { after } = error else { panic!("{error:?}") };
    assert_eq!(after, Duration::from_secs(120));
}

#[tokio::test]
async fn a_command_that_does_not_start_is_named() {
    let command = etdi_types::StdioCommand::new("/no/such/program\u{1b}[2J");
    let error = client().connect_stdio(command).await.unwrap_err();
    assert!(matches!(error, ConnectError::Spawn { .. }), "{error:?}");
    assert!(error.to_string().contains(r"\u{1b}"), "{error}");
}

/// The started command has the values of the variables; errors and the log do not show them.
#[tokio::test]
async fn a_command_is_known_and_named_as_it_was_configured() {
    let configured = etdi_types::StdioCommand::new("${PROGRAM}").env("KEY", "${KEY}");
    let started = etdi_types::StdioCommand::new("/no/such/s3cret").env("KEY", "s3cret");
    let error = client().connect_expanded(&configured, started).await.unwrap_err();
    let (shown, debug) = (error.to_string(), format!("{error:?}"));
    assert!(shown.contains("${PROGRAM}"), "{shown}");
    assert!(!shown.contains("s3cret") && !debug.contains("s3cret"), "{debug}");

    let command = child(&Script::of(&[&tool("a")]));
    let configured = etdi_types::StdioCommand::new("docs-server");
    let server = client().connect_expanded(&configured, command).await.unwrap();
    assert_eq!(*server.server(), etdi_types::ServerIdentity::from(&configured));
    assert_eq!(server.discover().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_acknowledges_unknown_methods_is_connected_by_initialize() {
    for way in [Way::Stdio, Way::Json, Way::EventStream] {
        let script = Script { acknowledges: true, ..Script::of(&[&tool("a")]) };
        let server = connect(&client(), way, script).await.unwrap();
        assert_eq!(server.discover().await.unwrap().len(), 1, "{way:?}");
        let info = server.peer().peer_info().unwrap();
        assert_eq!(info.protocol_version.as_str(), "2025-11-25", "{way:?}");
    }
}

#[tokio::test]
async fn a_server_that_knows_only_initialize_is_offered_a_version_that_has_it() {
    let server = crate::servers::HttpServer::start(Script::of(&[]), Way::Json).await;
    let _connection = client().connect_http(&server.uri).await.unwrap();
    let offered = server.script.offered_version.lock().unwrap().clone();
    assert_eq!(offered.as_deref(), Some("2025-11-25"));
}
