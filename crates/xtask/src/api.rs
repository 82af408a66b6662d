//! `cargo xtask api`.

mod print;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rustdoc_types::{Crate, FORMAT_VERSION};
use serde::Deserialize;

use crate::page::Place;
use crate::step::Step;
use crate::workspace;
use print::Api;

/// The folder of the public APIs, with one file for each crate.
const FOLDER: &str = "docs/api";

/// The environment variable that [`document`] sets: this program then runs in place of rustdoc.
const IN_PLACE_OF_RUSTDOC: &str = "ETDI_XTASK_IN_PLACE_OF_RUSTDOC";

/// The place of the table of foreign crates whose types appear in the public APIs.
const FOREIGN: Place = Place {
    page: "docs/public-api.md",
    begin: "<!-- foreign crates: written by `cargo xtask api --write` -->\n",
    end: "<!-- end of the foreign crates -->",
    command: "cargo xtask api",
};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Write the public APIs to `docs/api`, and the foreign crates to `docs/public-api.md`.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let packages = workspace::packages()?;
    let crates: Vec<String> = packages
        .into_iter()
        .filter(|package| package.published && package.library)
        .map(|package| package.name)
        // The library of `etdi-cli` is only for its own binary.
        .filter(|name| name != "etdi-cli")
        .collect();
    let version = rustc_version()?;
    document()?;
    let mut apis = Vec::new();
    for name in &crates {
        apis.push((name.as_str(), read(name)?));
    }
    compare(&workspace::root().join(FOLDER), &apis, &version, options.write)?;
    FOREIGN.show(&foreign(&apis), options.write)
}

/// Runs rustdoc if cargo started this program in place of it, as `document` asks cargo to do.
///
/// Only rustdoc gets `RUSTC_BOOTSTRAP`, which allows its unstable options. Build scripts read the
/// variable as well, so setting it for the whole build would compile everything again.
#[expect(clippy::disallowed_methods, reason = "cargo passes only the environment on")]
pub(crate) fn in_place_of_rustdoc() -> Option<ExitCode> {
    env::var_os(IN_PLACE_OF_RUSTDOC)?;
    let mut rustdoc = Command::new("rustdoc");
    rustdoc.args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1");
    let succeeded = rustdoc.status().is_ok_and(|status| status.success());
    Some(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes rustdoc's JSON for every crate of the workspace to `target/doc`.
///
/// The packages and features are the same as in CI's documentation step, so the dependencies are
/// compiled once for both.
fn document() -> Result<()> {
    let here = env::current_exe().context("cannot find the path of this program")?;
    Step::cargo("public APIs")
        .args(["doc", "--quiet", "--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOC", here)
        .env(IN_PLACE_OF_RUSTDOC, "1")
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow")
        .run()
}

fn read(name: &str) -> Result<Api> {
    let file = format!("{}.json", name.replace('-', "_"));
    let path = workspace::target_folder()?.join("doc").join(file);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("cannot read {}", path.display()))
}

fn parse(text: &str) -> Result<Api> {
    /// The one member that is the same in every format.
    #[derive(Deserialize)]
    struct Format {
        format_version: u32,
    }
    let Format { format_version: found } = serde_json::from_str(text)?;
    ensure!(
        found == FORMAT_VERSION,
        "rustdoc writes format {found}, and this command reads format {FORMAT_VERSION}: use the \
         rustc that the files in {FOLDER} name, or another version of `rustdoc-types`"
    );
    let krate: Crate = serde_json::from_str(text)?;
    Ok(print::api(&krate))
}

/// Compares the APIs with the files of `folder`, or writes them there.
fn compare(folder: &Path, apis: &[(&str, Api)], version: &str, write: bool) -> Result<()> {
    let mut wrong = String::new();
    for (name, api) in apis {
        let path = folder.join(file_of(name));
        let written = fs::read_to_string(&path).unwrap_or_default();
        let (head, items) = written.split_once('\n').unwrap_or_default();
        let text = api.lines.iter().fold(String::new(), |text, line| text + line + "\n");
        if items == text {
            continue;
        }
        if write {
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, format!("# {name}, by rustc {version}\n{text}")))
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("{FOLDER}/{} is written", file_of(name));
            continue;
        }
        let by = match head.rsplit_once(", by ") {
            Some((_, rustc)) => format!("written with {rustc}"),
            None => "not there".to_owned(),
        };
        let _ = writeln!(wrong, "{FOLDER}/{} ({by}):", file_of(name));
        wrong.push_str(&difference(items, &text));
    }
    let known: BTreeSet<String> = apis.iter().map(|(name, _)| file_of(name)).collect();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if !known.contains(&file) {
            let _ = writeln!(wrong, "{FOLDER}/{file}: not a library crate of the workspace");
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "the public API is not the one in {FOLDER} (this is rustc {version}):\n{wrong}\nread what \
         changed, then run\n    cargo xtask api --write"
    )
}

