//! Builds programs that are only for tests, with the same features as the tests.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::step::Step;
use crate::workspace;

/// Builds the programs with these names, and returns their paths.
pub(crate) fn build<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N]> {
    let built = Step::cargo("programs")
        .args(["build"])
        .args(workspace::WHOLE)
        .args(names.iter().flat_map(|name| ["--bin", name]))
        // A test in the same command brings in the features of the dev-dependencies. Without it, cargo
        // would build other programs than those that the tests use.
        .args(["--test", "interop"])
        .args(["--message-format", "json-render-diagnostics"])
        .read()?;
    let mut paths = std::array::from_fn(|_| PathBuf::new());
    for (path, name) in paths.iter_mut().zip(names) {
        *path = executable(&built, name)?;
    }
    Ok(paths)
}

/// Returns the path of the program with this name, from the messages of cargo.
fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .with_context(|| format!("cannot find the program {name}: cargo prints no path for it"))
}
