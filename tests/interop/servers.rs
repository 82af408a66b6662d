//! Servers that do not know ETDI, through rmcp alone and through `EtdiClient`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::host::Host;
use crate::peer::{Serving, peers, python, text};
use crate::probe::Plan;
use crate::report::{Direction, row};
use crate::session::{Place, Session};

const MEGABYTES_4: usize = 4 * 1024 * 1024;

#[tokio::test]
async fn a_python_server_on_stdio() {
    on_stdio("PyPI `mcp`", &python_server("stdio"), &rich(python_version()), "file:///home").await;
}

#[tokio::test]
async fn a_python_server_on_http() {
    on_http("PyPI `mcp`", &python_server("http"), &rich(python_version())).await;
}

#[tokio::test]
async fn server_everything_on_stdio() {
    let command = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    on_stdio("npm `server-everything`", &command, &everything(), "file:///home").await;
}

#[tokio::test]
async fn server_everything_on_http() {
    on_http("npm `server-everything`", &node("everything.mjs"), &everything()).await;
}

#[tokio::test]
async fn server_filesystem_on_stdio() {
    let folder = tempfile::tempdir().unwrap();
    // The server returns the folder under the name that the file system gives it.
    let path = folder.path().canonicalize().unwrap();
    std::fs::write(path.join("notes.md"), "# Notes ✓").unwrap();
    std::fs::write(path.join("pixel.png"), STANDARD.decode("iVBORw0KGgo=").unwrap()).unwrap();
    std::fs::write(path.join("tone.wav"), "RIFF").unwrap();
    std::fs::write(path.join("large.txt"), "0123456789abcdef".repeat(MEGABYTES_4 / 16)).unwrap();
    let mut command = node("node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    command.push(text(&path));
    let root = format!("file://{}", text(&path));
    on_stdio("npm `server-filesystem`", &command, &filesystem(&path), &root).await;
}

async fn on_stdio(peer: &str, command: &[String], plan: &Plan, root: &str) {
    let place = || Place::Stdio(command.to_vec());
    compared(peer, "stdio", &place(), &place(), plan, root).await;
}

async fn on_http(peer: &str, command: &[String], plan: &Plan) {
    let (bare, etdi) = tokio::join!(Serving::start(command), Serving::start(command));
    let (bare, etdi) = (Place::Http(bare), Place::Http(etdi));
    compared(peer, "HTTP", &bare, &etdi, plan, "file:///home").await;
}

async fn compared(
    peer: &str,
    transport: &str,
    bare: &Place,
    etdi: &Place,
    plan: &Plan,
    root: &str,
) {
    let host = || Host { root: root.to_owned(), ..Host::default() };
    let (one, other) = (host(), host());
    let bare = async {
        let session = Session::bare(bare, one.clone()).await;
        plan.carry_out(&session, &one).await
    };
    let etdi = async {
        let session = Session::etdi(etdi, other.clone()).await;
        plan.carry_out(&session, &other).await
    };
    let (bare, mut etdi) = tokio::join!(bare, etdi);
    // A host of `EtdiClient` does not see the number of pages.
    etdi["page_count"] = json!(bare["pages"].as_array().map(Vec::len));
    row(Direction::Servers, peer, transport, &timeless(bare), &timeless(etdi));
}

/// Removes the times from the texts of `server-everything`: they change with each run.
fn timeless(value: Value) -> Value {
    match value {
        Value::String(text) => match text.split_once(" created at ") {
            Some((what, _)) => json!(what),
            None => text.into(),
        },
        Value::Array(items) => items.into_iter().map(timeless).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, timeless(value))).collect()
        }
        other => other,
    }
}

fn python_server(transport: &str) -> Vec<String> {
    vec![python(), text(&peers().join("server.py")), transport.to_owned()]
}

fn node(script: &str) -> Vec<String> {
    vec!["node".to_owned(), text(&peers().join(script))]
}

/// Returns the version in the lock file.
fn python_version() -> String {
    let requirements = std::fs::read_to_string(peers().join("requirements.txt")).unwrap();
    let line = requirements.lines().find_map(|line| line.strip_prefix("mcp=="));
    line.unwrap().trim_end_matches([' ', '\\']).to_owned()
}

