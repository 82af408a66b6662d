//! Programs that are only for tests, built as the tests were.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::step::Step;
use crate::workspace;

/// Builds the programs of these names, and says where they are.
pub(crate) fn build<const N: usize>(names: [&str; N]) -> Result<[PathBuf; N]> {
    let built = Step::cargo("programs")
        .args(["build"])
        .args(workspace::WHOLE)
        .args(names.iter().flat_map(|name| ["--bin", name]))
        // With a test beside them, they are the programs that the tests were built with.
        .args(["--test", "interop"])
        .args(["--message-format", "json-render-diagnostics"])
        .read()?;
    let mut paths = std::array::from_fn(|_| PathBuf::new());
    for (path, name) in paths.iter_mut().zip(names) {
        *path = executable(&built, name)?;
    }
    Ok(paths)
}

/// The program of this name that cargo says it built.
fn executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .with_context(|| format!("cargo does not say where {name} is"))
}
