//! The next command that a message names solves the problem.

use etdi_testkit::folder::{COMMAND, Folder, Ran};
use etdi_testkit::publisher::SPEC;
use serde_json::json;

use crate::issuer::FixedIssuer;
use crate::lockfile::{approve_all, check, configuration, locked, on_stdio, tool};
use crate::program::new_folder;
use crate::server::HttpServer;

/// Returns the words of each command that a run names as the next step.
fn next(ran: &Ran) -> Vec<Vec<String>> {
    let lines = ran.err.lines().filter_map(|line| line.trim_start().strip_prefix("next: etdi "));
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

fn type_it(folder: &Folder, words: &[String], more: &[&str]) -> Ran {
    let words: Vec<_> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    folder.run(&words)
}

#[test]
fn the_commands_that_check_names_bring_the_lockfile_up_to_date() {
    let folder = locked();
    let tools = json!([tool("scan", "Looks for names."), tool("mail", "Sends a report.")]);
    folder.lists(&tools);
    let steps = next(&check(&folder, &[]));
    let [approve, lock] = steps.as_slice() else { panic!("{steps:?}") };
    let shown = folder.run(&["discover", "--json", "--from", ".mcp.json"]).json();
    let digests = shown["servers"][0]["tools"].as_array().unwrap();
    let yes = digests.iter().flat_map(|tool| ["--yes", tool["digest"].as_str().unwrap()]);
    let yes: Vec<_> = yes.chain(["--by", "alice"]).collect();
    assert_eq!(type_it(&folder, approve, &yes).code, 0);
    assert_eq!(type_it(&folder, lock, &[]).code, 0);
    let ran = check(&folder, &[]);
    assert_eq!((ran.code, next(&ran).len()), (0, 0), "{}", ran.out);

    configuration(&folder, &json!({}));
    let steps = next(&check(&folder, &[]));
    assert_eq!(steps, [["lock", "--remove", "docs"]]);
    assert_eq!(type_it(&folder, &steps[0], &[]).code, 0);
    assert_eq!(check(&folder, &[]).code, 0);
}

#[test]
fn a_server_that_somebody_added_is_approved_and_locked_by_name() {
    let folder = locked();
    let mut servers = on_stdio();
    servers["mail"] = json!({ "command": "/bin/sh", "args": ["server.sh", "mail"] });
    configuration(&folder, &servers);
    let steps = next(&check(&folder, &[]));
    let [_, lock] = steps.as_slice() else { panic!("{steps:?}") };
    approve_all(&folder, "mail");
    assert_eq!(type_it(&folder, lock, &[]).code, 0);
    assert_eq!(check(&folder, &[]).code, 0);
}

#[test]
fn a_server_that_is_locked_under_another_name_is_named() {
    let folder = locked();
    let server = HttpServer::start(&folder);
    configuration(&folder, &json!({ "docs": on_stdio()["docs"], "web": { "url": server.url } }));
    approve_all(&folder, "web");
    assert_eq!(folder.run(&["lock"]).code, 0);
    let before = folder.text("etdi.lock");
    let ran = folder.run(&["lock", &server.url]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("locked already, as \"web\""), "{}", ran.err);
    assert!(ran.err.contains("etdi lock --from .mcp.json --server web"), "{}", ran.err);
    assert_eq!(folder.text("etdi.lock"), before);
}

#[test]
fn an_unknown_name_is_answered_with_the_known_names() {
    let folder = locked();
    for arguments in [
        &["discover", "--from", ".mcp.json", "--server", "nope"][..],
        &["show", "scan", "--from", ".mcp.json", "--server", "nope"],
        &["lock", "--server", "nope"],
        &["lock", "--remove", "nope"],
        &["check", "--server", "nope"],
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(": docs\n"), "{}", ran.err);
    }
}

/// The variables of Auth0 have no effect beside `--issuer`.
#[test]
fn doctor_asks_for_the_flag_of_a_client_beside_an_issuer() {
    let issuer = FixedIssuer::start();
    let folder = new_folder().trusting().set("AUTH0_CLIENT_ID", "a");
    let folder = folder.set("AUTH0_CLIENT_SECRET", "b").set("AUTH0_AUDIENCE", "c");
    let arguments = ["doctor", "--issuer", &issuer.url, "--danger-loopback-http", "--json"];
    let ran = folder.run(&arguments).json();
    let checks = ran["checks"].as_array().unwrap();
    let audience = checks.iter().find(|check| check["check"] == "audience").unwrap();
    assert_eq!(
        audience["says"], "a client is needed to ask for a token: give --client-id",
        "{ran}"
    );
}

