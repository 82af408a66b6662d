//! The command reads a host's configuration as the host does, and names the errors in it.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Html;
use etdi_testkit::folder::{COMMAND, Folder, Ran};
use serde_json::{Value, json};

use crate::program::new_folder;

fn folder() -> Folder {
    new_folder().trusting().serving(&json!([{ "name": "scan", "inputSchema": {} }]))
}

/// Returns the entry of a server that creates the file `started` when it is started.
fn entry(more: &Value) -> Value {
    let script = ": > started; . ./server.sh";
    let mut entry = json!({ "command": "/bin/sh", "args": ["-c", script] });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

fn configured(servers: &Value) -> Folder {
    let folder = folder();
    folder.put(".mcp.json", &json!({ "mcpServers": servers }).to_string());
    folder
}

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[arguments, &["--from", ".mcp.json"]].concat())
}

#[test]
fn a_server_that_is_disabled_is_not_started() {
    for off in [json!({ "disabled": true }), json!({ "enabled": false })] {
        let folder = configured(&json!({ "docs": entry(&off) }));
        let listed = folder.run(&["discover"]);
        assert!(listed.out.contains("disabled"), "{}", listed.out);
        assert_eq!(
            folder.run(&["discover", "--json"]).json()["files"][0]["servers"][0]["disabled"],
            true
        );

        let ran = run(&folder, &["discover"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("skipped: docs, which is disabled"), "{}", ran.err);
        let answer = run(&folder, &["discover", "--json"]).json();
        assert_eq!(answer["servers"], json!([{ "name": "docs", "disabled": true }]));
        for all in [&["approve", "--all", "--by", "alice"][..], &["lock"]] {
            let ran = run(&folder, all);
            assert!(ran.err.contains("skipped: docs, which is disabled"), "{}", ran.err);
        }
        // A command on one server fails if this server is disabled.
        for one in [
            &["discover", "--server", "docs"][..],
            &["show", "scan", "--server", "docs"],
            &["show", "scan"],
            &["approve", "scan", "--by", "alice", "--server", "docs"],
            &["lock", "--server", "docs"],
        ] {
            let ran = run(&folder, one);
            assert_eq!(ran.code, 2, "{one:?} {}", ran.out);
            assert!(
                ran.err.contains("the server is disabled, so it is not started"),
                "{}",
                ran.err
            );
        }
        assert!(!folder.file("started").exists());
    }
    let folder =
        configured(&json!({ "docs": entry(&json!({ "disabled": false, "enabled": true })) }));
    assert_eq!(run(&folder, &["discover"]).code, 1);
    assert!(folder.file("started").exists());
}

/// The tools of a locked server cannot be compared if the configuration disables the server.
#[test]
fn a_locked_server_that_is_disabled_cannot_be_checked() {
    let folder = configured(&json!({ "docs": entry(&json!({})) }));
    crate::lockfile::approve_all(&folder, "docs");
    assert_eq!(folder.run(&["lock"]).code, 0);
    let off = json!({ "mcpServers": { "docs": entry(&json!({ "disabled": true })) } });
    folder.put(".mcp.json", &off.to_string());
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("disabled"), "{}", ran.err);
}

#[test]
fn members_that_are_not_read_are_named() {
    let more = json!({
        "sandbox": { "a": "s3cret" }, "alwaysAllow": ["scan"], "autoApprove": [], "timeout": 3,
        "disabledTools": ["x"], "esc\u{1b}[2J": "s3cret",
    });
    let folder = configured(&json!({ "docs": entry(&more) }));
    let (ran, listed) = (run(&folder, &["discover"]), folder.run(&["discover"]));
    for said in [ran.err, listed.out + &listed.err] {
        for one in ["`sandbox` is not known", "without asking (`alwaysAllow`)", r"esc\u{1b}[2J"] {
            assert!(said.contains(one), "{one} {said}");
        }
        for none in ["autoApprove", "timeout", "disabledTools", "s3cret", "\u{1b}"] {
            assert!(!said.contains(none), "{none} {said}");
        }
    }
    let answer = run(&folder, &["discover", "--json"]).json();
    assert_eq!(answer["servers"][0]["remarks"].as_array().unwrap().len(), 3, "{answer}");
}

#[test]
fn an_error_in_a_configuration_is_named() {
    for (entry, says) in [
        (entry(&json!({ "args": "x" })), "`args` of the server \"docs\" is not a list of texts"),
        (
            entry(&json!({ "env": { "A": 1 } })),
            "`env` of the server \"docs\" is not an object of texts",
        ),
        (entry(&json!({ "cwd": 1 })), "`cwd` of the server \"docs\" is not a text"),
        (
            entry(&json!({ "disabled": "no" })),
            "`disabled` of the server \"docs\" is not true or false",
        ),
        (entry(&json!({ "command": " " })), "the server \"docs\" has an empty `command`"),
        (entry(&json!({ "envFile": ".env" })), "`envFile`"),
        (json!("npx"), "the server \"docs\" is not an object"),
        (entry(&json!({ "cwd": "nowhere" })), "the folder to run it in does not exist"),
        (entry(&json!({ "command": "no-such-program" })), "install it, or correct its name"),
        (entry(&json!({ "args": ["-c", "exit 3"] })), "the server ended before it answered"),
    ] {
        let folder = configured(&json!({ "docs": entry }));
        let ran = run(&folder, &["discover"]);
        assert_eq!(ran.code, 2, "{entry} {}", ran.out);
        let words: Vec<_> = ran.err.split_whitespace().collect();
        assert!(words.join(" ").contains(says), "{entry} {}", ran.err);
        assert!(!folder.file("started").exists(), "{entry}");
    }
    for (file, says) in [
        ("[]", "the file is not a JSON object"),
        (r#"{"mcpServers":[]}"#, "the value at /mcpServers is not an object"),
        (r#"{"mcp":{"servers":1}}"#, "the value at /mcp/servers is not an object"),
        (r#"{"mcpServers":{}}"#, "the file names no server"),
    ] {
        let folder = folder();
        folder.put(".mcp.json", file);
        let ran = run(&folder, &["discover"]);
        assert_eq!(ran.code, 2, "{file} {}", ran.out);
        assert!(ran.err.contains(says) && ran.err.contains(".mcp.json"), "{file} {}", ran.err);
    }
}

#[test]
fn an_address_without_an_mcp_server_is_reported() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let page = "<html><body>a page</body></html>";
    let router = Router::new()
        .route("/page", axum::routing::any(move || async move { Html(page) }))
        .route(
            "/busy",
            axum::routing::any(|| async { (StatusCode::CONFLICT, "try later\nsecond") }),
        )
        .fallback(move || async move { (StatusCode::NOT_FOUND, Html(page)) });
    runtime.spawn(async move { axum::serve(listener, router).await });
    for (path, says) in [
        ("/nope", "HTTP 404 Not Found: this path has no MCP server"),
        ("/busy", "HTTP 409 Conflict: try later"),
        ("/page", "text/html"),
    ] {
        let ran = folder().run(&["discover", &format!("http://{address}{path}")]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(says) && ran.err.contains("often …/mcp"), "{}", ran.err);
        assert!(!ran.err.contains("<html>") && !ran.err.contains("second"), "{}", ran.err);
    }
    drop(runtime);
    let ran = folder().run(&["discover", &format!("http://{address}/mcp")]);
    assert!(ran.err.contains("see whether the server runs"), "{}", ran.err);
    // The same server answers on stdio.
    assert_eq!(folder().run(&[&["discover"], &COMMAND[..]].concat()).code, 1);
}
