#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to whoever runs it"
)]

mod api;
mod attacks;
mod bench;
mod book;
mod ci;
mod conformance;
mod demos;
mod junit;
#[cfg(test)]
mod layers;
mod package;
mod page;
mod peers;
mod programs;
mod review;
mod setup;
mod step;
mod style;
mod test;
#[cfg(test)]
mod threats;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of this repository.
///
/// Each command prints its steps with the time they took, stops at the first one that fails, and
/// says how to repeat that one.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up what the tests need, then run all of them.
    ///
    /// Needs Node 20, npm, Python 3.11 and a C compiler; what is missing is an error that names
    /// it. npm packages and the Python environment come from lock files and go into ignored
    /// folders. Uses cargo-nextest if it is installed, `cargo test` otherwise.
    Test(test::Options),
    /// Everything that continuous integration checks.
    ///
    /// Format, dependencies, clippy, each feature alone, documentation, packages, then the public APIs,
    /// the tests, the attacks, the conformance suite, the peers, the demos, the bench and the book. cargo-deny, cargo-hack, mdBook and lychee are fetched ready-made into `.tools`.
    Ci,
    /// Run the attacks that must fail, and print one line for each.
    ///
    /// Exits with 1 if one succeeds, or if one that must be there is missing.
    Attacks,
    /// Run the official conformance suite of MCP, bare and through this project.
    ///
    /// A server and a client, each in both forms, for two revisions of MCP; prints how many checks of
    /// each scenario passed, and what differs. Exits with 1 if anything differs, if a scenario did not
    /// run, or if docs/conformance.md shows another table. Needs npm, and Node 22 or Linux on x64.
    Conformance(conformance::Options),
    /// Try clients and servers that are not ours, with ETDI and without, and print what differs.
    ///
    /// Sets up the packages first. Exits with 1 if something is lost on the way, or if
    /// `docs/peers.md` shows another table than the one measured.
    Peers(peers::Options),
    /// Measure, and print each measure beside its target.
    ///
    /// Every one is a ratio against the bare operation in the same run. Exits with 1 if a target is
    /// missed by more than a tenth. Builds with optimisation first, which takes minutes.
    Bench,
    /// Build the book into target/book, check its links, and run what it shows.
    ///
    /// mdBook and lychee are fetched ready-made into `.tools`. Exits with 1 if a link or an anchor
    /// leads nowhere, if a command prints something else than the page says, or if code on a page
    /// does not compile or hold.
    Book,
    /// Compare the public API of each library crate with `docs/api`.
    ///
    /// Prints each item that was added or removed, and exits with 1 if there is one. rustdoc's JSON
    /// changes between versions of rustc, so this command needs the version that CI has.
    Api(api::Options),
    /// Measure the review of changes and the hygiene rules on the definitions of public servers.
    ///
    /// Installs the servers of `tests/corpus` from lock files, lists their tools, makes benign and
    /// poisoned upgrades of them, and prints how many would be asked about and how many would be
    /// missed, for the development half and the half that was put aside apart. Fails if the book
    /// says otherwise. Needs Node 20, npm and Python 3.11.
    Review(review::Options),
    /// Count the kinds of sentences that stop readers, in comments, pages, strings and names of tests.
    ///
    /// Prints how many words each place has, and each sentence that docs/style.md does not allow. Exits
    /// with 1 if there is one, or if a rate is over its limit.
    Style(style::Options),
}

fn main() -> ExitCode {
    if let Some(ended) = api::in_place_of_rustdoc() {
        return ended;
    }
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Test(options) => test::run(&options),
        Command::Ci => ci::run(),
        Command::Attacks => attacks::run(),
        Command::Conformance(options) => conformance::run(&options),
        Command::Peers(options) => peers::run(&options),
        Command::Bench => bench::run(),
        Command::Book => book::run(),
        Command::Api(options) => api::run(&options),
        Command::Review(options) => review::run(&options),
        Command::Style(options) => style::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