#[test]
fn an_address_that_is_not_asked_is_answered_with_the_flag_for_it() {
    let folder = new_folder().trusting();
    for (uri, flag) in [
        ("http://127.0.0.1:1/x", "--danger-loopback-http"),
        ("https://10.0.0.1/x", "--danger-private-addresses"),
    ] {
        for arguments in [
            &["trust", "add", "https://a.example", "--jwks-uri", uri][..],
            &["trust", "add", "https://a.example", "--issuer", uri, "--client", "c"],
            &["doctor", "--issuer", uri],
        ] {
            let ran = folder.run(arguments);
            assert!(ran.code > 0);
            let said = ran.out + &ran.err;
            let words: Vec<_> = said.split_whitespace().collect();
            let said = words.join(" ");
            assert!(said.contains(flag) && !said.contains("::"), "{said}");
            // No server was asked, so the message must not speak of an answer.
            assert!(!said.contains("it answers"), "{said}");
        }
    }
}

#[test]
fn doctor_says_that_a_provider_answers_only_after_an_answer() {
    let folder = new_folder().trusting();
    for issuer in ["abc", "https:/login.example", "http://login.example"] {
        let ran = folder.run(&["doctor", "--issuer", issuer, "--json"]);
        assert_eq!(ran.code, 1, "{}", ran.out);
        let checks = ran.json()["checks"].as_array().unwrap().clone();
        let result = |name: &str| {
            let one = checks.iter().find(|one| one["check"] == name);
            one.map(|one| one["result"].clone()).unwrap_or_default()
        };
        let results = (result("provider"), result("reachable"));
        assert_eq!(results, (json!("fail"), json!("skipped")), "{issuer}: {}", ran.out);
    }
}

#[test]
fn a_command_line_of_approve_that_names_no_tool_or_no_server_says_so() {
    let folder = new_folder().trusting();
    for words in [&["scan"][..], &["https://docs.example/mcp"], &[]] {
        let ran = folder.run(&[&["approve", "--by", "alice"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains("does not name both tools and their server"), "{}", ran.err);
    }
}

#[test]
fn an_unknown_event_is_answered_with_the_known_events() {
    let folder = new_folder();
    folder.put("events.jsonl", "");
    let ran = folder.run(&["audit", "events.jsonl", "--type", "nope"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("tool_verified") && !ran.err.contains("::"), "{}", ran.err);
}

#[test]
fn a_file_that_cannot_be_used_is_answered_with_the_next_step() {
    let folder = locked();
    std::fs::write(folder.file("etdi.lock"), [0xff, 0xfe]).unwrap();
    for (arguments, says) in [
        (&["check"][..], "take the last good one from version control"),
        (&["lock"], "take the last good one from version control"),
        (&["verify", "nope.json"], "check the name"),
        (&["verify", "data"], "name a file in this folder"),
        (&["sign", "etdi.lock", "--key", "publisher.pem"], "UTF-8"),
    ] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?} {}", ran.out);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    folder.put("other.toml", &SPEC.replace("\"scan\"", "\"other\""));
    let sign = ["sign", "tool.json", "--key", "publisher.pem", "--spec", "other.toml"];
    let ran = folder.run(&sign);
    assert!(ran.err.contains("next: add it"), "{}", ran.err);
}

/// A message refers to the form in this help.
#[test]
fn a_trust_configuration_in_the_form_of_the_help_is_valid() {
    let folder = new_folder();
    let help = folder.run(&["help", "init"]).out;
    let (_, form) = help.split_once("[[provider]]").unwrap();
    folder.put("trust.toml", &format!("[[provider]]{form}"));
    let ran = folder.run(&["trust", "list", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("https://trustedsoft.example/.well-known/jwks.json"), "{}", ran.out);
    folder.put("trust.toml", "nope");
    let ran = folder.run(&[&["discover"], &COMMAND[..]].concat());
    assert!(ran.err.contains("`etdi help init`"), "{}", ran.err);
}
