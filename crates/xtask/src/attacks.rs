//! `cargo xtask attacks`.

use anyhow::{Result, bail};

use crate::step::Step;
use crate::{junit, workspace};

/// The attacks that must have a test: the number in the names of their tests, `attack_NN_…`, and a
/// title.
pub(crate) const EXPECTED: &[(u32, &str)] = &[
    (1, "poisoned description, same version"),
    (2, "changed input schema, same version"),
    (3, "any other changed member, same version"),
    (4, "poisoned description with a version bump"),
    (5, "older signed version after a newer approval"),
    (6, "second signed definition with the same id and version"),
    (7, "forged, truncated and borrowed signatures"),
    (8, "evidence stripped from an approved tool"),
    (9, "key supplied by the tool itself"),
    (10, "self-declared trust"),
    (11, "permission added behind a cached verdict"),
    (12, "duplicate members, huge numbers, depth bombs, long texts"),
    (13, "hidden for one listing, back rewritten"),
    (14, "poison on page 2; endless and repeating cursors"),
    (15, "two tools of one name or one id"),
    (16, "confusable ids and names on a second server"),
    (17, "changed between question and approval"),
    (18, "changed between discovery and call"),
    (19, "text that nobody can see"),
    (20, "same served name, new id"),
    (21, "signed definition under another name"),
    (22, "verbatim copy, attestation and all, on an unlisted server"),
    (23, "a provider signs another's authority"),
    (24, "an unsigned server claims an id and version first"),
    (25, "poisoned or changed instructions"),
    (26, "a call answered by a redirect"),
    (27, "an attestation for another definition or by another client"),
    (28, "an attestation that is a credential"),
    (29, "an attestation as a bearer token"),
    (30, "tokens that are not valid, each in its own way"),
    (31, "no algorithm, HMAC with a public key, another kind of key"),
    (32, "a key removed from the JWKS; keys out of reach"),
    (33, "a thousand random kids"),
    (34, "a JWKS that is huge, endless, redirected or private"),
    (35, "fewer scopes granted than asked for"),
    (36, "approvals and pins after a restart"),
    (37, "an approval elsewhere: another server, another context"),
    (38, "an empty grant, and optional permissions"),
    (39, "two clients approve different digests at once"),
    (41, "a valid token without the scopes"),
    (42, "a header names one tool and the body another"),
    (43, "one caller's token on another's session"),
    (44, "the identity provider is unreachable at boot"),
    (45, "the server lies about its own security"),
];

/// The binary of the attacks, as nextest calls it.
const BINARY: &str = "etdi-tests::attacks";

