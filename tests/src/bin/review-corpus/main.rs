//! `review-corpus [--json] [--details] [--write]`: measures the review of changes and the hygiene rules
//! on the definitions of the public servers in `tests/corpus`. `cargo xtask review` installs the
//! servers and then runs this program. Fails if the book has other results, unless `--write` replaces
//! them.

#![forbid(unsafe_code)]

mod measure;
mod report;

use std::path::Path;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use etdi_tests::corpus::{Half, Tool, listing};

use measure::measure;

fn main() -> Result<()> {
    let flags: Vec<_> = env::args().skip(1).collect();
    if let Some(flag) =
        flags.iter().find(|flag| !["--json", "--details", "--write"].contains(&&***flag))
    {
        bail!("unknown flag `{flag}`; the flags are `--json`, `--details` and `--write`");
    }
    let wanted = |flag: &str| flags.iter().any(|given| given == flag);

    let tools = list()?;
    let [development, held_out] = Half::ALL.map(|half| measure(&tools, half));
    let halves = [development?, held_out?];
    let tables = report::tables(&halves);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/review-measured.md");
    if wanted("--write") {
        fs::write(&page, &tables).with_context(|| format!("cannot write {}", page.display()))?;
    }
    // Details are printed only for the half on which the rules may be tuned.
    if wanted("--details") {
        halves[0].details.iter().for_each(|line| println!("{line}"));
    }
    if wanted("--json") {
        println!("{}", report::json(&halves));
    } else {
        println!("{tables}");
    }
    let written =
        fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    same(&written, &tables)
}

/// Fails if the page differs from the results that were just measured.
fn same(written: &str, measured: &str) -> Result<()> {
    let (mut written, mut measured) = (written.lines(), measured.lines());
    for number in 1.. {
        let (says, is) = (written.next(), measured.next());
        ensure!(
            says == is,
            "docs/review-measured.md, line {number}, differs from the result:\n    page     {}\n    measured {}\n\
             next: run `cargo xtask review --write`",
            says.unwrap_or("(end)"),
            is.unwrap_or("(end)"),
        );
        if says.is_none() {
            break;
        }
    }
    Ok(())
}

/// Returns the tools of all servers.
fn list() -> Result<Vec<Tool>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let path = path_from_env()?;
    let isolated = listing::can_isolate();
    if !isolated {
        eprintln!("cannot start the servers without a network on this system: they may use it");
    }
    let mut tools = Vec::new();
    for server in listing::servers(&folder)? {
        let listed = server.list(&folder, &path, isolated)?;
        eprintln!("{} lists {} tools", server.package, listed.tools.len());
        tools.extend(listed.tools);
    }
    Ok(tools)
}

#[expect(clippy::disallowed_methods, reason = "a program that starts programs")]
fn path_from_env() -> Result<String> {
    env::var("PATH").context("the variable PATH is not set")
}
