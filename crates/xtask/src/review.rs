//! `cargo xtask review`.

use anyhow::Result;
use clap::Args;

use crate::setup;
use crate::step::Step;

#[derive(Args)]
pub(crate) struct Options {
    /// Print JSON instead of tables, on the line before the last.
    #[arg(long)]
    json: bool,
    /// Say of the development half which templates are missed and which findings there are.
    #[arg(long)]
    details: bool,
    /// Write the tables to `docs/review-measured.md`.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::corpus()?;
    let flags =
        [(options.json, "--json"), (options.details, "--details"), (options.write, "--write")];
    Step::cargo("review of upgrades")
        .args(["run", "-q", "-p", "etdi-tests", "--features", "peers", "--bin", "review-corpus"])
        .args(["--"])
        .args(flags.iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| flag))
        .run()
}
