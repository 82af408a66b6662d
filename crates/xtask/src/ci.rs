//! `cargo xtask ci`.

use anyhow::{Result, ensure};

use crate::junit::Report;
use crate::step::Step;
use crate::{
    api, attacks, bench, book, conformance, demos, package, peers, review, setup, style, test,
    workspace,
};

type Run = fn() -> Result<()>;

/// The commands that CI runs, in order, each as a person types it. If a page of the book shows such a
/// command, `cargo xtask book` does not run it again.
const COMMANDS: &[(&str, Run)] = &[
    ("cargo xtask style", || style::run(&style::Options::default())),
    ("cargo xtask api", || api::run(&api::Options::default())),
    ("cargo xtask test", || test::run(&test::Options::default())),
    ("cargo xtask attacks", || seen(attacks::show, attacks::run)),
    ("cargo xtask conformance", || conformance::run(&conformance::Options::default())),
    ("cargo xtask review", || review::run(&review::Options::default())),
    ("cargo xtask peers", || seen(peers::show, || peers::run(&peers::Options::default()))),
    ("cargo run -p demos", demos::run),
    ("cargo xtask bench", bench::run_among_others),
    ("cargo xtask book", book::build),
];

/// Returns whether CI runs this command.
pub(crate) fn runs(command: &str) -> bool {
    command == "cargo xtask ci" || COMMANDS.iter().any(|(known, _)| *known == command)
}

pub(crate) fn run() -> Result<()> {
    for component in ["fmt", "clippy"] {
        let found = Step::cargo(component).args([component, "--version"]).probe()?;
        ensure!(
            found.status.success(),
            "`cargo {component}` is missing: rustup component add rustfmt clippy"
        );
    }
    Step::cargo("format").args(["fmt", "--all", "--check"]).run()?;
    let tools = setup::tools()?;
    Step::cargo("dependencies")
        .args(["deny", "check", "bans", "licenses", "sources"])
        .with_programs_in(&tools)?
        .run()?;
    Step::cargo("clippy")
        .args(["clippy", "--workspace", "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"])
        .run()?;
    each_feature_alone(&tools)?;
    Step::cargo("documentation")
        .args(["doc", "--workspace", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    package::run()?;
    for (_, command) in COMMANDS {
        command()?;
    }
    println!("\nall checks passed");
    Ok(())
}

/// Shows the results in the report of the tests that have run. If nextest wrote no report, runs the
/// command instead.
fn seen(show: fn(&Report) -> Result<()>, run: Run) -> Result<()> {
    match Report::latest()? {
        Some(report) => show(&report),
        None => run(),
    }
}

/// Checks each published package with each of its features, without the other packages. When all are
/// built together, another package may turn on a feature of a dependency that this package needs and
/// does not ask for. The other packages are built in the workspace alone. All features together are
/// checked with the unpacked packages.
fn each_feature_alone(tools: &std::path::Path) -> Result<()> {
    let packages = workspace::packages()?;
    let alone = packages.iter().filter(|package| package.published);
    let selection = alone.flat_map(|package| ["--package", package.name.as_str()]);
    Step::cargo("each feature alone")
        .args(["hack", "clippy", "--each-feature", "--exclude-all-features"])
        .args(selection)
        .args(["--", "-D", "warnings"])
        .with_programs_in(tools)?
        .run()
}
