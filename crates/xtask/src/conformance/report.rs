//! The table of both columns, and the differences between them.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use super::results::{Column, Outcome, Verdict};

/// All runs.
#[derive(Default)]
pub(super) struct Report {
    pub(super) runs: Vec<Run>,
}

/// One role at one revision, in both forms.
pub(super) struct Run {
    role: &'static str,
    revision: &'static str,
    expected: usize,
    scenarios: Vec<Scenario>,
}

struct Scenario {
    name: String,
    bare: Option<Outcome>,
    wrapped: Option<Outcome>,
    differences: Vec<String>,
}

impl Run {
    pub(super) fn new(
        role: &'static str,
        revision: &'static str,
        expected: usize,
        bare: &Column,
        wrapped: &Column,
    ) -> Self {
        let names: BTreeSet<&String> = bare.keys().chain(wrapped.keys()).collect();
        let scenarios = names.into_iter().map(|name| {
            let (bare, wrapped) = (bare.get(name).cloned(), wrapped.get(name).cloned());
            let differences = differences(bare.as_ref(), wrapped.as_ref());
            Scenario { name: name.clone(), bare, wrapped, differences }
        });
        Self { role, revision, expected, scenarios: scenarios.collect() }
    }

    fn title(&self) -> String {
        format!("{} {}", self.role, self.revision)
    }

    /// Returns the differences between the forms, whether scenarios did not run, and the scenarios
    /// without a result.
    pub(super) fn problems(&self) -> Vec<String> {
        let title = self.title();
        let differing = self.scenarios.iter().filter(|one| !one.differences.is_empty());
        let mut problems: Vec<_> = differing
            .map(|Scenario { name, differences, .. }| {
                format!("{title}, {name}: {}", differences.join("; "))
            })
            .collect();
        let ran = self.scenarios.len();
        if ran < self.expected {
            problems.push(format!("{title}: {ran} of {} scenarios ran", self.expected));
        }
        let silent = self.scenarios.iter().filter(|one| {
            let outcomes = [&one.bare, &one.wrapped];
            outcomes.iter().any(|one| one.as_ref().is_none_or(|one| one.passed.is_none()))
        });
        problems.extend(silent.map(|one| format!("{title}, {}: it has no result", one.name)));
        problems
    }
}

impl Report {
    /// Returns the table for people.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        let mut differences = 0;
        for run in &self.runs {
            let (bare, wrapped) = match run.role {
                "server" => ("bare", "wrapped"),
                _ => ("rmcp", "EtdiClient"),
            };
            let title = run.title();
            writeln!(table, "{title:<47} {bare:>8} {wrapped:>11}  difference").ok();
            for Scenario { name, bare, wrapped, differences: found } in &run.scenarios {
                differences += found.len();
                let (bare, wrapped) = (cell(bare.as_ref()), cell(wrapped.as_ref()));
                let found = if found.is_empty() { "none".to_owned() } else { found.join("; ") };
                writeln!(table, "  {name:<45} {bare:>8} {wrapped:>11}  {found}").ok();
            }
            table.push('\n');
        }
        let scenarios: usize = self.runs.iter().map(|run| run.scenarios.len()).sum();
        writeln!(table, "{scenarios} scenarios, each in both forms; {differences} differences")
            .ok();
        table
    }

    /// Returns the table for a program.
    pub(super) fn json(&self) -> Value {
        let runs = self.runs.iter().map(|run| {
            let scenarios = run.scenarios.iter().map(|scenario| {
                json!({
                    "scenario": scenario.name,
                    "bare": summary(scenario.bare.as_ref()),
                    "wrapped": summary(scenario.wrapped.as_ref()),
                    "differences": scenario.differences,
                })
            });
            let scenarios: Vec<Value> = scenarios.collect();
            json!({ "role": run.role, "revision": run.revision, "scenarios": scenarios })
        });
        json!({ "runs": runs.collect::<Vec<_>>() })
    }

    /// Returns the problems in words. A check that fails in both forms is not a problem.
    pub(super) fn problems(&self) -> Vec<String> {
        self.runs.iter().flat_map(Run::problems).collect()
    }
}

