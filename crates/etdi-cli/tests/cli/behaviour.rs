//! The behaviour of the commands without a terminal.

use std::os::unix::fs::PermissionsExt;

use etdi_testkit::folder::COMMAND;
use etdi_testkit::publisher::{PRIVATE_PEM, claims, key, token};
use etdi_testkit::terminal::{INTERRUPT, run};
use serde_json::json;

use crate::issuer::FixedIssuer;
use crate::program::new_folder;

#[test]
fn a_server_publishes_the_output_of_sign_unchanged() {
    let folder = new_folder().signed();
    let text = folder.text("signed.json");
    assert!(etdi::SecureServer::presigned(&text).is_ok());
}

#[test]
fn a_signed_file_is_trusted_by_its_key_alone() {
    let folder = new_folder().trusting().signed();
    let ran = folder.run(&["verify", "signed.json", "--json"]);
    assert_eq!(
        (ran.code, &ran.json()["tools"][0]["verdict"]["who"]["kind"]),
        (0, &json!("signed"))
    );
    let text = folder.text("signed.json").replace("1.2.0", "1.2.1");
    let ran = folder.run_with(&["verify", "-", "--json"], &text);
    assert_eq!(
        (ran.code, &ran.json()["tools"][0]["verdict"]["who"]["kind"]),
        (1, &json!("impostor"))
    );
}

#[test]
fn a_definition_for_another_server_is_an_impostor() {
    let folder = new_folder().trusting().signed();
    assert_eq!(
        folder.run(&["verify", "signed.json", "--server", "https://docs.example/mcp"]).code,
        0
    );
    assert_eq!(
        folder.run(&["verify", "signed.json", "--server", "https://evil.example/mcp"]).code,
        1
    );
    assert_eq!(folder.run(&["verify", "signed.json", "--server", "stdio"]).code, 1);
}

#[test]
fn keys_at_an_address_that_does_not_answer_are_not_checked() {
    let folder = new_folder().signed();
    folder.put(
        "trust.toml",
        "[[provider]]\nid = 'https://trustedsoft.example'\nauthorities = ['trustedsoft.example']\n\
         jwks_uri = 'http://127.0.0.1:1/jwks.json'\n",
    );
    assert_eq!(folder.run(&["verify", "signed.json", "--danger-loopback-http"]).code, 2);
}

#[test]
fn an_encrypted_key_signs_with_its_passphrase_alone() {
    let folder = new_folder().set("ETDI_KEY_PASSPHRASE", "correct horse");
    assert_eq!(folder.run(&["keys", "generate", "--passphrase"]).code, 0);
    assert!(folder.text("data/keys/publisher-1.pem").contains("ENCRYPTED PRIVATE KEY"));
    let arguments = ["sign", "tool.json", "--spec", "spec.toml", "--output", "signed.json"];
    assert_eq!(folder.run(&arguments).code, 0);
    let folder = folder.set("ETDI_KEY_PASSPHRASE", "battery staple");
    let ran = folder.run(&arguments);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot decrypt the key"), "{}", ran.err);
}

