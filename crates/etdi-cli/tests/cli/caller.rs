//! Approvals for the calls of a host that obtains access tokens.

use etdi::decision::Action;
use etdi::{AuthorizationContext, EtdiClient, SqliteApprovals, TrustConfig};
use etdi_testkit::folder::Folder;
use etdi_testkit::terminal::run;
use serde_json::json;

use crate::program::new_folder;
use crate::server::HttpServer;

const ISSUER: &str = "https://tenant.example/";
const FOR: [&str; 4] = ["--for-client", "host", "--for-issuer", ISSUER];

fn folder() -> Folder {
    new_folder().trusting().serving(&json!([{ "name": "scan", "inputSchema": {} }]))
}

fn principal(subject: &str) -> AuthorizationContext {
    let (issuer, subject, client) = (ISSUER.to_owned(), subject.to_owned(), "host".to_owned());
    AuthorizationContext::Principal { issuer, subject, client }
}

/// Returns whether the command's approvals allow the tool to a host that calls in this context.
fn allows(folder: &Folder, url: &str, context: AuthorizationContext) -> bool {
    let store = SqliteApprovals::open(folder.file("data/approvals.db")).unwrap();
    let client = EtdiClient::builder(TrustConfig::default())
        .approvals(store)
        .authorization_context(context)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tools = runtime.block_on(async {
        let connection = client.connect_http(url).await.unwrap();
        connection.discover().await.unwrap()
    });
    match tools.as_slice() {
        [tool] => matches!(tool.action(), Action::Allow | Action::Warn),
        _ => panic!("{tools:?}"),
    }
}

#[test]
fn an_approval_counts_only_for_its_caller() {
    let folder = folder();
    let server = HttpServer::start(&folder);
    let (url, none) = (server.url.as_str(), AuthorizationContext::None);
    let digest = folder.run(&["show", "scan", url, "--json"]).json()["digest"].clone();
    let yes = |caller: &[&str]| {
        let yes = ["approve", "scan", url, "--by", "alice", "--yes", digest.as_str().unwrap()];
        folder.run(&[&yes[..], caller].concat())
    };

    assert_eq!(yes(&FOR).code, 0);
    assert!(allows(&folder, url, principal("host")));
    assert!(!allows(&folder, url, principal("bob")));
    assert!(!allows(&folder, url, none));
    // The command itself also distinguishes the callers.
    assert_eq!(folder.run(&["discover", url]).code, 1);
    assert_eq!(folder.run(&[&["discover", url], &FOR[..]].concat()).code, 0);
    assert_eq!(folder.run(&[&["diff", "scan", url], &FOR[..]].concat()).code, 0);

    assert_eq!(yes(&[&FOR[..], &["--for-subject", "bob"]].concat()).code, 0);
    assert!(allows(&folder, url, principal("bob")));
    let listed = folder.run(&["list"]).out;
    assert!(listed.contains("calls of the client host of https://tenant.example/"), "{listed}");
    assert!(listed.contains("calls for bob, by the client host of"), "{listed}");
}

#[test]
fn the_question_and_the_next_command_name_the_caller() {
    let folder = folder();
    let arguments = ["approve", "scan", "--by", "alice", "--", "/bin/sh", "server.sh"];
    let arguments = [&FOR[..], &arguments].concat();
    let arguments = [&["approve"], &arguments[..4], &arguments[5..]].concat();
    let screen = run(&folder, 120, &arguments, &[("Approve this tool as shown?", "n")]);
    let text = screen.text();
    assert!(text.contains("approvals for: calls of the client host of"), "{text}");
    let ran = folder.run(&[&["discover"], &FOR[..], &["--", "/bin/sh", "server.sh"]].concat());
    let next = "--for-client host --for-issuer https://tenant.example/ -- /bin/sh server.sh";
    assert!(ran.err.contains(next), "{}", ran.err);
}

#[test]
fn an_incomplete_caller_is_refused() {
    let folder = folder();
    for half in [&FOR[..2], &FOR[2..], &["--for-subject", "bob"]] {
        let ran = folder.run(&[&["discover"], half, &["--", "/bin/sh", "server.sh"]].concat());
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains("required"), "{}", ran.err);
    }
}

/// `revoke` removes the approvals for every caller, so it does not take the flags of a caller.
#[test]
fn the_revocation_that_a_message_names_can_be_typed() {
    let folder = folder();
    let on = ["--", "/bin/sh", "server.sh"];
    let digest =
        folder.run(&[&["show", "scan", "--json"], &on[..]].concat()).json()["digest"].clone();
    let yes = ["approve", "scan", "--by", "alice", "--yes", digest.as_str().unwrap()];
    assert_eq!(folder.run(&[&yes[..], &FOR, &on].concat()).code, 0);
    let until = ["--until", "2099-01-01"];
    let ran = folder.run(&[&yes[..], &until, &FOR, &on].concat());
    let (_, next) = ran.err.split_once("next: etdi ").unwrap();
    let words: Vec<_> = next.split_whitespace().chain(["--yes"]).collect();
    assert_eq!(words, ["revoke", "scan", "--", "/bin/sh", "server.sh", "--yes"]);
    assert_eq!(folder.run(&[&["revoke", "scan", "--yes"], &on[..]].concat()).code, 0);
}