fn differences(bare: Option<&Outcome>, wrapped: Option<&Outcome>) -> Vec<String> {
    let (Some(bare), Some(wrapped)) = (bare, wrapped) else {
        return vec!["it ran in one form only".to_owned()];
    };
    let names: BTreeSet<_> = bare.checks.keys().chain(wrapped.checks.keys()).collect();
    let mut found: Vec<String> = names
        .into_iter()
        .filter_map(|key| {
            let (one, other) = (bare.checks.get(key), wrapped.checks.get(key));
            let (id, name) = key;
            (one != other).then(|| format!("{id} ({name}): {} and {}", word(one), word(other)))
        })
        .collect();
    if bare.passed != wrapped.passed {
        found.push("it passes in one form only".to_owned());
    }
    found
}

fn word(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        None => "absent",
        Some(Verdict::Skipped) => "skipped",
        Some(Verdict::Success) => "passed",
        Some(Verdict::Warning) => "warned",
        Some(Verdict::Failure) => "failed",
    }
}

/// Returns how many checks passed, and how many were made. Skipped checks do not count.
fn counts(outcome: &Outcome) -> (usize, usize) {
    let made = outcome.checks.values().filter(|verdict| **verdict != Verdict::Skipped);
    let passed = outcome.checks.values().filter(|verdict| **verdict == Verdict::Success);
    (passed.count(), made.count())
}

fn cell(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return "-".to_owned() };
    let (passed, made) = counts(outcome);
    format!("{passed}/{made}")
}

fn summary(outcome: Option<&Outcome>) -> Value {
    let Some(outcome) = outcome else { return Value::Null };
    let (passed, made) = counts(outcome);
    json!({ "checks": made, "passed_checks": passed, "passed": outcome.passed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(verdict: Verdict) -> Column {
        let checks = [(("an-id".to_owned(), "AName".to_owned()), verdict)].into();
        let outcome = Outcome { checks, passed: Some(true) };
        [("tools-list".to_owned(), outcome)].into()
    }

    fn report(expected: usize, bare: &Column, wrapped: &Column) -> Report {
        Report { runs: vec![Run::new("server", "2026-07-28", expected, bare, wrapped)] }
    }

    #[test]
    fn a_check_that_fails_in_both_forms_is_not_a_problem() {
        let failing = column(Verdict::Failure);
        let report = report(1, &failing, &failing);
        assert_eq!(report.problems(), Vec::<String>::new());
        assert!(report.table().contains("0/1         0/1  none\n"), "{}", report.table());
    }

    #[test]
    fn a_check_that_differs_is_named() {
        let report = report(1, &column(Verdict::Success), &column(Verdict::Warning));
        let problem = "server 2026-07-28, tools-list: an-id (AName): passed and warned";
        assert_eq!(report.problems(), [problem]);
        assert!(report.table().ends_with("1 scenarios, each in both forms; 1 differences\n"));
    }

    #[test]
    fn a_client_that_ends_badly_in_one_form_differs() {
        let (bare, mut wrapped) = (column(Verdict::Success), column(Verdict::Success));
        wrapped.values_mut().for_each(|outcome| outcome.passed = Some(false));
        let problems = report(1, &bare, &wrapped).problems();
        assert_eq!(problems, ["server 2026-07-28, tools-list: it passes in one form only"]);
    }

    #[test]
    fn a_scenario_that_did_not_run_is_a_problem() {
        let ran = column(Verdict::Success);
        let problems = report(2, &ran, &ran).problems();
        assert_eq!(problems, ["server 2026-07-28: 1 of 2 scenarios ran"]);
        let problems = report(1, &ran, &Column::new()).problems();
        let first = "server 2026-07-28, tools-list: it ran in one form only";
        assert_eq!(problems, [first, "server 2026-07-28, tools-list: it has no result"]);
        let mut silent = ran.clone();
        silent.values_mut().for_each(|outcome| outcome.passed = None);
        let problems = report(1, &silent, &silent).problems();
        assert_eq!(problems, ["server 2026-07-28, tools-list: it has no result"]);
    }
}
