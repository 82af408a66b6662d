//! `cargo xtask bench`.

use anyhow::Result;

use crate::step::Step;

pub(crate) fn run() -> Result<()> {
    benches().run()
}

/// For machines whose neighbours nobody knows: half of a target is let go, and a miss is measured
/// once more.
pub(crate) fn run_among_others() -> Result<()> {
    let run = || benches().args(["--", "--within", "1.5"]).run();
    run().or_else(|missed| {
        println!("\n{missed:#}\nonce more, since the machine may have been busy");
        run()
    })
}

fn benches() -> Step {
    Step::cargo("benches").args(["bench", "-p", "etdi-benches", "--bench", "ratios"])
}
