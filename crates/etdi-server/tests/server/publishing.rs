//! The definitions that clients are sent.

use std::collections::BTreeSet;

use etdi_server::{LISTING_REFUSED, SecureServer, ServerError, ToolProblem, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_types::SigningKey;
use serde_json::json;

use crate::app::{builder, described, key, list, scan, scanner, tool, verify};
use crate::wire::{Client, LEGACY, MODERN, ROUTES, Route};

async fn two_tools(key: &SigningKey) -> SecureServer {
    builder(key)
        .tool(
            "scan",
            ToolSpec::version("1.2.0")
                .permission("documents:read", "reads the document")
                .optional_permission("documents:write", "stores a report"),
        )
        .tool("redact", ToolSpec::version("0.1.0-rc.1").id("trustedsoft.example/text/redact"))
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_route_and_protocol_version_is_sent_the_same_verifiable_definitions() {
    let key = key();
    let secure = two_tools(&key).await;
    let app = CountingHandler::new([scan(), tool("redact")]);
    secure.check(app.clone()).await.unwrap();
    let mut seen = BTreeSet::new();
    for (route, version) in ROUTES {
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        let tools = list(&mut client).await;
        let names: Vec<_> = tools.iter().map(|tool| tool.served_name()).collect();
        assert_eq!(names, ["scan", "redact"], "{route:?} {version}");
        for tool in &tools {
            verify(tool, &key);
        }
        seen.insert(
            tools.iter().map(|tool| (tool.digest(), tool.canonical().clone())).collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen.len(), 1, "one definition everywhere");
}

#[tokio::test]
async fn a_definition_says_exactly_what_was_declared() {
    let key = key();
    let secure = two_tools(&key).await;
    let app = CountingHandler::new([scan(), tool("redact")]);
    let mut client = Client::connect(secure.wrap(app), Route::Lines, LEGACY).await;
    let tools = list(&mut client).await;
    let signed: Vec<_> = tools.iter().map(|tool| tool.signed().unwrap()).collect();
    assert_eq!(signed[0].id.as_str(), "trustedsoft.example/scan");
    assert_eq!(signed[0].version.to_string(), "1.2.0");
    assert_eq!(signed[0].provider.name(), "TrustedSoft");
    assert_eq!(signed[0].servers, None);
    let permissions: Vec<_> =
        signed[0].permissions.iter().map(|p| (p.scope.as_str(), p.required)).collect();
    assert_eq!(permissions, [("documents:read", true), ("documents:write", false)]);
    assert!(!signed[0].require_call_proof && signed[0].attestation.is_none());
    assert_eq!(signed[1].id.as_str(), "trustedsoft.example/text/redact");
    assert_eq!(signed[1].version.to_string(), "0.1.0-rc.1");
}

#[tokio::test]
async fn the_handlers_description_of_a_tool_reaches_clients_unchanged() {
    let secure = scanner().await;
    let mut client =
        Client::connect(secure.wrap(CountingHandler::new([scan()])), Route::Json, MODERN).await;
    let mut sent = client.ask("tools/list", json!({})).await["result"]["tools"][0].clone();
    sent["_meta"].as_object_mut().unwrap().remove("dev.etdi/definition").unwrap();
    assert_eq!(sent, scan());
}

#[tokio::test]
async fn an_address_that_is_known_after_binding_is_in_every_definition() {
    let secure = scanner().await;
    let app = CountingHandler::new([scan()]);
    secure.check(app.clone()).await.unwrap();
    secure.served_at("HTTP://127.0.0.1:4711").unwrap();
    let mut client = Client::connect(secure.wrap(app), Route::Sessions, LEGACY).await;
    let tools = list(&mut client).await;
    let servers = tools[0].signed().unwrap().servers.clone();
    assert_eq!(servers, Some(vec!["http://127.0.0.1:4711/".to_owned()]));
    let late = secure.served_at("https://docs.example/mcp");
    assert_eq!(late, Err(ServerError::AlreadyServing("https://docs.example/mcp".to_owned())));
    // An address that the definitions name already may be added again.
    assert_eq!(secure.served_at("http://127.0.0.1:4711/"), Ok(()));
}

#[tokio::test]
async fn stdio_is_listed_beside_the_addresses() {
    let secure = builder(&key())
        .tool("scan", ToolSpec::version("1.0.0"))
        .served_at("https://docs.example/mcp")
        .stdio()
        .build()
        .await
        .unwrap();
    let mut client =
        Client::connect(secure.wrap(CountingHandler::new([scan()])), Route::Lines, MODERN).await;
    let servers = list(&mut client).await[0].signed().unwrap().servers.clone();
    assert_eq!(servers, Some(vec!["https://docs.example/mcp".to_owned(), "stdio".to_owned()]));
}

#[tokio::test]
async fn a_tool_that_changes_under_its_version_is_not_served_to_anyone() {
    for (route, version) in ROUTES {
        let secure = scanner().await;
        let app = CountingHandler::new([described("scan", "honest")]);
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        let honest = list(&mut client).await;
        app.set([described("scan", "poisoned")]);
        let answer = client.ask("tools/list", json!({})).await;
        assert_eq!(answer["error"]["code"], LISTING_REFUSED, "{route:?} {version}: {answer}");
        assert_eq!(answer["error"]["data"], json!({"tool": "scan", "reason": "changed"}));
        assert!(!answer.to_string().contains("poisoned"));
        app.set([described("scan", "honest")]);
        assert_eq!(list(&mut client).await[0].digest(), honest[0].digest());
    }
}

#[tokio::test]
async fn a_new_version_is_published_at_run_time_and_the_old_one_can_come_back() {
    let secure = scanner().await;
    let app = CountingHandler::new([described("scan", "one")]);
    let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
    let first = list(&mut client).await;
    app.set([described("scan", "two")]);
    secure.replace_tool("scan", ToolSpec::version("1.1.0")).unwrap();
    let second = list(&mut client).await;
    assert_eq!(second[0].signed().unwrap().version.to_string(), "1.1.0");
    assert_ne!(second[0].digest(), first[0].digest());

    // The old version can come back only with its old content.
    secure.replace_tool("scan", ToolSpec::version("1.0.0")).unwrap();
    let refused = client.ask("tools/list", json!({})).await;
    assert_eq!(refused["error"]["data"]["reason"], "changed");
    app.set([described("scan", "one")]);
    assert_eq!(list(&mut client).await[0].digest(), first[0].digest());
}

#[tokio::test]
async fn a_replacement_needs_a_declared_tool_and_a_new_version() {
    let secure = scanner().await;
    assert_eq!(
        secure.replace_tool("other", ToolSpec::version("1.0.0")),
        Err(ServerError::NotDeclared("other".to_owned()))
    );
    assert_eq!(
        secure.replace_tool("scan", ToolSpec::version("1.0.0").permission("a", "b")),
        Err(ServerError::SameVersion("scan".to_owned()))
    );
    assert_eq!(secure.replace_tool("scan", ToolSpec::version("1.0.0")), Ok(()));
}

#[tokio::test]
async fn an_undeclared_tool_makes_the_listing_fail() {
    let secure = scanner().await;
    let app = CountingHandler::new([tool("scan")]);
    let mut client = Client::connect(secure.wrap(app.clone()), Route::Json, LEGACY).await;
    assert_eq!(list(&mut client).await.len(), 1);
    app.set([tool("exfiltrate")]);
    let answer = client.ask("tools/list", json!({})).await;
    assert_eq!(answer["error"]["data"], json!({"tool": "exfiltrate", "reason": "undeclared"}));
}

#[tokio::test]
async fn undeclared_tools_are_served_unsigned_if_allowed() {
    let key = key();
    let secure = builder(&key)
        .tool("scan", ToolSpec::version("1.0.0"))
        .allow_unsigned()
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([tool("scan"), tool("extra")]);
    secure.check(app.clone()).await.unwrap();
    let mut client = Client::connect(secure.wrap(app), Route::Events, MODERN).await;
    let tools = list(&mut client).await;
    verify(&tools[0], &key);
    assert!(tools[1].signed().is_none());
}

#[tokio::test]
async fn a_handler_must_not_write_keys_under_the_reserved_prefix() {
    let secure = builder(&key()).allow_unsigned().build().await.unwrap();
    for name in ["dev.etdi/definition", "dev.etdi/verified"] {
        let mut forged = tool("scan");
        forged["_meta"] = json!({name: {"verified": true}});
        let app = CountingHandler::new([forged]);
        let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
        let answer = client.ask("tools/list", json!({})).await;
        assert_eq!(answer["error"]["data"]["reason"], "reserved_meta", "{answer}");
        let Err(ServerError::Check(problems)) = secure.check(app).await else { panic!() };
        let expected = ToolProblem::ReservedMeta { tool: "scan".to_owned(), key: name.to_owned() };
        assert_eq!(problems.iter().collect::<Vec<_>>(), [&expected]);
    }
}

#[tokio::test]
async fn two_tools_of_one_name_are_neither_served_nor_called() {
    let secure = scanner().await;
    let app = CountingHandler::new([tool("scan")]).on_one_page();
    let mut client = Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await;
    list(&mut client).await;
    app.set([tool("scan"), described("scan", "twin")]);
    for method in ["tools/list", "tools/call"] {
        let answer = client.ask(method, json!({"name": "scan"})).await;
        let expected = json!({"tool": "scan", "reason": "served_twice"});
        assert_eq!(answer["error"]["data"], expected, "{method}");
    }
    assert_eq!(app.calls(), 0);
}
