//! Checks that every code block is of a known kind, and that a test or a command runs each kind of
//! code.
//!
//! | language | what runs it |
//! | --- | --- |
//! | `rust` | rustdoc: the page is part of `tests/src/lib.rs` |
//! | `rs`, `python` | a console block on the same page: the block is an `{{#include …}}` of a program |
//! | `console` | `cargo xtask book` |
//! | `toml`, `json` | here: an attribute of the block says which file it is |
//! | `js` | Node.js: `action.rs` |
//! | `text` | not run: it is not code |

use std::fs;

use etdi::events::EventRecord;
use etdi::review::ReviewPolicy;
use etdi::{Jwk, Lockfile, SecureServer, ToolDefinition, TrustConfig};
use etdi_testkit::book::{Block, blocks, folder, page};
use serde_json::Value;

/// The blocks that need an account at an identity provider: page and first line.
const NEED_A_TENANT: &[(&str, &str)] = &[
    ("auth0.md", "# the registry"),
    ("auth0.md", "export ETDI_ATTESTATION_AUDIENCE=https://attestations.trustedsoft.example"),
];

#[test]
fn every_block_is_of_a_kind_that_something_runs() {
    for block in blocks() {
        let place = block.place();
        if block.needs_tenant() {
            continue;
        }
        let attributes: Vec<&str> = block.attributes().collect();
        match (block.language(), attributes.as_slice()) {
            ("rust", [] | ["no_run" | "compile_fail"]) => is_a_documentation_test(&block),
            ("rs" | "python", []) => is_a_program_that_runs(&block),
            ("console" | "js" | "text", []) => {}
            ("toml", ["trust"]) => drop(TrustConfig::parse(&block.text).expect(&place)),
            ("toml", ["review-policy"]) => {
                let _: ReviewPolicy = toml::from_str(&block.text).expect(&place);
            }
            ("toml", ["lockfile"]) => {
                let lockfile = Lockfile::parse(&block.text).expect(&place);
                assert_eq!(lockfile.to_string(), block.text, "{place}");
            }
            ("toml", ["dependencies"]) => names_our_dependencies(&block),
            ("json", ["tool"]) => drop(ToolDefinition::parse(block.text.as_bytes()).expect(&place)),
            ("json", ["definitions"]) => drop(SecureServer::presigned(&block.text).expect(&place)),
            ("json", ["jwk"]) => drop(serde_json::from_str::<Jwk>(&block.text).expect(&place)),
            ("json", ["event"]) => {
                let record: EventRecord = serde_json::from_str(&block.text).expect(&place);
                let given: Value = serde_json::from_str(&block.text).expect(&place);
                assert_eq!(serde_json::to_value(record).expect(&place), given, "{place}");
            }
            _ => panic!("{place}: blocks of `{}` are not run", block.info),
        }
    }
}

#[test]
fn the_blocks_that_need_a_tenant_are_known() {
    let found: Vec<Block> = blocks().into_iter().filter(Block::needs_tenant).collect();
    for block in &found {
        println!("{}: needs a tenant", block.place());
    }
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|block| (block.page.as_str(), block.text.lines().next().unwrap_or_default()))
        .collect();
    assert_eq!(found, NEED_A_TENANT);
}

/// Checks that `tests/src/lib.rs` includes the page, so that rustdoc runs its blocks.
fn is_a_documentation_test(block: &Block) {
    let library = fs::read_to_string(folder().join("../tests/src/lib.rs")).unwrap();
    let included = format!("include_str!(\"../../docs/{}\")", block.page);
    assert!(
        library.contains(&included),
        "{}: tests/src/lib.rs must have {included}",
        block.place()
    );
}

/// Checks that the block is one include of a file, and that a console block of the page runs that file.
fn is_a_program_that_runs(block: &Block) {
    let place = block.place();
    let path = block.text.trim().strip_prefix("{{#include ").and_then(|t| t.strip_suffix("}}"));
    let path = path.unwrap_or_else(|| panic!("{place}: the block must be one {{{{#include …}}}}"));
    let program = folder().join(&block.page).with_file_name(path);
    assert!(program.is_file(), "{place}: the file {path} does not exist");
    let stem = program.file_stem().unwrap_or_default().to_string_lossy();
    let runs = |other: &Block| {
        let commands = other.text.lines().filter(|line| line.starts_with("$ "));
        commands
            .flat_map(str::split_whitespace)
            .any(|word| word == stem || word.ends_with(&format!("/{stem}.py")))
    };
    let runs =
        blocks().iter().any(|b| b.page == block.page && b.language() == "console" && runs(b));
    assert!(runs, "{place}: no console block of this page runs {stem}");
}

/// Checks that the dependencies that a page names are the dependencies of the workspace.
fn names_our_dependencies(block: &Block) {
    let workspace = fs::read_to_string(folder().join("../Cargo.toml")).unwrap();
    let lines = block.text.lines().filter(|line| !line.is_empty() && *line != "[dependencies]");
    for line in lines {
        let (name, wanted) =
            line.split_once(" = ").unwrap_or_else(|| panic!("{}: {line}", block.place()));
        let ours = workspace.lines().find_map(|l| l.strip_prefix(&format!("{name} = ")));
        let ours = ours.unwrap_or_else(|| panic!("{}: we do not depend on {name}", block.place()));
        let version = version_in(wanted).unwrap_or_else(|| panic!("{}: {line}", block.place()));
        let known = version_in(ours).unwrap_or_else(|| panic!("Cargo.toml: {name} has no version"));
        assert!(
            known.starts_with(version) || version.starts_with(known),
            "{}: {name} is {known}",
            block.place()
        );
    }
}

fn version_in(dependency: &str) -> Option<&str> {
    let is_version =
        |part: &&str| part.trim_start_matches('~').starts_with(|c: char| c.is_ascii_digit());
    dependency.split('"').find(is_version)
}

/// A reader who copies the program of the first page needs every crate that it uses.
#[test]
fn the_first_page_names_every_crate_of_its_program() {
    let all = blocks();
    let named = all.iter().find(|block| block.info == "toml,dependencies").unwrap();
    let example = folder().join("../crates/etdi/examples/first.rs");
    let program = fs::read_to_string(example).unwrap();
    let manifest = folder().join("../crates/etdi/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let (_, dependencies) = manifest.split_once("[dev-dependencies]\n").unwrap();
    let crates = dependencies.lines().take_while(|line| !line.is_empty());
    let crates = crates.filter_map(|line| line.split(['.', ' ']).next());
    let used: Vec<&str> =
        crates.filter(|name| program.contains(&format!("{}::", name.replace('-', "_")))).collect();
    assert!(used.len() > 2, "{used:?}");
    for name in used.into_iter().chain(["etdi"]) {
        let line = named.text.lines().any(|line| line.starts_with(&format!("{name} = ")));
        assert!(line, "{}: {name} is missing", named.place());
    }
}

/// Without any blocks, the other tests would pass and check no block.
#[test]
fn there_are_blocks_of_every_kind() {
    let all = blocks();
    for language in ["rust", "rs", "python", "console", "toml", "json", "js", "text"] {
        assert!(all.iter().any(|block| block.language() == language), "no {language} block");
    }
    assert!(page("SUMMARY.md").contains("(README.md)"));
}