fn file_of(name: &str) -> String {
    format!("{name}.txt")
}

/// Returns the lines that only one of two texts has.
fn difference(before: &str, after: &str) -> String {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (before.lines().collect(), after.lines().collect());
    let gone =
        before.lines().filter(|line| !new.contains(line)).map(|line| format!("  - {line}\n"));
    let come = after.lines().filter(|line| !old.contains(line)).map(|line| format!("  + {line}\n"));
    let lines: String = gone.chain(come).collect();
    if lines.is_empty() { "  the order of the items\n".to_owned() } else { lines }
}

/// Returns a table: each crate of this workspace with the foreign crates whose types it shows.
fn foreign(apis: &[(&str, Api)]) -> String {
    let mut table = String::from("| crate | shows types and traits of |\n| --- | --- |\n");
    for (name, Api { foreign, .. }) in apis {
        let shown: Vec<String> = foreign
            .iter()
            .filter(|name| !name.starts_with("etdi"))
            .map(|name| format!("`{name}`"))
            .collect();
        let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
        let _ = writeln!(table, "| `{name}` | {shown} |");
    }
    table
}

fn rustc_version() -> Result<String> {
    let output = Step::new("version", "rustc").args(["--version"]).probe()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(1).context("`rustc --version` names no version")?;
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns rustdoc's JSON for a crate with this text.
    fn documented(text: &str) -> String {
        let folder = workspace::target_folder().unwrap().join("xtask/sample");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("sample.rs"), text).unwrap();
        let made = Step::new("sample", "rustdoc")
            .args(["--edition", "2024", "-Z", "unstable-options", "--output-format", "json"])
            .args(["--out-dir".as_ref(), folder.as_os_str(), folder.join("sample.rs").as_os_str()])
            .env("RUSTC_BOOTSTRAP", "1")
            .probe()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::read_to_string(folder.join("sample.json")).unwrap()
    }

    #[test]
    fn each_item_is_one_line() {
        let json = documented(include_str!("api/sample.rs"));
        match parse(&json) {
            Ok(api) => {
                let expected: Vec<&str> = include_str!("api/sample.txt").lines().collect();
                assert_eq!(api.lines, expected);
                assert!(api.foreign.is_empty(), "{:?}", api.foreign);
            }
            Err(error) => {
                // The version of this rustc is not CI's, so the command must refuse its format.
                let format = format!(r#""format_version":{FORMAT_VERSION}}}"#);
                assert!(!json.contains(&format), "{error:#}");
                assert!(error.to_string().starts_with("rustdoc writes format "), "{error:#}");
            }
        }
    }

    #[test]
    fn another_format_is_refused() {
        let error = parse(r#"{"format_version": 1}"#).err().unwrap().to_string();
        assert!(error.starts_with("rustdoc writes format 1, and this command reads"), "{error}");
    }

    #[test]
    fn a_changed_api_is_shown_and_written_when_asked_for() {
        let folder = workspace::target_folder().unwrap().join("xtask/compared");
        let _ = fs::remove_dir_all(&folder);
        let api = |lines: &[&str]| {
            let lines = lines.iter().map(|&line| line.to_owned()).collect();
            vec![("small", Api { lines, foreign: BTreeSet::new() })]
        };
        let compare =
            |lines: &[&str], version, write| compare(&folder, &api(lines), version, write);
        let message = compare(&["pub mod a"], "1.2.3", false).unwrap_err().to_string();
        assert!(message.contains("docs/api/small.txt (not there):\n  + pub mod a\n"));

        compare(&["pub mod a", "pub mod b"], "1.2.3", true).unwrap();
        let written = fs::read_to_string(folder.join("small.txt")).unwrap();
        assert_eq!(written, "# small, by rustc 1.2.3\npub mod a\npub mod b\n");

        compare(&["pub mod a", "pub mod b"], "1.3.0", false).unwrap();
        let message = compare(&["pub mod a", "pub mod c"], "1.3.0", false).unwrap_err().to_string();
        assert!(message.contains(
            "(this is rustc 1.3.0):\ndocs/api/small.txt (written with rustc 1.2.3):\n  - pub mod b\n  \
             + pub mod c\n"
        ), "{message}");
        let message = compare(&["pub mod b", "pub mod a"], "1.3.0", false).unwrap_err().to_string();
        assert!(message.contains("the order of the items"), "{message}");

        fs::write(folder.join("gone.txt"), "").unwrap();
        let message = compare(&["pub mod a", "pub mod b"], "1.3.0", false).unwrap_err().to_string();
        assert!(message.contains("docs/api/gone.txt: not a library crate"), "{message}");
    }

    /// Returns the structs of an API that cannot get a new field later: all fields are public, so
    /// another crate can write the struct as a literal, which would not compile any longer.
    fn literals(api: &str) -> BTreeSet<&str> {
        let is_field = |line: &&str, name: &str| {
            line.strip_prefix("pub ").and_then(|line| line.strip_prefix(name)).is_some_and(|rest| {
                rest.starts_with("::") && rest.contains(": ") && !rest.contains('(')
            })
        };
        let structs = api.lines().filter(|line| !line.contains("#[non_exhaustive] "));
        structs
            .filter_map(|line| Some(line.split_once("pub struct ")?.1))
            .filter(|name| !name.contains([' ', ';', '(']))
            .filter(|name| api.lines().any(|line| is_field(&line, name.split('<').next().unwrap())))
            .collect()
    }

    #[test]
    fn public_structs_can_grow() {
        let api = "pub struct A\npub A::x: u8\n#[non_exhaustive] pub struct B\npub B::x: u8\n\
                   pub struct C { .. }\n#[must_use] pub struct D<'a>\npub D::x: &'a u8\n";
        assert_eq!(literals(api), ["A", "D<'a>"].into());
        let folder = workspace::root().join(FOLDER);
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            found.extend(literals(&text).into_iter().map(str::to_owned));
        }
        // `Case` holds all inputs of a verdict. A caller that lacks a new input must not compile.
        assert_eq!(found, ["judge::Case<'a>".to_owned()].into());
    }

    #[test]
    fn the_table_of_foreign_crates_leaves_our_own_out() {
        let foreign_crates = ["etdi_types", "rmcp", "time"].map(str::to_owned).into();
        let apis = [
            ("small", Api { lines: Vec::new(), foreign: foreign_crates }),
            ("facade", Api { lines: Vec::new(), foreign: BTreeSet::new() }),
        ];
        assert_eq!(
            foreign(&apis),
            "| crate | shows types and traits of |\n| --- | --- |\n| `small` | `rmcp`, `time` |\n\
             | `facade` | none |\n"
        );
    }
}
