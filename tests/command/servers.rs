//! Each server is judged, approved by its digests, called, and forgotten.

use std::os::unix::fs::PermissionsExt;

use etdi::text::has_hidden_characters;
use etdi_testkit::folder::{Folder, Ran};
use serde_json::{Value, json};

use crate::program::{Server, new_folder, peers, python, text};

#[test]
fn server_everything_on_stdio() {
    lives_through(&Server::stdio(&everything()), 13, true);
}

#[test]
fn server_everything_on_http() {
    let script = text(&peers().join("everything.mjs"));
    lives_through(&Server::http(&["node".to_owned(), script]), 13, true);
}

#[test]
fn server_filesystem_on_stdio() {
    let folder = tempfile::tempdir().unwrap();
    lives_through(&Server::stdio(&filesystem(&folder)), 14, false);
}

#[test]
fn a_python_server_on_stdio() {
    lives_through(&Server::stdio(&python_server("stdio")), 14, false);
}

#[test]
fn a_python_server_on_http() {
    lives_through(&Server::http(&python_server("http")), 14, false);
}

#[test]
fn a_plain_server_in_rust_on_stdio() {
    lives_through(&Server::stdio(&rust_server("bare", "stdio")), 14, false);
}

#[test]
fn a_plain_server_in_rust_on_http() {
    lives_through(&Server::http(&rust_server("bare", "http")), 14, false);
}

/// The server is signed with an unconfigured key: its tools are refused, and the command says so.
#[test]
fn a_secured_server_of_an_unknown_publisher_is_refused_on_both_transports() {
    let stdio = Server::stdio(&rust_server("secured", "stdio"));
    let http = Server::http(&rust_server("secured", "http"));
    for server in [stdio, http] {
        let folder = new_folder();
        let run = |arguments: &[&str]| run(&folder, &server, arguments);
        let listed = tools(&run(&["discover", "--json"]));
        assert!(listed.iter().all(|tool| tool["decision"] == "block"), "{listed:?}");
        let ran = run(&["approve", "--all"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let name = listed[0]["name"].as_str().unwrap();
        let ran = run(&["approve", name]);
        assert!(ran.err.contains("--override"), "{}", ran.err);
        assert_eq!(folder.run(&["list", "--json"]).json()["approvals"], json!([]));
    }
}

/// An approval of a trusted publisher's tool is tied to that publisher's key.
#[test]
fn a_secured_server_of_a_trusted_publisher_is_approved_on_both_transports() {
    let keys = tempfile::tempdir().unwrap();
    let key = etdi::SigningKey::generate().unwrap();
    let (pem, jwk) = (keys.path().join("publisher.pem"), keys.path().join("publisher.jwk"));
    std::fs::write(&pem, &*key.to_pem().unwrap()).unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&pem, private).unwrap();
    std::fs::write(&jwk, serde_json::to_string(key.public_jwk()).unwrap()).unwrap();
    let (jwk, thumbprint) = (text(&jwk), key.public_jwk().thumbprint());
    let command = |transport| [rust_server("secured", transport), vec![text(&pem)]].concat();
    for server in [Server::stdio(&command("stdio")), Server::http(&command("http"))] {
        let folder = new_folder();
        let add = ["trust", "add", "https://trustedsoft.example", "--key", &jwk];
        let ran = folder.run(&[&add[..], &["--thumbprint", &thumbprint]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        lives_in(&folder, &server, 14, false);
        let listed = tools(&run(&folder, &server, &["discover", "--json"]));
        let who = |tool: &Value| tool["who"].as_str().unwrap().starts_with("signed");
        assert!(listed.iter().all(who), "{listed:?}");
    }
}

/// The folder has no approval of the honest tool, so the impostor's copy is only a new tool. Hidden
/// instructions in the text are reported all the same.
#[test]
fn the_impostor_of_the_demos_is_detected_on_both_transports() {
    for transport in ["stdio", "http"] {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("offer"), "copy").unwrap();
        let program = env!("CARGO_BIN_EXE_demo-server");
        let command = [program, "impostor", transport, state.path().to_str().unwrap()];
        let command = command.map(str::to_owned);
        let server = match transport {
            "stdio" => Server::stdio(&command),
            _ => Server::http(&command),
        };
        lives_through(&server, 1, false);
        std::fs::write(state.path().join("offer"), "tags").unwrap();
        let ran = run(&new_folder(), &server, &["show", demos::servers::TOOL, "--json"]);
        assert_eq!(ran.json()["findings"][0]["severity"], "high", "{}", ran.out);
        assert!(!has_hidden_characters(&ran.out), "{}", ran.out);
    }
}

/// Runs each command on a server with at least this number of tools. `instructions` tells whether the
/// server has instructions.
fn lives_through(server: &Server, at_least: usize, instructions: bool) {
    lives_in(&new_folder(), server, at_least, instructions);
}

fn lives_in(folder: &Folder, server: &Server, at_least: usize, instructions: bool) {
    let run = |arguments: &[&str]| run(folder, server, arguments);
    let ran = run(&["discover", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let listed = tools(&ran);
    assert!(listed.len() >= at_least, "{}", listed.len());
    assert!(listed.iter().all(|tool| tool["decision"] == "ask"), "{listed:?}");
    let said = ran.json()["servers"][0]["instructions"].clone();
    assert_eq!(said["digest"].is_string(), instructions, "{said}");

    // Without a terminal, the command cannot ask.
    let ran = run(&["approve", "--all"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let mut digests: Vec<_> = listed.iter().map(digest).collect();
    digests.extend(instructions.then(|| digest(&said)));
    let yes: Vec<_> = digests.iter().flat_map(|digest| ["--yes", digest]).collect();
    let ran = run(&[&["approve", "--all", "--json"], &yes[..]].concat());
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    let approvals = folder.run(&["list", "--json"]).json();
    assert_eq!(approvals["approvals"].as_array().unwrap().len(), digests.len());

    assert_eq!(run(&["discover"]).code, 0);
    let name = listed[0]["name"].as_str().unwrap();
    assert_eq!(run(&["diff", name]).code, 0);
    assert_eq!(run(&["revoke", name, "--yes"]).code, 0);
    assert_eq!(run(&["show", name]).code, 1);
    assert_eq!(run(&["diff", name]).code, 2, "the approval is gone");
}

fn run(folder: &Folder, server: &Server, arguments: &[&str]) -> Ran {
    folder.run(&[arguments, &server.words()].concat())
}

fn tools(ran: &Ran) -> Vec<Value> {
    ran.json()["servers"][0]["tools"].as_array().unwrap().clone()
}

fn digest(of: &Value) -> String {
    of["digest"].as_str().unwrap().to_owned()
}

pub fn everything() -> Vec<String> {
    let script = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    vec!["node".to_owned(), text(&peers().join(script))]
}

pub fn filesystem(folder: &tempfile::TempDir) -> Vec<String> {
    let script = "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    let folder = folder.path().canonicalize().unwrap();
    vec!["node".to_owned(), text(&peers().join(script)), text(&folder)]
}

fn python_server(transport: &str) -> Vec<String> {
    vec![python(), text(&peers().join("server.py")), transport.to_owned()]
}

fn rust_server(kind: &str, transport: &str) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_rich-server");
    [program, kind, transport].map(str::to_owned).to_vec()
}
