//! `cargo xtask test`.

use anyhow::{Result, ensure};
use clap::Args;

use crate::setup;
use crate::step::Step;
use crate::workspace::{self, Package};

/// The feature behind which a package keeps tests against programs that are not ours.
const PEERS: &str = "peers";

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Test only this package (may be repeated).
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Run only the tests whose name contains this.
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::tests()?;
    let packages = options.packages()?;
    let selection = options.selection(&packages);
    let nextest = Step::cargo("nextest").args(["nextest", "--version"]).probe()?.status.success();
    if !nextest {
        println!("\ncargo-nextest is not installed: the tests run with `cargo test`");
        return Step::cargo("tests")
            .args(["test", "--no-fail-fast"])
            .args(&selection)
            .args(options.filter.as_slice())
            .run();
    }
    Step::cargo("tests")
        .args(["nextest", "run", "--no-fail-fast", "--no-tests=warn"])
        .args(&selection)
        .args(options.filter.as_slice())
        .run()?;
    if !packages.iter().any(|package| package.library) {
        return Ok(());
    }
    Step::cargo("documentation tests")
        .args(["test", "--doc"])
        .args(&selection)
        .args(options.filter.as_slice())
        .run()
}

impl Options {
    fn packages(&self) -> Result<Vec<Package>> {
        let mut packages = workspace::packages()?;
        if !self.packages.is_empty() {
            packages.retain(|package| self.packages.contains(&package.name));
            ensure!(!packages.is_empty(), "the workspace has no package {:?}", self.packages);
        }
        Ok(packages)
    }

    fn selection(&self, packages: &[Package]) -> Vec<String> {
        if self.packages.is_empty() {
            return workspace::WHOLE.iter().map(|&argument| argument.to_owned()).collect();
        }
        let mut selection = Vec::new();
        for package in packages {
            selection.extend(["--package".to_owned(), package.name.clone()]);
            if package.features.iter().any(|feature| feature == PEERS) {
                selection.extend(["--features".to_owned(), format!("{}/{PEERS}", package.name)]);
            }
        }
        selection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_are_tested_unless_another_package_is_asked_for() {
        let all = Options::default();
        let selection = all.selection(&all.packages().unwrap());
        assert_eq!(selection, workspace::WHOLE);

        let one = Options { packages: vec!["xtask".to_owned()], filter: None };
        let packages = one.packages().unwrap();
        assert_eq!(one.selection(&packages), ["--package", "xtask"]);
        assert!(!packages.iter().any(|package| package.library));

        let none = Options { packages: vec!["no-such".to_owned()], filter: None };
        assert!(none.packages().is_err());
    }
}
