//! Every screen in four views: at 80 and 120 columns, plain and in colour.

use etdi_testkit::folder::Folder;
use etdi_testkit::publisher::{claims, token};
use etdi_testkit::terminal::Script;
use etdi_testkit::views::{Views, views_without};

use crate::issuer::FixedIssuer;
use crate::program::new_folder;

/// Returns the plain view at 80 columns of a screen without text from outside, after the checks of all
/// four views.
pub(crate) fn views(
    folder: impl Fn() -> Folder,
    arguments: &[&str],
    script: Script<'_>,
    code: i32,
) -> String {
    views_without(Views::Four, &[], folder, arguments, script, code)
}

macro_rules! screen {
    ($name:ident, $folder:expr, $arguments:expr, $script:expr, $code:expr) => {
        #[test]
        fn $name() {
            let shown = views($folder, $arguments, $script, $code);
            insta::assert_snapshot!(stringify!($name), shown);
        }
    };
}

fn keyed() -> Folder {
    let folder = new_folder();
    assert_eq!(folder.run(&["keys", "generate"]).code, 0);
    folder
}

fn rotated() -> Folder {
    let folder = keyed();
    assert_eq!(folder.run(&["keys", "rotate"]).code, 0);
    folder
}

fn trusting() -> Folder {
    new_folder().trusting().signed()
}

fn logged() -> Folder {
    let folder = new_folder();
    folder.put("events.jsonl", include_str!("events.jsonl"));
    folder
}

screen!(help, new_folder, &["--help"], &[], 0);
screen!(help_sign, new_folder, &["help", "sign"], &[], 0);
screen!(help_token, new_folder, &["token", "-h"], &[], 0);

/// At both widths, no line of a help text is broken at the edge. The pages show some of these texts.
#[test]
fn help_of_every_command() {
    for command in etdi_cli::command().get_subcommands().filter(|one| !one.is_hide_set()) {
        let name = command.get_name();
        let shown = views(new_folder, &["help", name], &[], 0);
        insta::assert_snapshot!(format!("help_of_{name}"), shown);
    }
}

screen!(exit_codes, new_folder, &["exit-codes"], &[], 0);
screen!(wrong_usage, new_folder, &["verify"], &[], 2);

screen!(init_empty, new_folder, &["init", "--empty"], &[], 0);
screen!(init_refuses_to_overwrite, trusting, &["init"], &[], 2);
screen!(
    init_asks,
    || {
        let folder = new_folder().trusting();
        std::fs::remove_file(folder.file("trust.toml")).unwrap();
        folder
    },
    &["init"],
    &[
        ("Name a publisher now?", "y"),
        ("Its id, a URI", "https://trustedsoft.example\r"),
        ("The authority of its tool ids", "\r"),
        ("Where are its keys?", "\u{1b}[B\r"),
        ("The file", "publisher.jwk\r"),
        ("Are these the thumbprints", "y"),
    ],
    0
);

screen!(trust_list, trusting, &["trust", "list"], &[], 0);
screen!(
    trust_remove,
    trusting,
    &["trust", "remove", "https://trustedsoft.example"],
    &[("Stop trusting https://trustedsoft.example?", "y")],
    0
);
screen!(
    trust_add_declined,
    || {
        let folder = trusting();
        assert_eq!(
            folder.run(&["trust", "remove", "--yes", "https://trustedsoft.example"]).code,
            0
        );
        folder
    },
    &["trust", "add", "https://trustedsoft.example", "--key", "publisher.jwk"],
    &[("Are these the thumbprints", "n")],
    2
);

#[test]
fn trust_add_fetched() {
    let issuer = FixedIssuer::start();
    let jwks = issuer.jwks();
    let arguments =
        ["trust", "add", "https://other.example", "--jwks-uri", &jwks, "--danger-loopback-http"];
    let shown = views(trusting, &arguments, &[("Are these the thumbprints", "y")], 0);
    insta::assert_snapshot!("trust_add_fetched", shown);
}

#[test]
fn doctor_is_content() {
    let issuer = FixedIssuer::start();
    let folder = || trusting().set("ETDI_CLIENT_SECRET", "s3cret");
    let arguments = [
        "doctor",
        "--issuer",
        &issuer.url,
        "--client-id",
        "my-client",
        "--audience",
        "https://api.example",
        "--scope",
        "execute:tools",
        "--danger-loopback-http",
    ];
    insta::assert_snapshot!("doctor_is_content", views(folder, &arguments, &[], 0));
}

