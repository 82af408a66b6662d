//! Measures two operations in turns, so that a noisy machine disturbs both equally.

use std::time::Instant;

/// One line of the table.
pub struct Row {
    name: String,
    measured: f64,
    target: f64,
    /// Whether a higher value is better.
    at_least: bool,
    beside: Option<String>,
}

impl Row {
    pub fn at_most(name: &str, measured: f64, target: f64) -> Self {
        Self { name: name.to_owned(), measured, target, at_least: false, beside: None }
    }

    pub fn at_least(name: &str, measured: f64, target: f64) -> Self {
        Self { name: name.to_owned(), measured, target, at_least: true, beside: None }
    }

    /// Adds a text that is only printed, and has no target.
    pub fn beside(mut self, text: String) -> Self {
        self.beside = Some(text);
        self
    }

    /// Returns the measure as a part of its target: 1 is exactly the target, and more than 1 misses it.
    fn ratio(&self) -> f64 {
        if self.at_least { self.target / self.measured } else { self.measured / self.target }
    }

    pub fn ok(&self, within: f64) -> bool {
        self.ratio() <= within
    }

    pub fn print(&self, within: f64) {
        let sign = if self.at_least { "≥" } else { "≤" };
        println!(
            "{:<58} | {:>8.3} | {sign} {:<5.3} | {:>5.2} | {}",
            self.name,
            self.measured,
            self.target,
            self.ratio(),
            if self.ok(within) { "yes" } else { "NO" }
        );
        if let Some(text) = &self.beside {
            println!("  {text}");
        }
    }
}

const ROUNDS: usize = 41;

/// Returns the median, over many rounds, of the time of `ours` divided by the time of `bare`. In each
/// round, each of them is repeated so often that it takes about a millisecond.
pub fn ratio<A, B>(mut bare: impl FnMut() -> A, mut ours: impl FnMut() -> B) -> f64 {
    let (bare_runs, our_runs) = (calibrate(&mut bare), calibrate(&mut ours));
    let ratios = (0..ROUNDS).map(|_| {
        let bare = per_run(&mut bare, bare_runs);
        per_run(&mut ours, our_runs) / bare
    });
    median(ratios.collect())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn calibrate<T>(run: &mut impl FnMut() -> T) -> usize {
    let mut runs = 1;
    while per_run(run, runs) * (runs as f64) < 1e-3 && runs < 1 << 20 {
        runs *= 2;
    }
    runs
}

fn per_run<T>(run: &mut impl FnMut() -> T, runs: usize) -> f64 {
    let begun = now();
    for _ in 0..runs {
        std::hint::black_box(run());
    }
    begun.elapsed().as_secs_f64() / runs as f64
}

pub fn now() -> Instant {
    Instant::now()
}
