//! Servers that `etdi lock` leaves out by name: right after it exits with 0, `etdi check` does too.

use std::net::TcpListener;
use std::path::Path;

use etdi_testkit::folder::{Folder, Ran, SCRIPT};
use serde_json::{Value, json};

use crate::lockfile::{approve_all, approved, check, configuration, locked, on_stdio, tool};
use crate::program::new_folder;

/// Returns the kinds of drift of each server that has some, by name.
fn drift(ran: &Ran) -> Vec<(String, String)> {
    let answer = ran.json();
    let mut found = Vec::new();
    for server in answer["servers"].as_array().unwrap() {
        for one in server["drift"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            found.push((text(&server["name"]), text(&one["kind"])));
        }
    }
    found
}

fn assert_drift(folder: &Folder, code: i32, expected: &[(&str, &str)]) {
    let ran = check(folder, &["--json"]);
    let found = drift(&ran);
    let found: Vec<_> = found.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    assert_eq!((ran.code, found), (code, expected.to_vec()), "{}", ran.out);
}

/// Returns an address where no server listens.
fn dead_address() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}/mcp", listener.local_addr().unwrap())
}

/// Returns a folder with an approved server, and beside it a server that needs the file `up` to run.
fn with_a_server_that_is_down() -> Folder {
    let folder = approved();
    folder.put("late.sh", &format!("[ -e up ] || exit 1\n{SCRIPT}"));
    let mut servers = on_stdio();
    servers["late"] = json!({ "command": "/bin/sh", "args": ["late.sh"] });
    configuration(&folder, &servers);
    folder
}

#[test]
fn a_disabled_server_is_left_out_and_the_check_passes() {
    let folder = approved();
    let mut servers = on_stdio();
    let touch = json!({ "command": "/bin/sh", "args": ["-c", "touch started"], "disabled": true });
    servers["legacy"] = touch.clone();
    configuration(&folder, &servers);
    let ran = folder.run(&["lock", "--json"]);
    assert_eq!((ran.code, &ran.json()["servers"][1]["skipped"]), (0, &json!("disabled")));
    assert!(folder.text("etdi.lock").contains("skipped = \"disabled\""));
    assert_drift(&folder, 0, &[("legacy", "server-skipped")]);
    let said = check(&folder, &[]);
    assert!(!said.err.contains("next:") && said.out.contains("left out   legacy"), "{}", said.out);
    assert_eq!(folder.run(&["lock", "--json"]).json()["changed"], json!(false));

    servers["legacy"]["disabled"] = json!(false);
    configuration(&folder, &servers);
    assert_drift(&folder, 1, &[("legacy", "server-added")]);
    assert!(!folder.file("started").exists(), "only a locked command is started");
}

