//! Checks that the published packages build from the files that go to the registry.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::step::Step;
use crate::workspace::{self, Package};

/// Packs the published packages, unpacks them into a workspace of their own, and compiles them there.
///
/// cargo can verify packages as well. But it unpacks them into the registry in the person's home, and
/// if an earlier run had the same version, it compiles the sources of that run.
pub(crate) fn run() -> Result<()> {
    let packages = workspace::packages()?;
    let published: Vec<_> = packages.iter().filter(|package| package.published).collect();
    let selection = published.iter().flat_map(|package| ["--package", package.name.as_str()]);
    Step::cargo("packages")
        .args(["package", "--quiet", "--allow-dirty", "--no-verify"])
        .args(selection)
        .run()?;
    let target = workspace::target_folder()?;
    let packed = target.join("package");
    let unpacked = packed.join("unpacked");
    unpack(&published, &packed, &unpacked)?;
    let root = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    fs::write(unpacked.join("Cargo.toml"), manifest(&published, &root))?;
    fs::copy(workspace::root().join("Cargo.lock"), unpacked.join("Cargo.lock"))?;
    Step::cargo("packages from their files")
        .args(["check", "--quiet", "--workspace", "--all-features", "--target-dir"])
        .args([target])
        .within(unpacked)
        .run()
}

fn unpack(packages: &[&Package], packed: &Path, unpacked: &Path) -> Result<()> {
    if unpacked.exists() {
        fs::remove_dir_all(unpacked)
            .with_context(|| format!("cannot remove {}", unpacked.display()))?;
    }
    fs::create_dir_all(unpacked).with_context(|| format!("cannot make {}", unpacked.display()))?;
    for package in packages {
        let file = packed.join(format!("{}.crate", folder_of(package)));
        // `-m` gives the files the present time. The dates in the packages are always the same, so
        // cargo would not notice that a file has changed, and would not compile it.
        let output = Step::new("unpack", "tar")
            .args(["-x", "-z", "-m", "-f"])
            .args([&file])
            .args(["-C"])
            .args([unpacked])
            .probe()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tar cannot unpack {}:\n{errors}", file.display());
    }
    Ok(())
}

/// Returns the manifest of a workspace whose packages depend on each other, not on a registry.
fn manifest(packages: &[&Package], root: &str) -> String {
    let members: Vec<String> = packages.iter().map(|package| folder_of(package)).collect();
    let mut manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n");
    manifest.push_str("[patch.crates-io]\n");
    for package in packages {
        let _ = writeln!(manifest, "{} = {{ path = \"{}\" }}", package.name, folder_of(package));
    }
    // Copy the profiles of this workspace: with other profiles, cargo would compile every dependency
    // again.
    if let Some(profiles) = root.find("\n[profile.") {
        manifest.push_str(root.get(profiles..).unwrap_or_default());
    }
    manifest
}

fn folder_of(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unpacked_packages_depend_on_each_other_and_are_compiled_as_here() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "1.2.3".to_owned(),
            features: Vec::new(),
            library: true,
            published: true,
        };
        let (low, high) = (package("low"), package("high"));
        let root = "[workspace]\nmembers = [\"crates/*\"]\n\n[profile.dev]\ndebug = false\n";
        assert_eq!(
            manifest(&[&low, &high], root),
            "[workspace]\nresolver = \"3\"\nmembers = [\"low-1.2.3\", \"high-1.2.3\"]\n\n\
             [patch.crates-io]\nlow = { path = \"low-1.2.3\" }\nhigh = { path = \"high-1.2.3\" }\n\n\
             [profile.dev]\ndebug = false\n"
        );
    }
}
