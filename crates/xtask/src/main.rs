#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints for the person who runs it"
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
/// Each command prints its steps with their times, stops at the first step that fails, and says how
/// to repeat that step.
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
    /// Needs Node 20, npm, Python 3.11 and a C compiler, and names those that are missing. npm
    /// packages and the Python environment come from lock files and go into ignored folders. Uses
    /// cargo-nextest if it is installed, `cargo test` otherwise.
    Test(test::Options),
    /// Run everything that continuous integration checks.
    ///
    /// Checks format, dependencies, clippy, each feature alone, documentation, packages, then the style
    /// of texts, the public APIs, the tests, the attacks, the conformance suite, the review of changes,
    /// the peers, the demos, the bench and the book. cargo-deny, cargo-hack, mdBook and lychee are
    /// fetched ready-made into `.tools`.
    Ci,
    /// Run the attacks that must fail, and print one line for each.
    ///
    /// Exits with 1 if an attack succeeds, or if the test of an expected attack is missing.
    Attacks,
    /// Run the official conformance suite of MCP, bare and through this project.
    ///
    /// Tests a server and a client, each in both forms, for two revisions of MCP. Prints how many checks
    /// of each scenario passed, and how the forms differ. Exits with 1 if the forms differ, if a scenario
    /// did not run, or if docs/conformance.md shows another table. Needs npm, and Node 22 or Linux on x64.
    Conformance(conformance::Options),
    /// Try third-party clients and servers with ETDI and without it, and print the differences.
    ///
    /// Sets up the packages first. Exits with 1 if a client or server loses something with ETDI, or if
    /// `docs/peers.md` shows another table than the measured one.
    Peers(peers::Options),
    /// Measure the speed, and print each measure beside its target.
    ///
    /// Each measure is a ratio against the bare operation in the same run. Exits with 1 if a target is
    /// missed by more than a tenth. Builds with optimisation first, which takes minutes.
    Bench,
    /// Build the book into target/book, check its links, and run the code and commands that it shows.
    ///
    /// mdBook and lychee are fetched ready-made into `.tools`. Exits with 1 if the target of a link or
    /// an anchor is missing, if a command does not print the output on the page, or if code on a page
    /// does not compile or fails.
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
    /// missed, separately for the development half and for the held-out half. Fails if the book shows
    /// other numbers. Needs Node 20, npm and Python 3.11.
    Review(review::Options),
    /// Count the kinds of sentences that stop readers, in comments, pages, strings and names of tests.
    ///
    /// Prints the number of words and the rates for each kind of text, and the sentences that are over
    /// a limit of docs/style.md. Exits with 1 if a limit is exceeded.
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
