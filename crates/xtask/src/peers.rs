//! `cargo xtask peers`.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::page::Place;
use crate::step::Step;
use crate::{junit, setup, workspace};

const SHOWN: Place = Place {
    page: "docs/peers.md",
    begin: "<!-- begin of the tables: written by `cargo xtask peers --write` -->\n\n",
    end: "\n<!-- end of the tables -->",
    command: "cargo xtask peers",
};

/// The binary of the peers, as nextest calls it.
const BINARY: &str = "etdi-tests::interop";

/// The beginning of the line that a test prints for one row.
const ROW: &str = "peers-row ";

/// The largest number of checks in one table. Further checks are in another table below it.
const COLUMNS: usize = 13;

/// The directions of rows, each with the title of its tables.
const DIRECTIONS: [(&str, &str); 2] =
    [("Clients", "Their clients, our server"), ("Servers", "Their servers, our client")];

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Write the table into the page that shows it.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::tests()?;
    let (passed, output) = Step::cargo("peers")
        .args(["test"])
        .args(workspace::WHOLE)
        .args(["--test", "interop", "--no-fail-fast", "--", "--nocapture"])
        .read_all()?;
    let table = tables(rows(&output)?);
    println!("\n{table}");
    ensure!(passed, "a client or server loses something with ETDI, or did not run:\n{output}");
    SHOWN.show(&table, options.write)
}

/// Prints and compares the same tables for tests that have run already and passed.
pub(crate) fn show(tests: &junit::Report) -> Result<()> {
    let rows: Vec<Vec<Row>> =
        tests.of(BINARY).map(|test| rows(&test.output)).collect::<Result<_>>()?;
    let table = tables(rows.into_iter().flatten().collect());
    println!("\n{table}");
    SHOWN.show(&table, false)
}

fn rows(output: &str) -> Result<Vec<Row>> {
    output.lines().filter_map(|line| line.strip_prefix(ROW)).map(Row::parse).collect()
}

/// A peer on a transport.
#[derive(Debug)]
struct Row {
    direction: String,
    head: [String; 4],
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    check: String,
    result: String,
    why: Option<String>,
}

impl Row {
    fn parse(line: &str) -> Result<Self> {
        let row: Value = serde_json::from_str(line).context("a row of the table is not JSON")?;
        let text = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let cells = row
            .get("cells")
            .and_then(Value::as_array)
            .context("a row of the table has no `cells`")?;
        let cells = cells.iter().map(|cell| Cell {
            check: text(cell, "check"),
            result: text(cell, "result"),
            why: cell.get("why").and_then(Value::as_str).map(str::to_owned),
        });
        Ok(Self {
            direction: text(&row, "direction"),
            head: ["peer", "version", "transport", "protocol"].map(|name| text(&row, name)),
            cells: cells.collect(),
        })
    }
}

fn tables(mut rows: Vec<Row>) -> String {
    rows.sort_by(|one, other| one.head.cmp(&other.head));
    let mut reasons = Reasons::default();
    let mut text = String::new();
    for (direction, title) in DIRECTIONS {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.direction == direction).collect();
        text.push_str(&format!("### {title}\n\n"));
        let checks = rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
        for from in (0..checks).step_by(COLUMNS) {
            table(&rows, from, &mut reasons, &mut text);
        }
    }
    for (why, number) in reasons.in_order() {
        let _ = writeln!(text, "{number}. {}", why.replace(['\n', '\r'], " "));
    }
    text
}

fn table(rows: &[&Row], from: usize, reasons: &mut Reasons, text: &mut String) {
    let titles = ["peer", "version", "transport", "MCP"].map(str::to_owned);
    let checks = rows.iter().flat_map(|row| columns(row, from)).map(|cell| cell.check.clone());
    let mut lines = vec![titles.into_iter().chain(checks.take(COLUMNS)).collect::<Vec<_>>()];
    for row in rows {
        let cells = columns(row, from).map(|cell| match &cell.why {
            None => cell.result.clone(),
            Some(why) => format!("{} [{}]", cell.result, reasons.number(why)),
        });
        lines.push(row.head.iter().map(|cell| shown(cell).to_owned()).chain(cells).collect());
    }
    let widths: Vec<usize> = (0..lines.iter().map(Vec::len).max().unwrap_or_default())
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    for (index, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if index == 0 {
            let rule = widths.iter().map(|width| "-".repeat(*width));
            let _ = writeln!(text, "| {} |", rule.collect::<Vec<_>>().join(" | "));
        }
    }
    text.push('\n');
}

fn columns(row: &Row, from: usize) -> impl Iterator<Item = &Cell> {
    row.cells.iter().skip(from).take(COLUMNS)
}

/// Returns the text of a cell, or `unsaid` for an empty cell: the Inspector does not print its revision
/// of MCP.
fn shown(cell: &str) -> &str {
    if cell.is_empty() { "unsaid" } else { cell }
}

/// The reasons why a peer lacks something, numbered in order of appearance.
#[derive(Default)]
struct Reasons(BTreeMap<String, usize>);

impl Reasons {
    fn number(&mut self, why: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(why.to_owned()).or_insert(next)
    }

    fn in_order(&self) -> Vec<(&String, usize)> {
        let mut all: Vec<_> = self.0.iter().map(|(why, number)| (why, *number)).collect();
        all.sort_by_key(|(_, number)| *number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"direction":"Clients","peer":"a","version":"1","transport":"stdio","protocol":"",
        "cells":[{"check":"tools","result":"ok"},{"check":"audio","result":"-","why":"has no ears"}]}"#;

    #[test]
    fn a_row_shows_its_results_and_the_reason_for_a_missing_one() {
        let table = tables(vec![Row::parse(LINE).unwrap()]);
        assert!(
            table.contains("| a    | 1       | stdio     | unsaid | ok    | - [1] |"),
            "{table}"
        );
        assert!(table.ends_with("1. has no ears\n"), "{table}");
    }
}
