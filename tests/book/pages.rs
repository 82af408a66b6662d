//! The pages: each is in the table of contents, and each decision is in the index of decisions.

use std::fs;

use etdi_testkit::book::{folder, page, pages};

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = page("SUMMARY.md");
    for (name, _) in pages().iter().filter(|(name, _)| name != "SUMMARY.md") {
        let times = summary.matches(&format!("]({name})")).count();
        assert_eq!(times, 1, "docs/SUMMARY.md must link docs/{name} once");
    }
}

#[test]
fn every_decision_is_in_the_index_of_decisions_under_its_title() {
    let index = page("decisions/README.md");
    for (name, text) in pages() {
        let Some(file) = name.strip_prefix("decisions/").filter(|file| *file != "README.md") else {
            continue;
        };
        let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        let (number, title) = title.split_once(". ").unwrap_or_else(|| panic!("{name}: no number"));
        let line = format!("{number}. [{title}]({file})");
        assert!(index.lines().any(|found| found == line), "docs/decisions/README.md lacks {line}");
    }
}

#[test]
fn every_file_of_vectors_is_described() {
    let described = fs::read_to_string(folder().join("../tests/vectors/README.md")).unwrap();
    assert!(page("vectors.md").contains("{{#include ../tests/vectors/README.md:3:}}"));
    for entry in fs::read_dir(folder().join("../tests/vectors")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            let row = format!("| `{name}` |");
            let rows = described.lines().filter(|line| line.starts_with(&row)).count();
            assert_eq!(rows, 1, "tests/vectors/README.md must have one row for {name}");
        }
    }
}
