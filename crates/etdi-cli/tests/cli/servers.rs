//! The choice of the server: hosts' configurations, variables, and access tokens.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use etdi_testkit::folder::{COMMAND, Folder, Ran};
use etdi_testkit::terminal;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::program::new_folder;
use crate::server::HttpServer;

fn tools() -> Value {
    json!([{ "name": "scan", "description": "Looks for personal data.", "inputSchema": {} }])
}

fn folder() -> Folder {
    new_folder().trusting().serving(&tools())
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.out, ran.err)
}

/// The files of hosts, each with the member that holds the servers.
const JSON_FILES: &[(&str, &str, &str)] = &[
    ("Claude Code, this project", ".mcp.json", "mcpServers"),
    ("VS Code, this project", ".vscode/mcp.json", "servers"),
    ("VS Code, this project", ".vscode/settings.json", "mcp.servers"),
    ("VS Code, this project", "app.code-workspace", "servers"),
    ("VS Code, this project", ".devcontainer/devcontainer.json", "servers"),
    ("Cursor, this project", ".cursor/mcp.json", "mcpServers"),
    ("Gemini CLI, this project", ".gemini/settings.json", "mcpServers"),
    ("Zed, this project", ".zed/settings.json", "context_servers"),
    ("Roo, this project", ".roo/mcp.json", "mcpServers"),
    ("Kiro, this project", ".kiro/settings/mcp.json", "mcpServers"),
    ("opencode, this project", "opencode.json", "mcp"),
    ("Kilo, this project", "kilo.jsonc", "mcp"),
    ("Crush, this project", "crush.json", "mcp"),
    ("Claude Code", "home/.claude.json", "mcpServers"),
    ("Claude Desktop", "config/Claude/claude_desktop_config.json", "mcpServers"),
    ("VS Code", "config/Code/User/mcp.json", "servers"),
    ("VS Code", "config/Code - Insiders/User/mcp.json", "servers"),
    ("VS Code", "config/Code/User/profiles/a/mcp.json", "servers"),
    ("Copilot CLI", "home/.copilot/mcp-config.json", "mcpServers"),
    ("Windsurf", "home/.codeium/windsurf/mcp_config.json", "mcpServers"),
    ("Cline", "home/.cline/data/settings/cline_mcp_settings.json", "mcpServers"),
    ("Antigravity", "home/.gemini/antigravity/mcp_config.json", "mcpServers"),
    ("opencode", "config/opencode/opencode.jsonc", "mcp"),
    ("Zed", "config/zed/settings.json", "context_servers"),
    ("LM Studio", "home/.lmstudio/mcp.json", "mcpServers"),
];