#[test]
fn doctor_finds_a_wrong_issuer() {
    let issuer = FixedIssuer::start();
    let with_slash = format!("{}/", issuer.url);
    let arguments = ["doctor", "--issuer", &with_slash, "--danger-loopback-http"];
    insta::assert_snapshot!("doctor_finds_a_wrong_issuer", views(new_folder, &arguments, &[], 1));
}

screen!(keys_generate, new_folder, &["keys", "generate"], &[], 0);
screen!(
    keys_generate_with_a_passphrase,
    new_folder,
    &["keys", "generate", "ci", "--passphrase"],
    &[("A passphrase for the new key", "correct horse\r"), ("Repeat it", "correct horse\r")],
    0
);
screen!(keys_list, rotated, &["keys", "list"], &[], 0);
screen!(keys_list_empty, new_folder, &["keys", "list"], &[], 0);
screen!(keys_rotate, keyed, &["keys", "rotate"], &[], 0);
#[test]
fn keys_remove() {
    let folder = rotated();
    let keys = folder.run(&["keys", "list", "--json"]).json();
    let mut keys = keys["keys"].as_array().unwrap().iter();
    let old = keys.find(|key| key["state"] == "published").unwrap()["kid"].as_str().unwrap();
    let arguments = ["keys", "remove", "publisher", old];
    let shown = views(|| folder.copied(), &arguments, &[("Remove the key", "y")], 0);
    insta::assert_snapshot!("keys_remove", shown.replacen(old, &"K".repeat(43), 1));
}

screen!(keys_export, rotated, &["keys", "export"], &[], 0);
screen!(keys_of_no_such_name, new_folder, &["keys", "export", "ci"], &[], 2);

screen!(
    sign,
    new_folder,
    &[
        "sign",
        "tool.json",
        "--key",
        "publisher.pem",
        "--spec",
        "spec.toml",
        "--output",
        "signed.json"
    ],
    &[],
    0
);
screen!(sign_without_specification, new_folder, &["sign", "tool.json"], &[], 2);
screen!(verify_trusted, trusting, &["verify", "signed.json"], &[], 0);
screen!(
    verify_unknown,
    || {
        let folder = new_folder().signed();
        assert_eq!(folder.run(&["init", "--empty"]).code, 0);
        folder
    },
    &["verify", "signed.json"],
    &[],
    1
);
screen!(
    verify_changed,
    || {
        let folder = trusting();
        let text = folder.text("signed.json");
        folder.put("signed.json", &text.replace("personal data", "passwords\u{202e}"));
        folder
    },
    &["verify", "signed.json"],
    &[],
    1
);

screen!(audit, logged, &["audit", "events.jsonl"], &[], 0);
screen!(
    audit_alarms,
    logged,
    &["audit", "events.jsonl", "--alarms", "--since", "2026-11-22T10:00:00Z"],
    &[],
    0
);

#[test]
fn token_unverified() {
    let text = format!("{}\r", token(&claims("https://login.example")));
    let shown = views(new_folder, &["token"], &[("The token", &text)], 2);
    insta::assert_snapshot!("token_unverified", shown);
}

screen!(token_malformed, new_folder, &["token"], &[("The token", "garbage\r")], 2);

#[test]
fn token_valid() {
    let issuer = FixedIssuer::start();
    let text = format!("{}\r", token(&claims(&issuer.url)));
    let arguments = [
        "token",
        "--issuer",
        &issuer.url,
        "--audience",
        "https://api.example",
        "--danger-loopback-http",
    ];
    insta::assert_snapshot!(
        "token_valid",
        views(new_folder, &arguments, &[("The token", &text)], 0)
    );
}

#[test]
fn token_for_somebody_else() {
    let issuer = FixedIssuer::start();
    let text = format!("{}\r", token(&claims(&issuer.url)));
    let arguments = [
        "token",
        "--issuer",
        &issuer.url,
        "--audience",
        "https://other.example",
        "--danger-loopback-http",
    ];
    let shown = views(new_folder, &arguments, &[("The token", &text)], 1);
    insta::assert_snapshot!("token_for_somebody_else", shown);
}
