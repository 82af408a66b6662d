//! `cargo xtask bench`.

use anyhow::Result;

use crate::step::Step;

pub(crate) fn run() -> Result<()> {
    benches().run()
}

/// Runs the benches on a machine on which other programs may run. Each measure may exceed its target
/// by half. If one exceeds it by more, all benches run once more.
pub(crate) fn run_among_others() -> Result<()> {
    let run = || benches().args(["--", "--within", "1.5"]).run();
    run().or_else(|missed| {
        println!("\n{missed:#}\nmeasuring once more, since the machine may have been busy");
        run()
    })
}

fn benches() -> Step {
    Step::cargo("benches").args(["bench", "-p", "etdi-benches", "--bench", "ratios"])
}