#[test]
fn the_configurations_of_hosts_are_listed_and_no_server_is_started() {
    let folder = folder().set("HOME", "home").set("XDG_CONFIG_HOME", "config");
    let put = |path: &str, text: &str| {
        std::fs::create_dir_all(folder.file(path).parent().unwrap()).unwrap();
        folder.put(path, text);
    };
    let server = r#"{"command":"/bin/sh","args":["-c","touch started"],"env":{"KEY":"s3cret"}}"#;
    for (_, path, member) in JSON_FILES {
        put(path, &format!("{{ // a host's\n \"{member}\": {{ \"docs\": {server}, }} }}"));
    }
    let toml = "[mcp_servers.docs]\ncommand = '/bin/sh'\nargs = ['-c', 'touch started']\n";
    put(".codex/config.toml", toml);
    put("home/.codex/config.toml", toml);
    let command = "cmd: /bin/sh\n    args: [-c, touch started]\n    envs: { KEY: s3cret }\n";
    put(
        "config/goose/config.yaml",
        &format!("extensions:\n  docs:\n    type: stdio\n    {command}"),
    );
    let list = "mcpServers:\n  - name: docs\n    command: /bin/sh\n    args: [-c, touch started]\n";
    put("home/.continue/config.yaml", list);
    // `opencode.jsonc` shadows `opencode.json`. Settings without servers and a
    // missing file are left out.
    put("config/opencode/opencode.json", "{ \"mcp\": { \"shadowed\": {} } }");
    put("home/.gemini/settings.json", "{ \"theme\": \"Default\" }");

    let ran = folder.run(&["discover", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = ran.json();
    let files = answer["files"].as_array().unwrap();
    let others = [
        ("Codex, this project", ".codex/config.toml"),
        ("Codex", "home/.codex/config.toml"),
        ("goose", "config/goose/config.yaml"),
        ("Continue", "home/.continue/config.yaml"),
    ];
    let expected = JSON_FILES.iter().map(|(host, path, _)| (*host, *path)).chain(others);
    for (host, path) in expected {
        let is_it = |file: &&Value| file["host"] == host && file["file"] == path;
        let file = files.iter().find(is_it).unwrap_or_else(|| panic!("{path}: {answer:#}"));
        assert_eq!(file["servers"][0]["name"], "docs", "{file}");
        assert_eq!(file["servers"][0]["what"], "/bin/sh -c touch started", "{file}");
    }
    let count = |name: &str| answer.to_string().matches(name).count();
    assert_eq!((count("shadowed"), count("s3cret")), (0, 0));
    let text = folder.run(&["discover"]);
    assert!(text.err.contains("etdi discover --from .vscode/mcp.json"), "{}", text.err);
    assert!(!said(&text).contains("s3cret") && !said(&text).contains("home/.gemini/settings.json"));
    assert!(!folder.file("started").exists());
    folder.put(".mcp.json", "{");
    assert_eq!(folder.run(&["discover"]).code, 2);
}

#[test]
fn a_variable_names_the_folder_of_a_host() {
    let folder = folder().set("HOME", "home").set("CODEX_HOME", "codex");
    for path in ["home/.codex/config.toml", "codex/config.toml"] {
        std::fs::create_dir_all(folder.file(path).parent().unwrap()).unwrap();
        folder.put(path, "[mcp_servers.docs]\ncommand = 'x'\n");
    }
    let files = folder.run(&["discover", "--json"]).json()["files"].clone();
    assert_eq!(
        (files.as_array().unwrap().len(), &files[0]["file"]),
        (1, &json!("codex/config.toml"))
    );
}

/// The values of headers are sent to the server of the entry. They are not shown, and not in its identity.
#[test]
fn configured_headers_are_sent_to_their_server_alone() {
    let folder = folder().set("DOCS_KEY", "s3cret-key");
    let wanting = HttpServer::wanting(&folder, "x-api-key", "s3cret-key");
    let basic = HttpServer::wanting(&folder, "authorization", "Basic s3cret-key");
    let other = HttpServer::refusing(&folder, "x-api-key");
    let config = json!({ "mcpServers": {
        "a": { "type": "http", "url": wanting.url, "headers": { "X-Api-Key": "${DOCS_KEY}" } },
        "b": { "url": basic.url, "headers": { "Authorization": "Basic ${DOCS_KEY}" } },
        "c": { "url": other.url },
        "d": { "url": wanting.url, "headers": { "X-Api-Key": "s3cret-other" } },
        "e": { "url": "http://docs.example/mcp", "headers": { "X-Api-Key": "s3cret-key" } },
        "f": { "url": wanting.url, "headers": { "Host": "s3cret-key" } } } });
    folder.put(".mcp.json", &config.to_string());
    let ran = folder.run(&["discover", "--from", ".mcp.json", "--json"]);
    let servers = ran.json()["servers"].clone();
    for at in 0..3 {
        assert_eq!(servers[at]["tools"][0]["name"], "scan", "{at} {servers}");
    }
    let identity = wanting.url.parse::<etdi::ServerIdentity>().unwrap();
    assert_eq!(servers[0]["server"], json!(identity), "{servers}");
    for (at, says) in [
        (3, "the server refuses the headers"),
        (4, "cannot send the headers: the server is not on https"),
        (5, "cannot send the header \"Host\""),
    ] {
        assert!(servers[at]["error"].as_str().unwrap().contains(says), "{at} {servers}");
        assert!(servers[at]["next"].is_string(), "{at} {servers}");
    }
    assert!(!said(&ran).contains("s3cret"), "{}", said(&ran));
    // A token of the command line takes the place of a configured one.
    folder.put("token", "s3cret-token");
    let guarded = HttpServer::guarded(&folder, "s3cret-token");
    let headers = json!({ "Authorization": "Basic other" });
    let config = json!({ "mcpServers": { "a": { "url": guarded.url, "headers": headers } } });
    folder.put(".mcp.json", &config.to_string());
    let ran = folder.run(&["discover", "--from", ".mcp.json", "--token-file", "token"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
}

#[test]
fn variables_are_replaced_but_not_in_the_identity() {
    let config = r#"{"mcpServers":{"docs":{"command":"/bin/sh","args":["${SCRIPT}"]}}}"#;
    let folder = folder().set("SCRIPT", "server.sh");
    folder.put(".mcp.json", config);
    let from = ["--from", ".mcp.json"];
    let ran = folder.run(&[&["discover", "--json"], &from[..]].concat());
    let answer = ran.json();
    let server = &answer["servers"][0];
    assert_eq!(server["tools"][0]["name"], "scan", "{}", ran.err);
    let configured = etdi::StdioCommand::new("/bin/sh").arg("${SCRIPT}");
    assert_eq!(server["server"], json!(etdi::ServerIdentity::from(&configured)));
    let folder = folder.set("SCRIPT", "");
    let ran = folder.run(&[&["discover"], &from[..]].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("the variable \"SCRIPT\""), "{}", ran.err);
}

#[test]
fn a_server_that_wants_a_token_gets_the_one_that_was_given_for_it() {
    let folder = folder().set("ETDI_ACCESS_TOKEN", "s3cret-token");
    let server = HttpServer::guarded(&folder, "s3cret-token");
    let ran = folder.run(&["discover", &server.url]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("wants authorization: Bearer"), "{}", ran.err);
    assert!(ran.err.contains("--token-file"), "{}", ran.err);
    folder.put("token", "s3cret-token\n");
    folder.put("wrong", "s3cret-other");
    for flags in [&["--token-file", "token"][..], &["--token-env"]] {
        let ran = folder.run(&[&["show", "scan", &server.url], flags].concat());
        assert_eq!(ran.code, 1, "it waits for approval: {}", ran.err);
        assert!(!said(&ran).contains("s3cret-token"), "{}", said(&ran));
    }
    let ran = folder.run_with(&["discover", &server.url, "--token-file", "-"], "s3cret-token");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("etdi show scan --token-file - http"), "{}", ran.err);
    let ran = folder.run(&["discover", &server.url, "--token-file", "wrong"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("refuses the access token"), "{}", ran.err);
    assert!(ran.err.contains("docs:read") && !ran.err.contains("s3cret"), "{}", ran.err);
    folder.put("empty", " \n");
    assert_eq!(folder.run(&["discover", &server.url, "--token-file", "empty"]).code, 2);
}

#[test]
fn a_token_goes_to_one_server_and_never_in_clear_text() {
    let folder = folder();
    folder.put("token", "s3cret-token");
    let server = HttpServer::guarded(&folder, "s3cret-token");
    let config =
        json!({ "mcpServers": { "a": { "url": server.url }, "b": { "url": server.url } } });
    folder.put(".mcp.json", &config.to_string());
    let both = ["discover", "--from", ".mcp.json", "--token-file", "token"];
    let ran = folder.run(&both);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("for one server"), "{}", ran.err);
    let ran = folder.run(&[&both[..], &["--server", "a"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    let ran = folder.run(&["discover", "http://docs.example/mcp", "--token-file", "token"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("not on https"), "{}", ran.err);
}

#[test]
fn the_token_of_one_server_is_not_sent_to_another() {
    let folder = folder();
    let (one, other) = (HttpServer::guarded(&folder, "one"), HttpServer::guarded(&folder, "other"));
    let config = json!({ "mcpServers": {
        "a": { "url": one.url, "headers": { "Authorization": "Bearer one" } },
        "b": { "url": other.url } } });
    folder.put(".mcp.json", &config.to_string());
    let ran = folder.run(&["discover", "--from", ".mcp.json", "--json"]);
    let servers = ran.json()["servers"].clone();
    assert_eq!(servers[0]["tools"][0]["name"], "scan", "{servers}");
    // The server answers a wrong token with `insufficient_scope`, so no token was sent.
    let error = servers[1]["error"].as_str().unwrap();
    assert!(error.contains("realm=") && !error.contains("insufficient_scope"), "{servers}");
}

#[test]
fn a_token_without_a_server_is_an_error() {
    let folder = folder().set("ETDI_ACCESS_TOKEN", "s3cret-token");
    assert_eq!(folder.run(&["discover", "--token-env"]).code, 2);
    assert_eq!(folder.run(&["show", "scan"]).code, 2);
}

#[test]
fn a_server_on_stdio_gets_the_token_in_its_environment() {
    let folder = folder().set("ETDI_ACCESS_TOKEN", "s3cret-token");
    let guard = "[ \"$ETDI_ACCESS_TOKEN\" = s3cret-token ] || exit 1\n";
    folder.put("server.sh", &format!("{guard}{}", folder.text("server.sh")));
    let plain = folder.run(&[&["discover"], &COMMAND[..]].concat());
    assert_eq!(plain.code, 2, "it goes nowhere unasked: {}", plain.out);
    let ran = folder.run(&[&["discover", "--token-env", "--json"], &COMMAND[..]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    let command = etdi::StdioCommand::new("/bin/sh").arg("server.sh");
    let identity = json!(etdi::ServerIdentity::from(&command));
    assert_eq!(ran.json()["servers"][0]["server"], identity);
}

/// MCP: the client closes the server's input and waits until it exits, and does not kill it at once.
#[test]
fn a_server_on_stdio_ends_by_itself() {
    let folder = new_folder().trusting().serving(&tools());
    folder.put("slow", "It has something to finish.");
    for command in [&["discover"][..], &["show", "scan"], &["approve", "--all", "--by", "alice"]] {
        folder.run(&[command, &COMMAND[..]].concat());
        assert!(folder.file("ended").is_file(), "{command:?}");
        std::fs::remove_file(folder.file("ended")).unwrap();
    }
}

#[test]
fn reading_does_not_create_a_store() {
    let folder = new_folder();
    assert_eq!(folder.run(&["list"]).out, "There are no approvals.\n");
    assert_eq!(folder.run(&["revoke", "scan", "https://docs.example/mcp", "--yes"]).code, 1);
    assert!(!folder.file("data").exists());
    assert_eq!(folder.run(&["list", "--store", "none.db"]).code, 0);
    assert!(!folder.file("none.db").exists());
}

#[test]
fn the_next_command_names_the_files_that_the_command_was_given() {
    let folder = folder();
    std::fs::rename(folder.file("trust.toml"), folder.file("my trust.toml")).unwrap();
    let named = ["discover", "--config", "my trust.toml", "--store", "its.db"];
    let ran = folder.run(&[&named[..], &COMMAND].concat());
    let next = "etdi show scan --config 'my trust.toml' --store its.db -- /bin/sh server.sh";
    assert!(ran.err.contains(next), "{}", ran.err);
}

#[test]
fn another_program_behind_the_command_is_reported_until_a_person_confirms_it() {
    let folder = folder();
    folder.put("tool", &format!("#!/bin/sh\n{}", folder.text("server.sh")));
    let executable = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
    std::fs::set_permissions(folder.file("tool"), executable.clone()).unwrap();
    let discover = ["discover", "--", "./tool"];
    assert_eq!(folder.run(&discover).code, 1);
    assert!(!folder.run(&discover).err.contains("another program"));
    folder.put("tool", &format!("#!/bin/sh\n# another\n{}", folder.text("server.sh")));
    std::fs::set_permissions(folder.file("tool"), executable).unwrap();
    for _ in 0..2 {
        let ran = folder.run(&discover);
        assert!(ran.err.contains("another program is behind this command now"), "{}", ran.err);
    }
    let arguments = ["approve", "--all", "--by", "alice", "--", "./tool"];
    let script = [
        ("Approve this tool as shown? (its name: \"scan\")", "y"),
        ("of the program intended?", "y"),
    ];
    let screen = terminal::run(&folder, 120, &arguments, &script);
    assert_eq!(screen.code, 0, "{}", screen.text());
    assert!(!folder.run(&discover).err.contains("another program"));
}

/// The server ignores the signals of the terminal and the end of its input. It would keep running if the
/// command did not kill it.
#[test]
fn a_server_that_is_being_read_is_ended_by_an_interruption() {
    let folder = folder();
    let fifo = folder.file("alive");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    folder.put("server.sh", "trap '' INT TERM HUP; exec 3> alive; sleep 60 & sleep 60\n");
    let mut child = folder
        .command(&[&["discover"], &COMMAND[..]].concat())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Opening waits until the server has opened the pipe. Reading ends when no process holds it open.
    let mut alive = File::open(fifo).unwrap();
    let (tell, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(alive.read_to_end(&mut Vec::new())));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    ended.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
}
