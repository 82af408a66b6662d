//! Servers without a key.

use etdi_server::{SecureServer, ServerBuildError, ServerError, ToolProblem, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_types::{DefinitionError, SignatureError, SigningKey};
use serde_json::{Value, json};

use crate::app::{builder, described, key, list, scan, tool, verify};
use crate::wire::{Client, ROUTES};

/// Returns the file that a build machine writes.
async fn definitions(key: &SigningKey) -> String {
    let publisher = builder(key)
        .tool("scan", ToolSpec::version("1.0.0").permission("documents:read", "reads"))
        .tool("redact", ToolSpec::version("2.0.0"))
        .stdio()
        .build()
        .await
        .unwrap();
    publisher.export(CountingHandler::new([scan(), tool("redact")])).await.unwrap()
}

fn edited(definitions: &str, edit: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(definitions).unwrap();
    edit(&mut value);
    value.to_string()
}

#[tokio::test]
async fn a_server_without_a_key_serves_what_was_signed() {
    let key = key();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("definitions.json");
    std::fs::write(&file, definitions(&key).await).unwrap();
    let secure = SecureServer::presigned_file(&file)
        .unwrap()
        .publisher(key.public_jwk())
        .unwrap()
        .stdio()
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([scan(), tool("redact")]);
    secure.check(app.clone()).await.unwrap();
    for (route, version) in ROUTES {
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        let tools = list(&mut client).await;
        assert_eq!(tools.len(), 2, "{route:?} {version}");
        for tool in &tools {
            verify(tool, &key);
        }
        client.ask("tools/call", json!({"name": "scan", "arguments": {}})).await;
    }
    assert_eq!(app.calls(), ROUTES.len());
    assert_eq!(secure.replace_tool("scan", ToolSpec::version("2.0.0")), Err(ServerError::NoKey));
}

#[tokio::test]
async fn a_tool_that_differs_from_the_signed_one_prevents_the_start_and_is_not_served() {
    let secure =
        SecureServer::presigned(&definitions(&key()).await).unwrap().build().await.unwrap();
    let app = CountingHandler::new([described("scan", "another"), tool("redact")]);
    let Err(ServerError::Check(problems)) = secure.check(app.clone()).await else { panic!() };
    let problems: Vec<_> = problems.iter().collect();
    let [ToolProblem::DiffersFromSigned { tool, diff }] = &problems[..] else {
        panic!("{problems:?}")
    };
    assert_eq!(tool, "scan");
    assert!(diff.changes().iter().any(|change| change.path == "/description"));
    for (route, version) in ROUTES {
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        let answer = client.ask("tools/list", json!({})).await;
        assert_eq!(answer["error"]["data"]["reason"], "differs_from_signed", "{route:?} {version}");
        client.ask("tools/call", json!({"name": "scan", "arguments": {}})).await;
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn a_signed_tool_that_is_not_served_prevents_the_start() {
    let secure =
        SecureServer::presigned(&definitions(&key()).await).unwrap().build().await.unwrap();
    let Err(ServerError::Check(problems)) = secure.check(CountingHandler::new([scan()])).await
    else {
        panic!()
    };
    let expected = ToolProblem::NotServed { tool: "redact".to_owned() };
    assert_eq!(problems.iter().collect::<Vec<_>>(), [&expected]);
}

#[tokio::test]
async fn definitions_that_were_signed_for_stdio_are_not_served_elsewhere() {
    let definitions = definitions(&key()).await;
    let error = ServerBuildError::SignedForOthers {
        tool: "redact".to_owned(),
        server: "https://docs.example/mcp".to_owned(),
    };
    let built =
        SecureServer::presigned(&definitions).unwrap().served_at("https://docs.example/mcp");
    assert_eq!(built.build().await.unwrap_err(), error);
    let secure = SecureServer::presigned(&definitions).unwrap().stdio().build().await.unwrap();
    assert_eq!(secure.served_at("https://docs.example/mcp"), Err(ServerError::Refused(error)));
}

#[tokio::test]
async fn a_file_that_clients_would_refuse_is_refused() {
    let definitions = definitions(&key()).await;
    let refused = |text: &str| SecureServer::presigned(text).unwrap_err();
    let member = "dev.etdi/definition";

    assert!(matches!(refused("[]"), ServerBuildError::NotDefinitions(_)));
    assert!(matches!(refused(r#"{"tools": [], "more": 1}"#), ServerBuildError::NotDefinitions(_)));
    let unsigned = edited(&definitions, |file| {
        file["tools"][0]["_meta"][member].as_object_mut().unwrap().remove("signature");
    });
    assert_eq!(refused(&unsigned), ServerBuildError::Unsigned("scan".to_owned()));
    let bare = edited(&definitions, |file| {
        file["tools"][0]["_meta"].as_object_mut().unwrap().remove(member);
    });
    assert_eq!(refused(&bare), ServerBuildError::Unsigned("scan".to_owned()));
    let garbled = edited(&definitions, |file| {
        file["tools"][0]["_meta"][member]["signature"] = "x".into();
    });
    let source = SignatureError::NotDetached;
    assert_eq!(refused(&garbled), ServerBuildError::Signature { tool: "scan".to_owned(), source });
    let unknown = edited(&definitions, |file| {
        file["tools"][1]["_meta"][member]["verified"] = true.into();
    });
    let source = DefinitionError::UnknownMember("verified".to_owned());
    assert_eq!(
        refused(&unknown),
        ServerBuildError::Definition { tool: "number 2".to_owned(), source }
    );
    let twice = edited(&definitions, |file| file["tools"][1] = file["tools"][0].clone());
    assert_eq!(refused(&twice), ServerBuildError::IdTwice("scan".to_owned(), "scan".to_owned()));
}

#[tokio::test]
async fn a_signature_that_the_publisher_did_not_make_is_refused() {
    let (publisher, other) = (key(), key());
    let definitions = definitions(&publisher).await;
    let poisoned = edited(&definitions, |file| file["tools"][0]["description"] = "poisoned".into());
    for (text, key) in [(&definitions, &other), (&poisoned, &publisher)] {
        let built = SecureServer::presigned(text)
            .unwrap()
            .publisher(key.public_jwk())
            .unwrap()
            .build()
            .await;
        assert!(matches!(built, Err(ServerBuildError::Signature { .. })), "{built:?}");
    }
}
