//! The slowest tests of some runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::iter;

use crate::junit::Report;

/// The number of slowest tests that are shown.
const SLOWEST: usize = 10;

/// Returns the time of each run, and the tests that took longest in any run.
pub(super) fn compare(runs: &[Report]) -> String {
    let mut tests: BTreeMap<(&str, &str), Vec<Option<f64>>> = BTreeMap::new();
    for (run, report) in runs.iter().enumerate() {
        for test in &report.tests {
            let times = tests.entry((&test.binary, &test.name));
            let times = times.or_insert_with(|| vec![None; runs.len()]);
            if let Some(time) = times.get_mut(run) {
                *time = Some(test.seconds);
            }
        }
    }
    let longest = |times: &[Option<f64>]| times.iter().flatten().copied().fold(0.0, f64::max);
    let mut slowest: Vec<_> = tests.into_iter().collect();
    slowest.sort_by(|(_, one), (_, other)| longest(other).total_cmp(&longest(one)));
    slowest.truncate(SLOWEST);

    let mut text = String::new();
    let all = runs.iter().map(|report| Some(report.seconds)).collect();
    for ((binary, name), times) in iter::once((("all", "tests"), all)).chain(slowest) {
        for time in times {
            let time = time.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1} s"));
            let _ = write!(text, "{time:>10}");
        }
        let _ = writeln!(text, "  {binary} {name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::junit::Test;
    use crate::junit::tests::REPORT;

    #[test]
    fn the_times_of_both_runs_stand_beside_the_slowest_tests() {
        let second = REPORT.replace("61.5", "70").replace("4.25", "12.5");
        let runs = [Report::parse(REPORT).unwrap(), Report::parse(&second).unwrap()];
        let expected = "    61.5 s    70.0 s  all tests\n     4.2 s    12.5 s  etdi-cli::cli screens::help\n     9.5 s     9.5 s  etdi-cli::cli screens::audit\n";
        assert_eq!(compare(&runs), expected);
    }

    #[test]
    fn only_the_ten_slowest_tests_are_shown() {
        let tests = (0..30_u8).map(|test| Test {
            binary: "t".to_owned(),
            name: format!("{test:02}"),
            seconds: f64::from(test),
            passed: true,
            output: String::new(),
        });
        let shown = compare(&[Report { seconds: 1.0, tests: tests.collect() }]);
        assert_eq!(shown.lines().count(), 11);
        assert!(shown.lines().nth(1).is_some_and(|line| line.ends_with("t 29")), "{shown}");
        assert!(shown.ends_with("t 20\n"), "{shown}");
    }

    #[test]
    fn a_test_that_ran_once_has_one_time() {
        let other = REPORT.replace("screens::help", "screens::other");
        let runs = [Report::parse(REPORT).unwrap(), Report::parse(&other).unwrap()];
        assert!(compare(&runs).contains("     4.2 s         -  etdi-cli::cli screens::help\n"));
    }
}
