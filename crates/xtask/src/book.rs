//! `cargo xtask book`.

mod console;

use std::fs;

use anyhow::{Result, bail};
use etdi_testkit::book::{blocks, blocks_of};

use crate::step::Step;
use crate::{ci, setup, workspace};
use console::Command;

const BUILT: &str = "target/book";

pub(crate) fn run() -> Result<()> {
    build()?;
    Step::cargo("claims of the pages")
        .args(["test", "-q"])
        .args(workspace::WHOLE)
        .args(["--test", "book"])
        .run()?;
    Step::cargo("Rust on the pages")
        .args(["test", "-q"])
        .args(workspace::WHOLE)
        .args(["--doc", "docs::"])
        .run()
}

/// Builds the book, checks its links and runs its commands. The tests of the workspace check the rest.
pub(crate) fn build() -> Result<()> {
    let tools = setup::book()?;
    Step::new("pages", "mdbook").args(["build", "docs"]).with_programs_in(&tools)?.run()?;
    let built = workspace::root().join(BUILT);
    Step::new("links", "lychee")
        .args(["--offline", "--include-fragments", "--no-progress", "--root-dir"])
        .args([&built])
        .args([format!("{BUILT}/**/*.html")])
        .with_programs_in(&tools)?
        .run()?;
    commands()?;
    println!("\nthe book: {}", built.join("index.html").display());
    Ok(())
}

/// Runs the commands on the pages, and compares what they print.
fn commands() -> Result<()> {
    let (mut ran, mut wrong) = (0, Vec::new());
    let readme = fs::read_to_string(workspace::root().join("README.md"))?;
    let blocks = blocks_of("../README.md", &readme).into_iter().chain(blocks());
    for block in blocks.filter(|block| block.language() == "console") {
        // The tests of `etdi-cli` compare these pages with the output of the command in a terminal.
        if block.page.starts_with("cli/") {
            continue;
        }
        if block.needs_tenant() {
            println!("\n{}: needs a tenant", block.place());
            continue;
        }
        let commands = Command::all_of(&block.text);
        if commands.is_empty() {
            wrong.push(format!("{}: no line begins with `$ `", block.place()));
        }
        for command in commands.iter().filter(|command| !is_run_elsewhere(command)) {
            ran += 1;
            let step = Step::new(block.place(), "sh").args(["-c", &command.line]);
            match step.read() {
                Ok(output) if command.printed(&output) => {}
                Ok(output) => wrong.push(format!(
                    "{}: `{}` does not print what the page says, but\n{output}",
                    block.place(),
                    command.line
                )),
                Err(error) => wrong.push(format!("{}: {error:#}", block.place())),
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n\n"));
    }
    println!("\n{ran} commands print what the pages say");
    Ok(())
}

/// Returns whether the command is left out here because CI runs it anyway. If its output is on the
/// page, the command is left out only if it is a `cargo xtask` command, which runs a whole suite.
fn is_run_elsewhere(command: &Command) -> bool {
    let is_suite = command.line.starts_with("cargo xtask ");
    ci::runs(&command.line) && (is_suite || !command.shows_output())
}