#[test]
fn servers_that_cannot_be_reached_or_read_are_left_out_and_the_check_passes() {
    let folder = approved();
    let mut servers = on_stdio();
    servers["away"] = json!({ "url": dead_address() });
    servers["gone"] = json!({ "command": "/nowhere/server" });
    servers["ends"] = json!({ "command": "/bin/sh", "args": ["-c", "exit 3"] });
    servers["wrong"] = json!({ "args": 7 });
    servers["keyed"] = json!({ "command": "/bin/sh", "args": ["${NOT_SET}"] });
    servers["address"] = json!({ "url": "ftp://docs.example" });
    configuration(&folder, &servers);
    let ran = folder.run(&["lock"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(folder.text("etdi.lock").matches("skipped = \"unreachable\"").count(), 6);
    let skipped = ["address", "away", "ends", "gone", "keyed", "wrong"];
    let notes: Vec<_> = skipped.iter().map(|name| (*name, "server-skipped")).collect();
    let ran = check(&folder, &["--json"]);
    let found: Vec<_> = drift(&ran).into_iter().filter(|(_, kind)| kind != "unbound").collect();
    let found: Vec<_> = found.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    assert_eq!((ran.code, found), (0, notes), "{}", ran.out);
    assert!(!check(&folder, &[]).err.contains("next: etdi"));
    let sarif: Value = check(&folder, &["--format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], json!(true));
}

#[test]
fn tools_of_a_server_that_was_left_out_are_drift_once_it_lists_them() {
    let folder = with_a_server_that_is_down();
    assert_eq!(folder.run(&["lock"]).code, 0);
    assert_drift(&folder, 0, &[("late", "server-skipped")]);
    folder.put("up", "");
    assert_drift(&folder, 1, &[("late", "tool-added")]);
    let next = check(&folder, &[]).err;
    assert!(next.contains("next: etdi approve --all --from .mcp.json --server late"), "{next}");
    approve_all(&folder, "late");
    assert_eq!(folder.run(&["lock", "--from", ".mcp.json"]).code, 0);
    assert!(!folder.text("etdi.lock").contains("skipped"));
    assert_drift(&folder, 0, &[]);
}

#[test]
fn a_server_that_was_left_out_is_started_only_as_it_was() {
    let folder = with_a_server_that_is_down();
    assert_eq!(folder.run(&["lock"]).code, 0);
    folder.put("late.sh", "touch started");
    assert_drift(&folder, 1, &[("late", "file-changed")]);
    let mut servers = on_stdio();
    servers["late"] = json!({ "command": "/bin/sh", "args": ["late.sh", "other"] });
    configuration(&folder, &servers);
    assert_drift(&folder, 1, &[("late", "server-identity"), ("late", "file-changed")]);
    assert!(!folder.file("started").exists());
    configuration(&folder, &on_stdio());
    assert_drift(&folder, 1, &[("late", "server-missing")]);
}

#[test]
fn a_locked_server_that_is_down_keeps_its_tools() {
    let folder = with_a_server_that_is_down();
    folder.put("up", "");
    approve_all(&folder, "late");
    assert_eq!(folder.run(&["lock"]).code, 0);
    let before = folder.text("etdi.lock");
    std::fs::remove_file(folder.file("up")).unwrap();
    assert_eq!(folder.run(&["lock"]).code, 2);
    assert_eq!(folder.text("etdi.lock"), before);
    assert_eq!(check(&folder, &[]).code, 2);
}

#[test]
fn a_server_that_the_command_line_names_is_not_left_out() {
    let folder = with_a_server_that_is_down();
    assert_eq!(folder.run(&["lock", "--server", "late"]).code, 2);
    assert!(!folder.file("etdi.lock").exists());
    assert_eq!(folder.run(&["lock", &dead_address()]).code, 2);
    assert!(!folder.file("etdi.lock").exists());
}

#[test]
fn a_locked_server_keeps_its_tools_while_it_is_disabled() {
    let folder = locked();
    let mut servers = on_stdio();
    servers["docs"]["disabled"] = json!(true);
    configuration(&folder, &servers);
    // Nobody noted yet that the server is disabled.
    let ran = check(&folder, &[]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("next: etdi lock --from .mcp.json"), "{}", ran.err);
    assert_eq!(folder.run(&["lock", "--from", ".mcp.json"]).code, 0);
    let text = folder.text("etdi.lock");
    assert!(text.contains("skipped = \"disabled\"") && text.contains("name = \"scan\""), "{text}");
    assert_drift(&folder, 0, &[("docs", "server-skipped")]);
    configuration(&folder, &on_stdio());
    assert_drift(&folder, 0, &[]);
    folder.lists(&json!([tool("scan", "Looks elsewhere.")]));
    assert_drift(&folder, 1, &[("docs", "tool-changed")]);
}

#[test]
fn a_new_server_that_cannot_be_started_has_a_next_step_that_works() {
    let folder = locked();
    let mut servers = on_stdio();
    servers["legacy"] = json!({ "command": "/bin/sh", "disabled": true });
    servers["wrong"] = json!({ "args": 7 });
    configuration(&folder, &servers);
    assert_drift(&folder, 1, &[("legacy", "server-added"), ("wrong", "server-added")]);
    let ran = check(&folder, &[]);
    assert!(!ran.err.contains("etdi approve"), "{}", ran.err);
    assert!(ran.err.contains("next: etdi lock --from .mcp.json\n"), "{}", ran.err);
    assert_eq!(folder.run(&["lock", "--from", ".mcp.json"]).code, 0);
    assert_eq!(check(&folder, &[]).code, 0);
}

#[test]
fn a_locked_server_that_the_configuration_lost_is_named_by_lock() {
    let folder = locked();
    let servers = json!({ "other": { "command": "/bin/sh", "disabled": true } });
    configuration(&folder, &servers);
    let ran = folder.run(&["lock"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("next: etdi lock --remove docs"), "{}", ran.err);
    assert_eq!(folder.run(&["lock", "--remove", "docs"]).code, 0);
    assert_eq!(folder.run(&["lock"]).code, 0);
    assert_eq!(check(&folder, &[]).code, 0);
}

/// A server that is left out does not take the identity from the one that is locked.
#[test]
fn a_second_name_of_a_locked_server_may_be_left_out() {
    let folder = approved();
    let mut servers = on_stdio();
    servers["a copy"] = servers["docs"].clone();
    servers["a copy"]["disabled"] = json!(true);
    configuration(&folder, &servers);
    assert_eq!(folder.run(&["lock"]).code, 0);
    assert_drift(&folder, 0, &[("a copy", "server-skipped")]);
}

/// A store that cannot be read is not the fault of a server.
#[test]
fn a_server_is_not_left_out_because_the_store_fails() {
    let folder = approved();
    std::fs::remove_dir_all(folder.file("data")).unwrap();
    folder.put("data", "");
    assert_eq!(folder.run(&["lock"]).code, 2);
    assert!(!folder.file("etdi.lock").exists());
}

#[test]
fn right_after_lock_exits_with_0_check_does_too_for_each_shape_of_a_configuration() {
    for file in [
        json!({ "mcpServers": {} }),
        json!({ "mcpServers": { "a": { "url": "https://docs.invalid/mcp", "type": "sse" } } }),
        json!({ "mcpServers": { "a": { "command": "no-such-program", "args": ["x"] } } }),
        json!({ "mcpServers": { "a": { "command": "npx -y docs@1.2.3" } } }),
        json!({ "mcpServers": { "a": { "command": "/bin/sh", "env": { "A": 1 } } } }),
        json!({ "mcpServers": { "a": { "command": "/bin/sh", "envFile": ".env" } } }),
        json!({ "mcpServers": { "a": { "command": "/bin/sh", "cwd": "nowhere" } } }),
        json!({ "mcpServers": { "a": { "command": "x", "url": "https://docs.invalid/mcp" } } }),
        json!({ "mcpServers": { "a": null, "b": "npx", "c": [], "d": {} } }),
        json!({ "mcpServers": { "a": { "command": "/bin/sh", "disabled": "no" } } }),
        json!({ "mcpServers": { "": { "command": "/bin/sh", "args": ["-c", "exit"] } } }),
        json!({ "mcpServers": { "a\u{1b}[2J": { "command": "\u{202e}" } } }),
        json!({ "servers": { "a": { "command": "/bin/sh", "args": ["${input:key}"] } } }),
        json!({ "servers": { "a": { "command": "/bin/sh", "args": ["${workspaceFolder}/s.sh"] } } }),
        json!({ "context_servers": { "a": { "command": "x", "enabled": false } } }),
    ] {
        // A shell without a script reads the messages of the client, and does not answer.
        let folder = new_folder().trusting().set("MCP_TIMEOUT", "300");
        folder.put(".mcp.json", &file.to_string());
        let ran = folder.run(&["lock"]);
        if ran.code != 0 {
            // A file without any server has nothing to lock.
            assert!(!folder.file("etdi.lock").exists(), "{file}: {}{}", ran.out, ran.err);
            continue;
        }
        let ran = check(&folder, &[]);
        assert_eq!(ran.code, 0, "{file}: {}{}", ran.out, ran.err);
    }
}

/// The programs of the servers are not found, and the addresses do not answer: no server is reached.
#[test]
fn right_after_lock_exits_with_0_check_does_too_for_each_file_of_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hosts");
    let hosts = std::fs::read_dir(corpus).unwrap().map(|host| host.unwrap().path());
    let mut locked = 0;
    for file in hosts.flat_map(|host| std::fs::read_dir(host).unwrap()) {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let folder = new_folder().trusting().set("PATH", "/nowhere");
        let folder = folder.set("HTTPS_PROXY", "http://127.0.0.1:1").set("MCP_TIMEOUT", "300");
        folder.put(name, &std::fs::read_to_string(&path).unwrap());
        if folder.run(&["lock", "--from", name]).code == 0 {
            locked += 1;
            let ran = check(&folder, &[]);
            assert_eq!(ran.code, 0, "{}: {}{}", path.display(), ran.out, ran.err);
        }
    }
    assert!(locked > 40, "{locked}");
}
