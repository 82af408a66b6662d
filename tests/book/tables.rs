//! The tables: each row agrees with the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use etdi::SecurityLevel;
use etdi::decision::{Row, action};
use etdi::events::contract::records_of_every_type;
use etdi::lockfile::{DriftKind, DriftLevel};
use etdi_testkit::book::{folder, page};
use serde_json::Value;

const LEVELS: [SecurityLevel; 3] =
    [SecurityLevel::Basic, SecurityLevel::Enhanced, SecurityLevel::Strict];

/// Returns the cells of every table row of a page.
fn rows(page_name: &str) -> Vec<Vec<String>> {
    let text = page(page_name);
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    lines
        .map(|line| {
            let line = line.trim().trim_start_matches('|').trim_end_matches('|');
            line.split('|').map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn code(cell: &str) -> Option<&str> {
    cell.trim_matches('*').strip_prefix('`')?.strip_suffix('`')
}

/// Returns the rows of the decision table, as the vectors name them.
fn decision_rows() -> Vec<(String, Row)> {
    Row::ALL
        .iter()
        .map(|row| (serde_json::to_value(row).unwrap().as_str().unwrap().to_owned(), *row))
        .collect()
}

#[test]
fn every_cell_of_the_decision_table_is_what_decide_does() {
    let vectors = fs::read_to_string(folder().join("../tests/vectors/decisions.json")).unwrap();
    let vectors: Value = serde_json::from_str(&vectors).unwrap();
    let rows = rows("verdicts.md");
    let known = decision_rows();
    assert_eq!(vectors["vectors"].as_array().unwrap().len(), known.len());
    for (name, row) in known {
        let found: Vec<_> = rows.iter().filter(|cells| code(&cells[0]) == Some(&name)).collect();
        let [cells] = found.as_slice() else { panic!("verdicts.md must have one row {name}") };
        for (level, cell) in LEVELS.into_iter().zip(&cells[2..]) {
            let expected = serde_json::to_value(action(row, level)).unwrap();
            assert_eq!(expected, cell.as_str(), "verdicts.md: {name} at {level}");
        }
        assert_eq!(cells.len(), 5, "verdicts.md: {name}");
    }
}

#[test]
fn the_times_of_the_levels_are_those_of_the_code() {
    let rows = rows("verdicts.md");
    let words = |duration: std::time::Duration| match duration.as_secs() {
        0 => "0".to_owned(),
        seconds if seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds => format!("{} min", seconds / 60),
    };
    for (name, of) in [
        ("definition_max_age", SecurityLevel::definition_max_age as fn(SecurityLevel) -> _),
        ("offline_grace", SecurityLevel::offline_grace),
    ] {
        let cells = rows.iter().find(|cells| code(&cells[0]) == Some(name)).unwrap();
        let expected: Vec<String> = LEVELS.into_iter().map(|level| words(of(level))).collect();
        assert_eq!(cells[1..], expected, "verdicts.md: {name}");
    }
}

#[test]
fn every_answer_of_a_verdict_has_its_row() {
    let text = fs::read_to_string(folder().join("../crates/etdi-types/src/verdict.rs")).unwrap();
    let rows = rows("verdicts.md");
    for answers in ["impl Who", "impl What"] {
        let (_, rest) = text.split_once(answers).unwrap();
        let (_, names) = rest.split_once("match self {").unwrap();
        let (names, _) = names.split_once("\n        }").unwrap();
        let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
        assert!(names.len() >= 8, "{answers}: {names:?}");
        for name in names {
            let found = rows.iter().filter(|cells| code(&cells[0]) == Some(name)).count();
            assert_eq!(found, 1, "verdicts.md must have one row for {name}");
        }
    }
}

#[test]
fn every_problem_that_check_finds_has_its_row() {
    let source = folder().join("../crates/etdi-server/src/problem.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, reasons) = source.split_once("pub fn reason").unwrap();
    let (reasons, _) = reasons.split_once("\n    }").unwrap();
    let reasons: Vec<&str> = reasons.split('"').skip(1).step_by(2).collect();
    let rows = rows("server.md");
    let described: Vec<&str> = rows.iter().filter_map(|cells| code(&cells[0])).collect();
    let described: Vec<&str> =
        described.into_iter().skip_while(|reason| *reason != reasons[0]).collect();
    assert_eq!(described, reasons);
}

#[test]
fn every_error_of_a_call_an_approval_and_a_store_is_explained() {
    for (page_name, file, error) in [
        ("host.md", "etdi-client/src/error.rs", "CallError"),
        ("host.md", "etdi-client/src/error.rs", "ApproveError"),
        ("stores.md", "etdi-judge/src/store/sqlite/error.rs", "SqliteError"),
    ] {
        let text = page(page_name);
        let source = folder().join("../crates").join(file);
        let source = fs::read_to_string(source).unwrap();
        let (_, rest) = source.split_once(&format!("pub enum {error} {{\n")).unwrap();
        let (variants, _) = rest.split_once("\n}").unwrap();
        let variants: Vec<&str> = variants
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            .map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap())
            .collect();
        assert!(variants.len() > 8, "{error}: {variants:?}");
        for variant in variants {
            let explained = text.lines().filter(|line| line.starts_with('|')).any(|line| {
                line.contains(&format!("`{error}"))
                    && (line.contains(&format!("`{variant}`"))
                        || line.contains(&format!("`{error}::{variant}`")))
            });
            assert!(explained, "{page_name} does not explain {error}::{variant}");
        }
    }
}

/// For each event, the page names the crates whose source code makes it.
#[test]
fn every_event_comes_from_where_the_page_says() {
    let source = |name: &str| source_of(&folder().join(format!("../crates/{name}/src")));
    let sources = [
        ("client", source("etdi-client") + &source("etdi-judge")),
        ("server", source("etdi-server")),
        ("oauth", source("etdi-oauth")),
    ];
    for cells in rows("events.md").iter().filter(|cells| cells[0].starts_with("**")) {
        let event = code(&cells[0]).unwrap();
        let camel: String =
            event.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let from: Vec<&str> = sources
            .iter()
            .filter(|(_, source)| source.contains(&format!("{camel}::new(")))
            .map(|(name, _)| *name)
            .collect();
        let expected = match from.join(", ") {
            none if none.is_empty() => "not emitted yet".to_owned(),
            some => format!("from {some}"),
        };
        assert_eq!(cells[2], expected, "events.md: {event}");
    }
}

fn source_of(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => source_of(&path),
            false => fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

#[test]
fn every_event_has_its_row_and_its_members() {
    let mut described: Vec<(String, BTreeSet<String>)> = Vec::new();
    for cells in rows("events.md") {
        if let Some(event) = cells[0].strip_prefix("**").and_then(|_| code(&cells[0])) {
            described.push((event.to_owned(), BTreeSet::new()));
        } else if let (true, Some(member)) = (cells[0].is_empty(), code(&cells[1])) {
            described.last_mut().unwrap().1.insert(member.to_owned());
        }
    }
    let described: BTreeMap<_, _> = described.into_iter().collect();
    let real: BTreeMap<String, BTreeSet<String>> = records_of_every_type()
        .iter()
        .map(|record| {
            let data = serde_json::to_value(record).unwrap()["data"].clone();
            let members = data.as_object().unwrap().keys().cloned().collect();
            (record.event_type().as_str().to_owned(), members)
        })
        .collect();
    assert_eq!(described, real);
}

#[test]
fn the_alarms_are_those_that_the_page_names() {
    let text = page("events.md");
    let (_, alarms) = text.split_once("*Alarms*").unwrap();
    let alarms = alarms.lines().next().unwrap();
    for record in records_of_every_type() {
        let name = format!("`{}`", record.event_type());
        assert_eq!(alarms.contains(&name), record.event.is_alarm(), "{name}");
    }
}

#[test]
fn every_kind_of_drift_has_its_row_and_its_words() {
    let level = |kind: &DriftKind| match kind.level() {
        DriftLevel::Drift => "drift",
        DriftLevel::Note => "note",
    };
    let expected: Vec<Vec<String>> = DriftKind::ALL
        .iter()
        .map(|kind| vec![format!("`{}`", kind.id()), level(kind).into(), kind.explanation().into()])
        .collect();
    let found = rows("lockfile.md").into_iter();
    let found = found.skip_while(|row| row.first().is_none_or(|cell| cell != "id")).skip(1);
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

/// Returns the index of the `)` that closes a call. `text` begins right behind the `(`.
fn end_of_call(text: &str) -> usize {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    end.unwrap()
}

/// The table has all targets in the source code of the bench, and only these.
#[test]
fn the_targets_of_the_performance_page_are_those_of_the_bench() {
    let bench = folder().join("../tests/benches");
    let source: String = fs::read_dir(bench)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut targets: Vec<(bool, f64)> = Vec::new();
    for (call, at_least) in [("Row::at_most(", false), ("Row::at_least(", true)] {
        for rest in source.split(call).skip(1) {
            let arguments = &rest[..end_of_call(rest)];
            let number = arguments.trim_end_matches([',', '\n', ' ']).rsplit(',').next().unwrap();
            targets.push((at_least, number.trim().replace('_', "").parse().unwrap()));
        }
    }
    let mut shown: Vec<(bool, f64)> = rows("performance.md")
        .iter()
        .filter_map(|cells| {
            let target = cells.get(2)?;
            let (sign, number) = target.split_once(' ')?;
            let number = number.parse().ok()?;
            matches!(sign, "≤" | "≥").then_some((sign == "≥", number))
        })
        .collect();
    targets.sort_by(|a, b| a.partial_cmp(b).unwrap());
    shown.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(shown, targets, "performance.md and tests/benches name different targets");
}