#[test]
fn a_rotated_key_is_exported_until_it_is_removed() {
    let folder = new_folder();
    let old = folder.run(&["keys", "generate", "--json"]).json()["kid"].clone();
    let new = folder.run(&["keys", "rotate", "--json"]).json()["kid"].clone();
    let exported = || {
        let keys = folder.run(&["keys", "export"]).json()["keys"].clone();
        keys.as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(exported(), [old.clone(), new.clone()]);
    let kid = |kid: &serde_json::Value| kid.as_str().unwrap().to_owned();
    assert_eq!(folder.run(&["keys", "remove", "publisher", &kid(&new), "--yes"]).code, 2);
    assert_eq!(
        folder.run(&["keys", "remove", "publisher", &kid(&old)]).code,
        2,
        "nobody was asked"
    );
    assert_eq!(folder.run(&["keys", "remove", "publisher", &kid(&old), "--yes"]).code, 0);
    assert_eq!(exported(), [new]);
}

#[test]
fn private_files_are_for_their_owner_alone() {
    let folder = new_folder().trusting();
    assert_eq!(folder.run(&["keys", "generate"]).code, 0);
    let mode = |name: &str| folder.file(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("data/keys"), 0o700);
    assert_eq!(mode("data/keys/publisher-1.pem"), 0o600);
    assert_eq!(mode("trust.toml"), 0o600);
}

#[test]
fn a_publisher_is_trusted_only_after_confirmation() {
    let folder = new_folder().trusting();
    let before = folder.text("trust.toml");
    let add = ["trust", "add", "https://other.example", "--key", "publisher.jwk"];
    for flags in [&[][..], &["--thumbprint", "AAAA"], &["--json"]] {
        assert_eq!(folder.run(&[&add[..], flags].concat()).code, 2);
        assert_eq!(folder.text("trust.toml"), before);
    }
}

#[test]
fn a_file_is_signed_as_a_whole_or_not_at_all() {
    let folder = new_folder();
    folder.put(
        "tool.json",
        r#"{"tools":[{"name":"scan","inputSchema":{}},{"name":"other","inputSchema":{}}]}"#,
    );
    let ran = folder.run(&[
        "sign",
        "tool.json",
        "--key",
        "publisher.pem",
        "--spec",
        "spec.toml",
        "-o",
        "s.json",
    ]);
    assert_eq!(ran.code, 2);
    assert!(!folder.file("s.json").exists());
}

#[test]
fn json_is_one_document_also_for_an_error() {
    let folder = new_folder();
    let ran = folder.run(&["verify", "tool.json", "--json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.json()["next"], "etdi init");
    assert_eq!(ran.err, "");
}

#[test]
fn quiet_prints_no_text_and_sets_the_exit_code() {
    let folder = new_folder().trusting().signed();
    let ran = folder.run(&["verify", "signed.json", "--quiet"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[test]
fn only_a_token_that_was_checked_gives_status_0() {
    let issuer = FixedIssuer::start();
    let folder = new_folder();
    let good = token(&claims(&issuer.url));
    let named = ["token", "--json", "--danger-loopback-http", "--issuer", &issuer.url];
    let all = [&named[..], &["--audience", "https://api.example"]].concat();
    assert_eq!(folder.run_with(&all, &good).code, 0);
    assert_eq!(folder.run_with(&all, &format!("Bearer {good}\n")).code, 0);
    assert_eq!(folder.run_with(&named, &good).code, 2, "no audience");
    assert_eq!(folder.run_with(&["token"], &good).code, 2, "no issuer");
    let scoped = [&all[..], &["--scope", "admin"]].concat();
    assert_eq!(folder.run_with(&scoped, &good).code, 1);
    let mut expired = claims(&issuer.url);
    expired["exp"] = json!(1_767_225_601);
    let ran = folder.run_with(&all, &token(&expired));
    assert_eq!((ran.code, &ran.json()["status"]), (1, &json!("invalid")));
    let (input, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", etdi::keys::base64url_encode(&[0; 64]));
    let ran = folder.run_with(&all, &forged);
    assert_eq!((ran.code, &ran.json()["status"]), (1, &json!("invalid")));
    let gone = [
        "token",
        "--json",
        "--danger-loopback-http",
        "--issuer",
        "http://127.0.0.1:1",
        "--audience",
        "https://api.example",
    ];
    assert_eq!(folder.run_with(&gone, &good).json()["status"], "unverified");
}

#[test]
fn a_token_as_an_argument_is_refused_and_not_repeated() {
    let token = token(&claims("https://login.example"));
    for arguments in [vec!["token", &token], vec!["token", "--json", &token]] {
        let ran = new_folder().run(&arguments);
        assert_eq!(ran.code, 2);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("as an argument") && !said.contains(&token), "{said}");
    }
}

#[test]
fn a_line_that_is_not_an_event_is_reported() {
    let folder = new_folder();
    folder.put("events.jsonl", &format!("{}garbage\n", include_str!("events.jsonl")));
    let ran = folder.run(&["audit", "events.jsonl"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("events.jsonl, line 5"), "{}", ran.err);
    let ran = folder.run(&["audit", "events.jsonl", "--json", "--type", "tool_approved"]);
    assert_eq!((ran.code, ran.json()["events"].as_array().unwrap().len()), (2, 1));
}

#[test]
fn completions_name_every_command() {
    let script = new_folder().run(&["completions", "bash"]).out;
    for command in etdi_cli::command().get_subcommands() {
        assert!(script.contains(command.get_name()), "{}", command.get_name());
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let issuer = FixedIssuer::start();
    let folder = new_folder()
        .trusting()
        .set("ETDI_KEY_PASSPHRASE", "correct horse")
        .set("ETDI_CLIENT_SECRET", "very-s3cret");
    let bearer = token(&claims(&issuer.url));
    let signature = bearer.rsplit_once('.').unwrap().1.to_owned();
    let private = PRIVATE_PEM.lines().nth(1).unwrap().trim();
    let idp =
        ["--issuer", &issuer.url, "--audience", "https://api.example", "--danger-loopback-http"];
    let runs: [&[&str]; 6] = [
        &["keys", "generate", "--passphrase"],
        &["keys", "export"],
        &["sign", "tool.json", "--key", "publisher.pem", "--spec", "spec.toml"],
        &["sign", "publisher.pem", "--key", "publisher.pem", "--spec", "publisher.pem"],
        &[&["doctor", "--client-id", "c"], &idp[..]].concat(),
        &[&["token"], &idp[..]].concat(),
    ];
    for arguments in runs {
        for json in [&[][..], &["--json"]] {
            let ran = folder.run_with(&[arguments, json].concat(), &bearer);
            for secret in ["correct horse", "very-s3cret", private, &bearer, &signature] {
                let shown = format!("{}{}", ran.out, ran.err);
                assert!(!shown.contains(secret), "{arguments:?} shows {secret}:\n{shown}");
            }
        }
    }
    assert_eq!(key().kid().len(), 43);
}

/// A step of more than a second shows a message, which disappears at its end. Ctrl-C ends the command
/// while a server hangs.
#[test]
fn a_slow_step_is_shown_until_it_is_interrupted() {
    let folder = new_folder().trusting().serving(&json!([]));
    let hangs =
        folder.text("server.sh").replace("IFS= read -r tools", "sleep 60; IFS= read -r tools");
    folder.put("server.sh", &hangs);
    let discover = [&["discover"], &COMMAND[..]].concat();
    let says = "listing and judging the tools of /bin/sh server.sh";
    for columns in [80, 120] {
        let screen = run(&folder, columns, &discover, &[(says, INTERRUPT)]);
        assert_eq!(screen.code, 130, "{}", screen.text());
        // The terminal itself prints the Ctrl-C at the place of the cursor, so only the end is compared.
        assert!(screen.text().ends_with("interrupted"), "{}", screen.text());
    }
}

#[test]
fn an_interrupted_question_changes_nothing() {
    let folder = new_folder().trusting();
    let before = folder.text("trust.toml");
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let count = files();
    let add = ["trust", "add", "https://other.example", "--key", "publisher.jwk"];
    let screen = run(&folder, 80, &add, &[("Are these the thumbprints", "\u{3}")]);
    assert_eq!(screen.code, 130, "{}", screen.text());
    let screen =
        run(&folder, 80, &["keys", "generate", "--passphrase"], &[("A passphrase", "\u{3}")]);
    assert_eq!(screen.code, 130, "{}", screen.text());
    assert_eq!((folder.text("trust.toml"), files()), (before, count));
}
