//! Reads the results that the suite wrote: one `checks.json` for each scenario.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The scenarios of one run, by name.
pub(super) type Column = BTreeMap<String, Outcome>;

/// The outcome of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The verdict of each check, by its id and name. If a check occurs several times, its most severe
    /// verdict counts, as in the suite.
    pub(super) checks: BTreeMap<(String, String), Verdict>,
    /// Whether the suite says that the scenario passed. The suite also requires the client to end
    /// without an error. `None` if the suite printed no mark for it.
    pub(super) passed: Option<bool>,
}

/// The verdict of a check, from the least severe to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Skipped,
    Success,
    Warning,
    Failure,
}

#[derive(Deserialize)]
struct Check {
    id: String,
    name: String,
    status: String,
}

/// Reads the folder of one run. `said` is the output of the suite, with a mark for each scenario.
pub(super) fn read(folder: &Path, of_server: bool, said: &str) -> Result<Column> {
    let mut column = Column::new();
    visit(folder, folder, of_server, &mut column)?;
    for (scenario, outcome) in &mut column {
        outcome.passed = mark(said, scenario);
    }
    Ok(column)
}

fn visit(root: &Path, folder: &Path, of_server: bool, column: &mut Column) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            visit(root, &path, of_server, column)?;
        } else if path.ends_with("checks.json") {
            let named = folder.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            let scenario = scenario(&named, of_server).with_context(|| {
                format!("cannot read the scenario from the folder name {named}")
            })?;
            let text = fs::read(&path)?;
            let checks: Vec<Check> = serde_json::from_slice(&text)
                .with_context(|| format!("{} is not a list of checks", path.display()))?;
            column.insert(scenario.to_owned(), collapse(checks)?);
        }
    }
    Ok(())
}

/// Returns the name of a scenario: the name of its folder without the time at the end.
fn scenario(folder: &str, of_server: bool) -> Option<&str> {
    const TIME: &str = "-2026-11-23T03-50-00-408Z";
    let (name, time) = folder.split_at_checked(folder.len().checked_sub(TIME.len())?)?;
    let digits = |text: &str| {
        text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>()
    };
    if digits(time) != digits(TIME) {
        return None;
    }
    if of_server { name.strip_prefix("server-") } else { Some(name) }
}

/// Merges the checks of one scenario, and leaves out the records of messages.
fn collapse(checks: Vec<Check>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for Check { id, name, status } in checks {
        let verdict = match &*status {
            "INFO" => continue,
            "SKIPPED" => Verdict::Skipped,
            "SUCCESS" => Verdict::Success,
            "WARNING" => Verdict::Warning,
            "FAILURE" => Verdict::Failure,
            other => anyhow::bail!("the check {id} has the unknown status {other}"),
        };
        let worst = outcome.checks.entry((id, name)).or_insert(verdict);
        *worst = verdict.max(*worst);
    }
    Ok(outcome)
}

/// Returns the mark before the scenario's name in the suite's summary.
fn mark(said: &str, scenario: &str) -> Option<bool> {
    said.lines().find_map(|line| {
        let (mark, rest) = line.split_once(' ')?;
        rest.strip_prefix(scenario)?.strip_prefix(':')?;
        match mark {
            "✓" => Some(true),
            "✗" => Some(false),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, status: &str) -> Check {
        Check { id: "an-id".to_owned(), name: name.to_owned(), status: status.to_owned() }
    }

    #[test]
    fn the_most_severe_verdict_of_a_check_counts_and_records_do_not() {
        let checks = vec![
            check("a", "SUCCESS"),
            check("a", "FAILURE"),
            check("a", "SUCCESS"),
            check("b", "SKIPPED"),
            check("c", "INFO"),
        ];
        let outcome = collapse(checks).unwrap();
        let verdicts: Vec<_> = outcome.checks.values().copied().collect();
        assert_eq!(verdicts, [Verdict::Failure, Verdict::Skipped]);
        assert!(collapse(vec![check("a", "PERHAPS")]).is_err());
    }

    #[test]
    fn a_folder_names_its_scenario() {
        let time = "-2027-01-02T13-14-15-016Z";
        assert_eq!(scenario(&format!("auth/iss{time}"), false), Some("auth/iss"));
        assert_eq!(scenario(&format!("server-server-x{time}"), true), Some("server-x"));
        assert_eq!(scenario("auth/iss", false), None);
        assert_eq!(scenario("auth/iss-of-a-name-that-is-long-enough", false), None);
    }

    #[test]
    fn the_summary_marks_each_scenario() {
        let said = "✓ tools-list: 3 passed, 0 failed\n✗ tools-list-more: 1 passed, 2 failed\n";
        assert_eq!(mark(said, "tools-list"), Some(true));
        assert_eq!(mark(said, "tools-list-more"), Some(false));
        assert_eq!(mark(said, "tools"), None);
    }
}
