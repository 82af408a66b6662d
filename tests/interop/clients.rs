//! Clients that do not know ETDI, with a bare server and with the same server behind a `SecureServer`.

use etdi::{DEFINITION_KEY, ToolDefinition};
use serde_json::Value;

use crate::peer::{Serving, peers, python, text, transcript};
use crate::report::{Direction, row};

#[tokio::test]
async fn the_python_sdk_on_stdio() {
    on_stdio("PyPI `mcp`", &python_sdk("auto")).await;
}

#[tokio::test]
async fn the_python_sdk_on_http() {
    on_http("PyPI `mcp`", &python_sdk("auto")).await;
}

#[tokio::test]
async fn the_python_sdk_with_initialize_on_stdio() {
    on_stdio("PyPI `mcp`", &python_sdk("legacy")).await;
}

#[tokio::test]
async fn the_python_sdk_with_initialize_on_http() {
    on_http("PyPI `mcp`", &python_sdk("legacy")).await;
}

#[tokio::test]
async fn the_typescript_sdk_on_stdio() {
    on_stdio("npm `@modelcontextprotocol/sdk`", &node("client.mjs")).await;
}

#[tokio::test]
async fn the_typescript_sdk_on_http() {
    on_http("npm `@modelcontextprotocol/sdk`", &node("client.mjs")).await;
}

#[tokio::test]
async fn the_inspectors_command_line_on_stdio() {
    on_stdio("npm `@modelcontextprotocol/inspector-cli`", &node("inspector.mjs")).await;
}

#[tokio::test]
async fn the_inspectors_command_line_on_http() {
    on_http("npm `@modelcontextprotocol/inspector-cli`", &node("inspector.mjs")).await;
}

fn python_sdk(mode: &str) -> Vec<String> {
    vec![python(), text(&peers().join("client.py")), mode.to_owned()]
}

fn node(script: &str) -> Vec<String> {
    vec!["node".to_owned(), text(&peers().join(script))]
}

async fn on_stdio(peer: &str, client: &[String]) {
    let (bare, secured) = (rich("bare", "stdio"), rich("secured", "stdio"));
    let (bare, secured) = tokio::join!(transcript(client, &bare), transcript(client, &secured));
    compared(peer, "stdio", &bare, &secured);
}

async fn on_http(peer: &str, client: &[String]) {
    let (bare, secured) = (rich("bare", "http"), rich("secured", "http"));
    let (bare, secured) = tokio::join!(Serving::start(&bare), Serving::start(&secured));
    let (bare, secured) = ([bare.url.clone()], [secured.url.clone()]);
    let (bare, secured) = tokio::join!(transcript(client, &bare), transcript(client, &secured));
    compared(peer, "HTTP", &bare, &secured);
}

/// Returns the command that serves [`etdi_tests::rich`].
fn rich(kind: &str, transport: &str) -> Vec<String> {
    [env!("CARGO_BIN_EXE_rich-server"), kind, transport].map(str::to_owned).to_vec()
}

fn compared(peer: &str, transport: &str, bare: &Value, secured: &Value) {
    let tools = |transcript: &Value| -> Vec<Value> {
        let pages = transcript["pages"].as_array().into_iter().flatten();
        pages.filter_map(Value::as_array).flatten().cloned().collect()
    };
    assert!(tools(bare).iter().all(|tool| tool["_meta"].get(DEFINITION_KEY).is_none()));
    let secured_tools = tools(secured);
    assert!(!secured_tools.is_empty(), "{peer} does not list tools");
    for tool in secured_tools {
        let definition = ToolDefinition::parse(tool.to_string().as_bytes()).unwrap();
        let signed = definition.signed().and_then(|part| part.signature.clone());
        assert!(signed.is_some(), "{peer} lost the definition of {}", tool["name"]);
    }
    row(Direction::Clients, peer, transport, bare, secured);
}
