//! Calls reach published tools only.

use etdi_events::{Emitter, Event};
use etdi_server::{CALL_REFUSED, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_types::SystemClock;
use rmcp::ServerHandler;
use serde_json::json;

use crate::app::{builder, described, key, list, scanner, tool, unsigned};
use crate::wire::{Client, LEGACY, ROUTES, Route};

#[tokio::test]
async fn a_published_tool_is_called_whether_or_not_it_was_listed_before() {
    for (route, version) in ROUTES {
        let secure = scanner().await;
        let app = CountingHandler::new([tool("scan")]);
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        let answer = client.ask("tools/call", json!({"name": "scan", "arguments": {}})).await;
        assert_eq!(answer["result"]["content"][0]["text"], "called", "{route:?} {version}");
        list(&mut client).await;
        client.ask("tools/call", json!({"name": "scan", "arguments": {}})).await;
        assert_eq!(app.calls(), 2);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_declared_cannot_be_called() {
    for (route, version) in ROUTES {
        let app = CountingHandler::new([tool("scan"), tool("hidden")]);
        let handler = scanner().await.wrap(app.clone());
        let mut client = Client::connect(handler, route, version).await;
        let answer = client.ask("tools/call", json!({"name": "hidden", "arguments": {}})).await;
        assert_eq!(answer["error"]["code"], -32602, "{route:?} {version}: {answer}");
        assert_eq!(app.calls(), 0);
    }
}

#[tokio::test]
async fn a_declared_tool_that_is_not_served_cannot_be_called() {
    let app = CountingHandler::new([]);
    let mut client = Client::connect(scanner().await.wrap(app.clone()), Route::Lines, LEGACY).await;
    let answer = client.ask("tools/call", json!({"name": "scan"})).await;
    assert_eq!(answer["error"]["code"], CALL_REFUSED);
    assert_eq!(answer["error"]["data"]["reason"], "not_served");
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn a_tool_that_changed_under_its_version_cannot_be_called() {
    for (route, version) in ROUTES {
        let secure = scanner().await;
        let app = CountingHandler::new([described("scan", "honest")]);
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        list(&mut client).await;
        app.set([described("scan", "poisoned")]);
        client.ask("tools/list", json!({})).await;
        let call = json!({"name": "scan", "arguments": {}});
        let answer = client.ask("tools/call", call.clone()).await;
        assert_eq!(answer["error"]["code"], CALL_REFUSED, "{route:?} {version}: {answer}");
        assert_eq!(answer["error"]["data"], json!({"tool": "scan", "reason": "changed"}));
        assert_eq!(app.calls(), 0);
        app.set([described("scan", "honest")]);
        list(&mut client).await;
        client.ask("tools/call", call).await;
        assert_eq!(app.calls(), 1);
    }
}

#[tokio::test]
async fn a_handler_that_shows_its_tools_is_compared_at_the_call_itself() {
    let secure = scanner().await;
    let app = CountingHandler::new([described("scan", "honest")]).showing_tools();
    let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
    list(&mut client).await;
    app.set([described("scan", "poisoned")]);
    let answer = client.ask("tools/call", json!({"name": "scan"})).await;
    assert_eq!(answer["error"]["data"]["reason"], "changed");
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn get_tool_gives_the_tool_that_is_listed() {
    let secure = scanner().await;
    let app = CountingHandler::new([tool("scan"), tool("hidden")]).showing_tools();
    let handler = secure.wrap(app);
    let shown = serde_json::to_vec(&handler.get_tool("scan").unwrap()).unwrap();
    let shown = etdi_types::ToolDefinition::parse(&shown).unwrap();
    assert_eq!(handler.get_tool("hidden"), None);
    let app = CountingHandler::new([tool("scan")]);
    let mut client = Client::connect(secure.wrap(app), Route::Lines, LEGACY).await;
    let listed = &list(&mut client).await[0];
    assert_eq!(shown.digest(), listed.digest());
    assert_eq!(shown.signed(), listed.signed());
}

#[tokio::test]
async fn a_call_in_the_guise_of_a_custom_request_is_refused() {
    for secure in [scanner().await, unsigned().await] {
        let app = CountingHandler::new([tool("scan")]);
        let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
        // rmcp cannot read these parameters as those of a call.
        let answer = client.ask("tools/call", json!({"name": 7})).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        client.ask("tools/list", json!({"cursor": 7})).await;
        assert_eq!(app.calls(), 0);
    }
}

#[tokio::test]
async fn calls_refusals_and_new_versions_are_reported() {
    let emitter = Emitter::new(SystemClock, "test");
    let mut events = emitter.subscribe(16);
    let secure = builder(&key())
        .tool("scan", ToolSpec::version("1.0.0"))
        .served_at("https://docs.example/mcp")
        .events(emitter)
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([described("scan", "honest")]);
    let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
    let digest = list(&mut client).await[0].digest().to_string();
    client.ask("tools/call", json!({"name": "scan"})).await;
    app.set([described("scan", "poisoned")]);
    client.ask("tools/list", json!({})).await;
    // A replacement by the published version is not reported as a new version.
    secure.replace_tool("scan", ToolSpec::version("1.0.0")).unwrap();
    secure.replace_tool("scan", ToolSpec::version("1.1.0")).unwrap();

    let record = events.recv().await.unwrap();
    let Event::ToolInvoked(invoked) = &record.event else { panic!("{record:?}") };
    assert!(invoked.succeeded);
    assert_eq!(invoked.tool.id, "trustedsoft.example/scan");
    assert_eq!(invoked.tool.server, "https://docs.example/mcp");
    assert_eq!(invoked.tool.digest, Some(digest));
    let record = events.recv().await.unwrap();
    let Event::SecurityViolation(violation) = &record.event else { panic!("{record:?}") };
    assert_eq!(violation.violation, "changed");
    assert_eq!(record.source, "etdi-server");
    let record = events.recv().await.unwrap();
    let Event::VersionChanged(changed) = &record.event else { panic!("{record:?}") };
    assert_eq!((changed.from.as_str(), changed.to.as_deref()), ("1.0.0", Some("1.1.0")));
}