fn npm_version(package: &str) -> String {
    let path = peers().join("node_modules").join(package).join("package.json");
    let package: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    package["version"].as_str().unwrap().to_owned()
}

/// Returns the plan for `server.py` and for [`etdi_tests::rich`].
fn rich(version: String) -> Plan {
    let large =
        json!({"text": "à ✓ \u{0} 😀", "large": (1_u64 << 53) + 1, "none": null, "ratio": 0.1});
    let calls = vec![
        ("media", "media", json!({})),
        ("structured", "structured", json!({"document": "d", "depth": 3})),
        ("failing", "failing", json!({})),
        ("broken", "broken", json!({})),
        ("large", "large", json!({"characters": MEGABYTES_4})),
        ("echo", "echo", large),
        ("log", "log", json!({})),
        ("ask", "ask", json!({})),
        ("sample", "sample", json!({})),
        ("roots", "roots", json!({})),
        ("reach", "reach", json!({})),
    ];
    Plan {
        version,
        calls,
        stream: Some(("stream", json!({}), 3)),
        release: Some("release"),
        cancel: Some(("slow", "cancelled")),
        logs: 2,
        prompt: Some(("summary", json!({"document": "d"}))),
        resource: Some("file:///notes.md"),
        missing: None,
        completion: Some(json!({
            "ref": {"type": "ref/prompt", "name": "summary"},
            "argument": {"name": "document", "value": "no"},
        })),
        tells: true,
        heard: Some("heard"),
    }
}

/// Returns the plan for `server-everything`. Its HTTP server takes requests of up to 4 MiB.
fn everything() -> Plan {
    let calls = vec![
        ("image", "get-tiny-image", json!({})),
        (
            "annotated",
            "get-annotated-message",
            json!({"messageType": "error", "includeImage": true}),
        ),
        ("embedded", "get-resource-reference", json!({"resourceType": "Text", "resourceId": 1})),
        ("links", "get-resource-links", json!({"count": 2})),
        ("structured", "get-structured-content", json!({"location": "Chicago"})),
        ("failing", "get-sum", json!({"a": "one"})),
        ("large", "echo", json!({"message": "x".repeat(MEGABYTES_4 * 7 / 8)})),
        ("echo", "echo", json!({"message": "à ✓ 😀"})),
        ("ask", "trigger-elicitation-request", json!({})),
        ("sample", "trigger-sampling-request", json!({"prompt": "Sum it up."})),
        ("roots", "get-roots-list", json!({})),
        ("log", "get-roots-list", json!({})),
    ];
    Plan {
        version: npm_version("@modelcontextprotocol/server-everything"),
        calls,
        stream: Some(("trigger-long-running-operation", json!({"duration": 0.03, "steps": 3}), 3)),
        release: None,
        cancel: None,
        logs: 1,
        prompt: Some(("args-prompt", json!({"city": "Oslo"}))),
        resource: Some("demo://resource/dynamic/text/1"),
        missing: Some("demo://nothing"),
        completion: Some(json!({
            "ref": {"type": "ref/prompt", "name": "completable-prompt"},
            "argument": {"name": "department", "value": "S"},
        })),
        tells: false,
        heard: None,
    }
}

fn filesystem(folder: &Path) -> Plan {
    let file = |name: &str| json!({"path": text(&folder.join(name))});
    let calls = vec![
        ("text", "read_text_file", file("notes.md")),
        ("image", "read_media_file", file("pixel.png")),
        ("audio", "read_media_file", file("tone.wav")),
        ("large", "read_text_file", file("large.txt")),
        ("failing", "read_text_file", file("nothing.txt")),
        ("echo", "write_file", json!({"path": text(&folder.join("à ✓.txt")), "content": "😀"})),
        ("roots", "list_allowed_directories", json!({})),
    ];
    Plan {
        version: npm_version("@modelcontextprotocol/server-filesystem"),
        calls,
        stream: None,
        release: None,
        cancel: None,
        logs: 0,
        prompt: None,
        resource: None,
        missing: Some("file:///nothing"),
        completion: None,
        tells: false,
        heard: None,
    }
}
