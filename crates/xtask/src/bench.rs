//! `cargo xtask bench`.

use anyhow::Result;

use crate::step::Step;

pub(crate) fn run() -> Result<()> {
    Step::cargo("benches").args(["bench", "-p", "etdi-tests", "--bench", "ratios"]).run()
}
