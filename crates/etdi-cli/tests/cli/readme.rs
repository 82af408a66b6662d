//! Runs the commands on the first page for people who write no Rust, exactly as the page shows them.

use axum::Router;
use axum::routing::get;
use etdi_testkit::folder::{Folder, SCRIPT};
use etdi_testkit::publisher::{SPEC, TOOL};
use etdi_testkit::terminal::run;
use serde_json::json;

use crate::program::new_folder;

/// Returns the commands of the block that begins with the installation, without their comments.
fn typed() -> Vec<Vec<String>> {
    let page = include_str!("../../../../README.md");
    let (_, block) = page.split_once("```sh\ncargo install --path crates/etdi-cli\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines().filter_map(|line| line.split('#').next());
    let lines = lines.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| !words.is_empty()).collect()
}

/// Returns the project of a reader: a server, a listing, and its specification.
fn project() -> Folder {
    let folder = new_folder().set("USER", "alice");
    std::fs::create_dir(folder.file("server")).unwrap();
    folder.put("server/server.sh", SCRIPT);
    folder.put("server/tools.json", &format!("[{TOOL}]\n"));
    let docs = json!({ "command": "/bin/sh", "args": ["server.sh"], "cwd": "server" });
    folder.put(".mcp.json", &json!({ "mcpServers": { "docs": docs } }).to_string());
    folder.put("tools.json", &format!("{{\"tools\":[{TOOL}]}}"));
    folder.put("spec.toml", SPEC);
    folder
}

#[test]
fn the_commands_of_the_first_page_work() {
    let folder = project();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let jwks = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let set = folder.file("published.json");
    let published = move || async move { std::fs::read_to_string(set).unwrap() };
    let router = Router::new().route("/jwks.json", get(published));
    runtime.spawn(async move { axum::serve(listener, router).await });

    let yes = [("Approve this tool as shown?", "y")];
    let trusted = [("Are these the thumbprints", "y")];
    let mut seen = Vec::new();
    for words in typed() {
        assert_eq!(words[0], "etdi");
        let command = words[1].clone();
        // A server of this test stands in for the publisher's address, which a test must not ask.
        let asks = ["trust", "verify"].contains(&command.as_str());
        let words = words.into_iter().skip(1);
        let words =
            words.map(|word| if word.ends_with("/jwks.json") { jwks.clone() } else { word });
        let words: Vec<_> =
            words.chain(asks.then(|| "--danger-loopback-http".to_owned())).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (code, script) = match command.as_str() {
            // A tool waits for approval.
            "discover" => (1, &[][..]),
            "approve" => (0, &yes[..]),
            "trust" => (0, &trusted[..]),
            _ => (0, &[][..]),
        };
        let screen = run(&folder, 120, &words, script);
        assert_eq!(screen.code, code, "{words:?}\n{}", screen.text());
        if words == ["keys", "generate"] {
            folder.put("published.json", &folder.run(&["keys", "export"]).out);
        }
        seen.push(command);
    }
    let all = ["init", "discover", "approve", "lock", "check", "keys", "sign", "trust", "verify"];
    assert_eq!(seen, all);
    assert_eq!(folder.run(&["list", "--json"]).json()["approvals"].as_array().unwrap().len(), 1);
    // In CI: another definition is drift, and a signed file that somebody changed is refused.
    folder.put("server/tools.json", &format!("[{}]\n", TOOL.replace("Looks", "Searches")));
    assert_eq!(folder.run_trusting_nobody(&["check"]).code, 1);
    folder.put("signed.json", &folder.text("signed.json").replace("Looks", "Searches"));
    assert_eq!(folder.run(&["verify", "signed.json", "--danger-loopback-http"]).code, 1);
}
