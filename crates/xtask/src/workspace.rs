//! The packages and folders of the workspace, as cargo describes them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::step::Step;

/// Returns the workspace's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// The packages and features of every command that builds tests of the whole workspace. Cargo unifies
/// features over the selected packages, so with another selection it would compile and store nearly
/// everything twice.
pub(crate) const WHOLE: &[&str] = &["--workspace", "--features", "etdi-tests/peers"];

/// A package of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The features that the package declares.
    pub(crate) features: Vec<String>,
    /// Whether the package has a library, and so can have documentation tests.
    pub(crate) library: bool,
    /// Whether the package is published to the registry.
    pub(crate) published: bool,
}

/// Returns the packages of the workspace, sorted by name: cargo's order is not the same in every
/// checkout.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let packages = parse(&metadata()?);
    let mut packages =
        packages.context("cannot read the packages in the JSON of `cargo metadata`")?;
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

/// Returns the folder that cargo builds into.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata.get("target_directory").and_then(Value::as_str);
    Ok(folder.context("`cargo metadata` names no target folder")?.into())
}

fn metadata() -> Result<Value> {
    let output =
        Step::cargo("metadata").args(["metadata", "--no-deps", "--format-version", "1"]).probe()?;
    ensure!(
        output.status.success(),
        "`cargo metadata` failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cannot read the output of `cargo metadata`")
}

fn parse(metadata: &Value) -> Option<Vec<Package>> {
    metadata
        .get("packages")?
        .as_array()?
        .iter()
        .map(|package| {
            let targets = package.get("targets")?.as_array()?;
            Some(Package {
                library: targets.iter().any(|target| target.get("doctest") == Some(&true.into())),
                name: package.get("name")?.as_str()?.to_owned(),
                version: package.get("version")?.as_str()?.to_owned(),
                // `null` allows every registry, and an empty list forbids publishing.
                published: package.get("publish")?.is_null(),
                features: package.get("features")?.as_object()?.keys().cloned().collect(),
            })
        })
        .collect()
}
