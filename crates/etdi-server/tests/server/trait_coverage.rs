//! Checks that the wrapper forwards every method of the trait. The compiler does not report a
//! method that is missing.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[test]
fn secured_forwards_every_method_that_the_trait_has() {
    let path = rmcp_folder().join("src/handler/server.rs");
    let source = std::fs::read_to_string(&path).unwrap();
    let methods = methods(&block(&source, "macro_rules! server_handler_methods"));
    // If rmcp moves the trait to another file, this list is too short and the test fails.
    assert!(methods.len() >= 32, "{} has only {methods:?}", path.display());
    assert!(methods.contains("list_tools") && methods.contains("get_tool"), "{methods:?}");

    let forwarded = include_str!("../../src/secured.rs");
    let forwarded =
        self::methods(&block(forwarded, "impl<H: ServerHandler> ServerHandler for Secured<H>"));
    assert_eq!(methods, forwarded);
}

/// Returns the block in braces that follows `head`, by the indentation of its closing brace.
fn block(source: &str, head: &str) -> String {
    let mut lines = source.lines().skip_while(|line| !line.starts_with(head));
    assert!(lines.next().is_some(), "no `{head}`");
    lines.take_while(|line| *line != "}").collect::<Vec<_>>().join("\n")
}

/// Returns the names after `fn` at the beginning of a line. A comment line begins with `//`, so its
/// words do not count.
fn methods(block: &str) -> BTreeSet<String> {
    block
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn "))
        .filter_map(|line| line.split(['(', '<']).next())
        .map(str::to_owned)
        .collect()
}

fn rmcp_folder() -> PathBuf {
    let cargo = Path::new(env!("CARGO"));
    let metadata = run(Command::new(cargo).args([
        "metadata",
        "--format-version=1",
        "--offline",
        "--filter-platform",
        &host(cargo),
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ]));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let rmcp: Vec<_> = packages.iter().filter(|package| package["name"] == "rmcp").collect();
    assert_eq!(rmcp.len(), 1, "one rmcp in the graph");
    let manifest = Path::new(rmcp[0]["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_owned()
}

/// Returns the platform of this machine. Without it, `cargo metadata --offline` fails if packages
/// of other platforms are not downloaded.
fn host(cargo: &Path) -> String {
    let beside = cargo.with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    let rustc = if beside.exists() { beside } else { PathBuf::from("rustc") };
    let version = run(Command::new(rustc).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
