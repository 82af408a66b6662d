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
        let skipped = json!({
            "name": "docs", "disabled": true, "skipped": "disabled in its configuration",
        });
        assert_eq!(answer["servers"], json!([skipped]));
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
            assert!(ran.err.contains("it is disabled, so it is not started"), "{}", ran.err);
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
        (entry(&json!({ "args": "x" })), "the server \"docs\": `args` is a string, not a list"),
        (entry(&json!({ "env": { "A": [1] } })), "`env.A` is a list, not a string"),
        (entry(&json!({ "cwd": 1 })), "`cwd` is a number, not a string"),
        (entry(&json!({ "disabled": "no" })), "`disabled` is a string, not true or false"),
        (entry(&json!({ "command": " " })), "`command` is empty"),
        (entry(&json!({ "envFile": ".env" })), "`envFile`"),
        (entry(&json!({ "url": "https://docs.example/mcp" })), "both `command` and `url`"),
        (entry(&json!({ "type": "http" })), "its `type` is \"http\", but it has a `command`"),
        (json!("npx"), "the server \"docs\": it is a string, not an object"),
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
        ("[]", "it is not an object"),
        (r#"{"mcpServers":1}"#, "`mcpServers` is not an object"),
        (r#"{"mcp":{"servers":1}}"#, "`mcp.servers` is not an object"),
        (r#"{"mcpServers":{}}"#, "cannot find a server: the file has none in `mcpServers`"),
        ("a = ", "line 1, column 5 is not TOML"),
    ] {
        let folder = folder();
        folder.put(".mcp.json", file);
        let ran = run(&folder, &["discover"]);
        assert_eq!(ran.code, 2, "{file} {}", ran.out);
        let words: Vec<_> = ran.err.split_whitespace().collect();
        assert!(words.join(" ").contains(says), "{file} {}", ran.err);
    }
}

#[test]
fn an_entry_that_is_not_understood_costs_itself_alone() {
    let folder = configured(&json!({ "bad": { "command": 7 }, "docs": entry(&json!({})) }));
    let ran = run(&folder, &["discover", "--json"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let servers = ran.json()["servers"].clone();
    assert!(servers[0]["error"].as_str().unwrap().contains("`command` is a number"), "{servers}");
    assert_eq!(servers[1]["tools"][0]["name"], "scan", "{servers}");
    let listed = folder.run(&["discover"]);
    assert_eq!(listed.code, 0);
    assert!(listed.out.contains("`command` is a number"), "{}", listed.out);
}

/// Hosts start a server in the folder of its project, wherever they were started themselves.
#[test]
fn a_server_starts_in_the_folder_of_its_configuration() {
    let folder = folder();
    for (file, member) in [("sub/.mcp.json", "mcpServers"), ("sub/.vscode/mcp.json", "servers")] {
        std::fs::create_dir_all(folder.file(file).parent().unwrap()).unwrap();
        for name in ["server.sh", "tools.json"] {
            std::fs::copy(folder.file(name), folder.file(&format!("sub/{name}"))).unwrap();
        }
        folder.put(file, &json!({ member: { "docs": entry(&json!({})) } }).to_string());
        let ran = folder.run(&["discover", "--from", file]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(folder.file("sub/started").exists() && !folder.file("started").exists());
        std::fs::remove_file(folder.file("sub/started")).unwrap();
    }
}

#[test]
fn a_value_that_a_host_asks_for_comes_from_the_environment() {
    let folder = folder();
    folder.put("key", "s3cret");
    let script = "[ \"$KEY\" = \"$(cat key)\" ] || exit 1; . ./server.sh";
    let entry = json!({
        "command": "/bin/sh", "args": ["-c", script], "env": { "KEY": "${input:api-key}" },
    });
    std::fs::create_dir(folder.file(".vscode")).unwrap();
    let config = json!({ "inputs": [{ "id": "api-key" }], "servers": { "docs": entry } });
    folder.put(".vscode/mcp.json", &config.to_string());
    let from = ["discover", "--from", ".vscode/mcp.json"];
    let ran = folder.run(&from);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("set ETDI_INPUT_API_KEY in the environment"), "{}", ran.err);
    let folder = folder.set("ETDI_INPUT_API_KEY", "s3cret");
    let ran = folder.run(&from);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(!(ran.out + &ran.err).contains("s3cret"));
}

#[test]
fn only_the_current_one_of_the_projects_in_a_file_is_started() {
    let folder = folder().set("HOME", ".");
    let here = folder.path().canonicalize().unwrap();
    let mut projects = serde_json::Map::new();
    let server = |name: &str| json!({ "mcpServers": { name: entry(&json!({})) } });
    projects.insert(here.to_str().unwrap().to_owned(), server("docs"));
    projects.insert("/srv/other".to_owned(), server("other"));
    folder.put(".claude.json", &json!({ "projects": projects }).to_string());
    let listed = folder.run(&["discover", "--json"]).json();
    let file = &listed["files"][0];
    assert_eq!(file["servers"][0]["name"], "docs", "{listed}");
    assert_eq!(file["elsewhere"][0]["name"], "other", "{listed}");
    assert_eq!(file["elsewhere"][0]["project"], "/srv/other", "{listed}");
    let ran = folder.run(&["discover", "--from", ".claude.json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("skipped: other, which is of the project /srv/other"), "{}", ran.err);
    let ran = folder.run(&["discover", "--from", ".claude.json", "--server", "other"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("run this command in /srv/other"), "{}", ran.err);
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
