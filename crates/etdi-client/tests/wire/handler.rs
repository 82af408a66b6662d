//! The host's handler gets every method. If rmcp's trait gained a method that the wrapper does not
//! forward, its calls would be lost silently.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn every_method_of_the_client_handler_is_forwarded() {
    let source = std::fs::read_to_string(rmcp().join("src/handler/client.rs")).unwrap();
    let all = methods(&block(&source, "macro_rules! client_handler_methods"));
    // If rmcp moves the methods to another file, the list is too short and this assertion fails.
    assert!(all.len() >= 16 && all.contains("on_tool_list_changed"), "{all:?}");
    let ours = include_str!("../../src/wire/handler.rs");
    let head = "impl<H: ClientHandler> ClientHandler for Observed<H>";
    let forwarded = methods(&block(ours, head));
    assert_eq!(all, forwarded);
    for name in all {
        assert!(ours.contains(&format!("self.inner.{name}(")), "{name} is not forwarded");
    }
}

/// Returns the lines after `head`, up to its closing brace.
fn block(source: &str, head: &str) -> String {
    let mut lines = source.lines().skip_while(|line| !line.starts_with(head));
    assert!(lines.next().is_some(), "no `{head}`");
    lines.take_while(|line| *line != "}").collect::<Vec<_>>().join("\n")
}

fn methods(block: &str) -> BTreeSet<String> {
    let lines = block.lines().map(str::trim_start);
    let functions =
        lines.filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn "));
    functions.filter_map(|line| Some(line.split('(').next()?.to_owned())).collect()
}

/// Returns the folder of the rmcp that this was built with.
fn rmcp() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let host = output(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = output(Command::new(env!("CARGO")).args([
        "metadata",
        "--format-version=1",
        "--offline",
        "--manifest-path",
        manifest,
        "--filter-platform",
        host,
    ]));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rmcp: Vec<_> = packages.iter().filter(|package| package["name"] == "rmcp").collect();
    assert_eq!(rmcp.len(), 1, "one rmcp in the graph");
    Path::new(rmcp[0]["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
