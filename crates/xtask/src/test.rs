//! `cargo xtask test`.

mod load;
mod slowest;

use std::num::NonZero;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

use self::load::Load;
use self::slowest::compare;
use crate::junit::Report;
use crate::setup;
use crate::step::Step;
use crate::workspace::{self, Package};

/// The feature of a package that turns on its tests against third-party programs.
const PEERS: &str = "peers";

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Test only this package (may be repeated).
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Keep the machine busy, run the tests twice, and show the slowest tests.
    ///
    /// Two loops for each core compete with the tests, at normal priority. Prints the time of both
    /// runs and the ten slowest tests. Needs cargo-nextest.
    #[arg(long)]
    under_load: bool,
    /// Run only the tests whose name contains this text.
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::tests()?;
    Report::forget()?;
    let packages = options.packages()?;
    let tests = Tests {
        filter: options.filter.as_slice(),
        has_libraries: packages.iter().any(|package| package.library),
        selection: options.selection(&packages),
    };
    let has_nextest =
        Step::cargo("nextest").args(["nextest", "--version"]).probe()?.status.success();
    if options.under_load {
        ensure!(
            has_nextest,
            "--under-load needs cargo-nextest, which reports the time of each test: cargo install --locked cargo-nextest"
        );
        return tests.run_under_load();
    }
    if !has_nextest {
        println!("\ncargo-nextest is not installed: the tests run with `cargo test`");
        return tests.run_with_cargo();
    }
    let failures = tests.run_all();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// The tests that the options select.
struct Tests<'o> {
    selection: Vec<String>,
    filter: &'o [String],
    /// Whether any of the packages has documentation tests.
    has_libraries: bool,
}

impl Tests<'_> {
    fn build_for_nextest(&self) -> Result<()> {
        Step::cargo("build").args(["nextest", "run", "--no-run"]).args(&self.selection).run()
    }

    fn run_with_nextest(&self) -> Result<()> {
        Step::cargo("tests")
            .args(["nextest", "run", "--no-fail-fast", "--no-tests=warn"])
            .args(["--test-threads", &tests_at_once().to_string()])
            .args(&self.selection)
            .args(self.filter)
            .run()
    }

    fn run_with_cargo(&self) -> Result<()> {
        Step::cargo("tests")
            .args(["test", "--no-fail-fast"])
            .args(&self.selection)
            .args(self.filter)
            .run()
    }

    fn run_in_documentation(&self) -> Result<()> {
        if !self.has_libraries {
            return Ok(());
        }
        Step::cargo("documentation tests")
            .args(["test", "--doc"])
            .args(&self.selection)
            .args(self.filter)
            .run_beside()
    }

    /// Runs the documentation tests at the same time as the others, since compiling them uses one core
    /// only. Returns the failures.
    fn run_all(&self) -> Vec<String> {
        thread::scope(|scope| {
            let documentation = scope.spawn(|| self.run_in_documentation());
            let tests = self.run_with_nextest();
            let panicked = |_| Err(anyhow!("the documentation tests were not run"));
            let documentation = documentation.join().unwrap_or_else(panicked);
            let failures = [tests, documentation].into_iter().filter_map(Result::err);
            failures.map(|failure| format!("{failure:#}")).collect()
        })
    }

    /// Runs all selected tests twice under load, even if the first run fails.
    fn run_under_load(&self) -> Result<()> {
        // Build first, so that the time of the build is not measured.
        self.build_for_nextest()?;
        let load = Load::start()?;
        println!("\n{} busy loops run until the tests end", load.loops());
        let mut failures = Vec::new();
        let mut runs = Vec::new();
        for _ in 0..2 {
            Report::forget()?;
            failures.extend(self.run_all());
            runs.push(
                Report::latest()?.context("cannot compare the runs: nextest wrote no report")?,
            );
        }
        drop(load);
        println!("\n{}", compare(&runs));
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
        Ok(())
    }
}

/// Returns the number of tests that run at once: three on two cores, since a test often waits for
/// other programs.
fn tests_at_once() -> usize {
    let cores = cores();
    cores.saturating_add(cores / 2)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
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

        let one = Options { packages: vec!["xtask".to_owned()], ..Options::default() };
        let packages = one.packages().unwrap();
        assert_eq!(one.selection(&packages), ["--package", "xtask"]);
        assert!(!packages.iter().any(|package| package.library));

        let none = Options { packages: vec!["no-such".to_owned()], ..Options::default() };
        assert!(none.packages().is_err());
    }
}