pub(crate) fn run() -> Result<()> {
    let step = step();
    let repeat = step.to_string();
    let output = step.probe()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Vec<TestResult<'_>> = text.lines().filter_map(TestResult::parse).collect();
    let report = Report::of(&results);
    if report.tests == 0 || (!output.status.success() && report.failed == 0) {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    if report.failed > 0 {
        eprint!("{text}");
    }
    report.show(output.status.success(), &repeat)
}

/// Prints the same report as [`run`], for tests that have run already.
pub(crate) fn show(tests: &junit::Report) -> Result<()> {
    let results: Vec<TestResult<'_>> = tests
        .of(BINARY)
        .filter_map(|test| {
            let outcome = if test.passed { Outcome::Passed } else { Outcome::Failed };
            TestResult::named(&test.name, outcome)
        })
        .collect();
    Report::of(&results).show(true, &step().to_string())
}

fn step() -> Step {
    Step::cargo("attacks")
        .args(["test", "--quiet"])
        .args(workspace::WHOLE)
        .args(["--test", "attacks", "--no-fail-fast"])
        .args(["--", "--format", "pretty", "attack_"])
}

/// The results of the tests, with one line for each attack.
struct Report {
    lines: Vec<String>,
    tests: usize,
    failed: usize,
    missing: usize,
}

impl Report {
    fn of(results: &[TestResult<'_>]) -> Self {
        let mut report = Self { lines: Vec::new(), tests: results.len(), failed: 0, missing: 0 };
        let mut numbers: Vec<u32> = EXPECTED.iter().map(|(number, _)| *number).collect();
        numbers.extend(results.iter().map(|result| result.number));
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let tests = results.iter().filter(|result| result.number == number);
            report.add(number, &tests.collect::<Vec<_>>());
        }
        report
    }

    fn show(&self, succeeded: bool, repeat: &str) -> Result<()> {
        for line in &self.lines {
            println!("{line}");
        }
        if self.failed > 0 || self.missing > 0 || !succeeded {
            bail!(
                "{} tests: {} failed, {} attacks missing; repeat it with\n    {repeat}",
                self.tests,
                self.failed,
                self.missing
            );
        }
        println!("\n{} attacks, 0 succeeded ({} tests)", EXPECTED.len(), self.tests);
        Ok(())
    }

    fn add(&mut self, number: u32, tests: &[&TestResult<'_>]) {
        let failed = tests.iter().filter(|test| test.outcome == Outcome::Failed).count();
        let passed = tests.iter().filter(|test| test.outcome == Outcome::Passed).count();
        self.failed += failed;
        let result = if failed > 0 {
            "FAILED"
        } else if passed == tests.len() && passed > 0 {
            "ok"
        } else {
            self.missing += 1;
            "MISSING"
        };
        let title = EXPECTED
            .iter()
            .find(|(expected, _)| *expected == number)
            .map(|(_, title)| (*title).to_owned())
            .or_else(|| tests.first().map(|test| test.words.replace('_', " ")))
            .unwrap_or_default();
        self.lines.push(format!("{number:>3}  {title:<58}  {result}"));
    }
}

/// One line of libtest: `test module::attack_04_words_of_it ... ok`.
struct TestResult<'a> {
    number: u32,
    words: &'a str,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
}

impl<'a> TestResult<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (path, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let outcome = match outcome.split([' ', ',']).next()? {
            "ok" => Outcome::Passed,
            "ignored" => Outcome::Ignored,
            _ => Outcome::Failed,
        };
        Self::named(path.split_whitespace().next()?, outcome)
    }

    fn named(path: &'a str, outcome: Outcome) -> Option<Self> {
        let name = path.rsplit("::").next()?;
        let (number, words) = name.strip_prefix("attack_")?.split_once('_')?;
        Some(Self { number: number.parse().ok()?, words, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(output: &str) -> Report {
        Report::of(&output.lines().filter_map(TestResult::parse).collect::<Vec<_>>())
    }

    fn passing() -> String {
        EXPECTED
            .iter()
            .map(|(number, _)| format!("test m::attack_{number:02}_x ... ok\n"))
            .collect()
    }

    #[test]
    fn every_attack_has_one_line_however_many_tests_it_has() {
        let report = parsed(&(passing() + "test m::attack_01_again ... ok <0.1s>\n"));
        assert_eq!((report.failed, report.missing), (0, 0));
        assert_eq!(report.lines.len(), EXPECTED.len());
        assert_eq!(report.tests, EXPECTED.len() + 1);
        assert!(report.lines[0].starts_with("  1  poisoned description, same version "));
        assert!(report.lines.iter().all(|line| line.ends_with("ok")));
    }

    #[test]
    fn an_attack_without_a_test_or_with_an_ignored_one_is_missing() {
        let report = parsed(&passing().replace("test m::attack_05_x ... ok\n", ""));
        assert_eq!((report.failed, report.missing), (0, 1));
        let report = parsed(&passing().replace("attack_05_x ... ok", "attack_05_x ... ignored"));
        assert_eq!((report.failed, report.missing), (0, 1));
    }

    #[test]
    fn one_failing_test_fails_its_attack() {
        let report = parsed(&(passing() + "test m::attack_09_on_http ... FAILED\n"));
        assert_eq!((report.failed, report.missing), (1, 0));
        assert!(
            report.lines.iter().any(|line| line.starts_with("  9") && line.ends_with("FAILED"))
        );
    }

    #[test]
    fn an_attack_beyond_the_list_is_shown_by_its_name() {
        let report = parsed(&(passing() + "test attack_77_of_our_own ... ok\n"));
        assert!(report.lines.iter().any(|line| line.starts_with(" 77  of our own ")));
    }

    #[test]
    fn tests_that_have_run_already_are_read_from_their_report() {
        let all = |failed: u32| {
            let cases = EXPECTED.iter().map(|(number, _)| {
                let failure = if *number == failed { "<failure/>" } else { "" };
                format!(
                    r#"<testcase name="m::attack_{number:02}_x" classname="{BINARY}" time="1">{failure}</testcase>"#
                )
            });
            let cases: String = cases.collect();
            junit::Report::parse(&format!(r#"<testsuites time="1">{cases}</testsuites>"#)).unwrap()
        };
        show(&all(0)).unwrap();
        let error = show(&all(9)).unwrap_err().to_string();
        assert!(error.contains(" 1 failed, 0 attacks missing"), "{error}");
        let mut other = all(0);
        other.tests.iter_mut().for_each(|test| test.binary.push('x'));
        assert!(show(&other).unwrap_err().to_string().contains("0 tests: 0 failed"));
    }
}
