//! `cargo xtask review`.

use anyhow::Result;
use clap::Args;

use crate::step::Step;
use crate::{programs, setup};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Print JSON instead of tables, on the line before the last.
    #[arg(long)]
    json: bool,
    /// Print which templates are missed and which findings there are, for the development half.
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
    let [program] = programs::build(["review-corpus"])?;
    Step::new("review of upgrades", program)
        .args(flags.iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| flag))
        .run()
}
