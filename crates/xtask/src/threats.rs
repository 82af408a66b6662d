//! Compares the threat manual with the attacks. Each test that the manual names must exist, and the
//! manual must name each test of an attack.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::attacks::EXPECTED;
use crate::workspace;

/// The pages with numbered sections, and the numbers of the attacks on each.
const PAGES: [(&str, std::ops::RangeInclusive<u32>); 5] = [
    ("definition.md", 1..=12),
    ("listing.md", 13..=26),
    ("token.md", 27..=35),
    ("approval.md", 36..=39),
    ("call.md", 40..=45),
];

const LABELS: [&str; 4] = ["The attack", "The defence", "Shown by", "The limits"];

#[test]
fn the_threat_manual_is_whole_and_names_the_tests_that_exist() {
    let sections = sections();
    let mut wrong = Vec::new();
    wrong.extend(wrong_numbers(&sections));
    wrong.extend(sections.iter().flat_map(Section::wrong));
    wrong.extend(unnamed_tests(&sections));
    assert!(wrong.is_empty(), "docs/threats does not fit the tests:\n{}", wrong.join("\n"));
}

#[test]
fn a_section_that_does_not_fit_is_found() {
    let section = |text: &str| Section::of("call.md", text);
    let missing = |text: &str| section(text).wrong().join("\n");
    let whole = "7. Seven\n\n**The attack** a\n\n**The defence** b\n\n**Shown by** `it_holds` in \
                 `crates/x.rs`\n\n**The limits** c\n";
    assert_eq!(section(whole).number, Some(7));
    assert_eq!(section(whole).tests, ["it_holds"]);
    assert!(missing(whole).contains("crates/x.rs is not a file"), "{}", missing(whole));
    let here = whole.replace("crates/x.rs", "crates/xtask/src/threats.rs");
    assert!(
        missing(&here).contains("`it_holds` is not a function in the files"),
        "{}",
        missing(&here)
    );
    assert!(missing(&here).contains("no test attack_07_… is named"), "{}", missing(&here));
    let named = here
        .replace("it_holds", "a_section_that_does_not_fit_is_found")
        .replace("7. Seven", "Seven");
    assert_eq!(missing(&named), "");
    let short = named.replace("**The limits** c", "");
    assert!(missing(&short).contains("\"The limits\" is there 0 times"), "{}", missing(&short));
    let twice = [section(whole), section(whole)];
    let numbers = wrong_numbers(&twice).join("\n");
    assert!(numbers.contains("attack 7 has 2 sections"), "{numbers}");
    assert!(numbers.contains("attack 45 has 0 sections"), "{numbers}");
}

/// One section of a page, below a `## ` heading.
struct Section {
    page: String,
    title: String,
    number: Option<u32>,
    tests: Vec<String>,
    files: Vec<String>,
    /// How often each of the [`LABELS`] is in the section.
    labels: [usize; 4],
}

/// Returns the sections of the numbered pages, and the sections without a number.
fn sections() -> Vec<Section> {
    let pages = PAGES.map(|(page, _)| page);
    pages.into_iter().chain(["beyond.md"]).flat_map(page).collect()
}

fn page(name: &str) -> Vec<Section> {
    let text = read(&format!("docs/threats/{name}"));
    text.split("\n## ").skip(1).map(|text| Section::of(name, text)).collect()
}

impl Section {
    /// Reads a section from its heading without `## `, and the text up to the next heading.
    fn of(page: &str, text: &str) -> Self {
        let title = text.lines().next().unwrap().to_owned();
        let number = title.split_once(". ").and_then(|(number, _)| number.parse().ok());
        let labels = LABELS.map(|label| text.matches(&format!("\n**{label}** ")).count());
        let shown = text.split("\n\n").filter(|part| part.starts_with("**Shown by** "));
        let quoted = shown.flat_map(|part| part.split('`').skip(1).step_by(2)).map(str::to_owned);
        let (files, tests) = quoted.partition(|name| name.contains('/'));
        Self { page: page.to_owned(), title, number, tests, files, labels }
    }

    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (label, count) in LABELS.iter().zip(self.labels).filter(|(_, count)| *count != 1) {
            wrong.push(format!("\"{label}\" is there {count} times"));
        }
        let mut sources = Vec::new();
        for file in &self.files {
            match fs::read_to_string(workspace::root().join(file)) {
                Ok(source) => sources.push(source),
                Err(_) => wrong.push(format!("{file} is not a file")),
            }
        }
        for test in &self.tests {
            if !sources.iter().any(|source| source.contains(&format!("fn {test}("))) {
                wrong.push(format!("`{test}` is not a function in the files that are named"));
            }
        }
        for (file, source) in self.files.iter().zip(&sources) {
            if !self.tests.iter().any(|test| source.contains(&format!("fn {test}("))) {
                wrong.push(format!("{file} holds no test that is named"));
            }
        }
        if let Some(number) = self.number.filter(|number| is_expected(*number)) {
            let prefix = format!("attack_{number:02}_");
            if !self.tests.iter().any(|test| test.starts_with(&prefix)) {
                wrong.push(format!("no test {prefix}… is named"));
            }
        }
        wrong.iter().map(|what| format!("{}, {}: {what}", self.page, self.title)).collect()
    }
}

fn is_expected(number: u32) -> bool {
    EXPECTED.iter().any(|(expected, _)| *expected == number)
}

/// Returns the attacks that do not have exactly one section, or have it on the wrong page.
fn wrong_numbers(sections: &[Section]) -> Vec<String> {
    let mut places: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for number in PAGES.iter().flat_map(|(_, numbers)| numbers.clone()) {
        places.entry(number).or_default();
    }
    let mut wrong = Vec::new();
    for (expected, _) in EXPECTED.iter().filter(|(number, _)| !places.contains_key(number)) {
        wrong.push(format!("attack {expected} of the list has no page"));
    }
    for section in sections {
        if let Some(number) = section.number {
            places.entry(number).or_default().push(&section.page);
        }
    }
    for (number, pages) in places {
        if pages.len() != 1 {
            wrong.push(format!("attack {number} has {} sections", pages.len()));
        }
        let right = PAGES.iter().find(|(_, numbers)| numbers.contains(&number));
        let right = right.map(|(page, _)| *page);
        for page in pages.into_iter().filter(|page| Some(*page) != right) {
            wrong.push(format!("attack {number} is on the wrong page, {page}"));
        }
    }
    wrong
}

/// Returns the tests of attacks that no section names.
fn unnamed_tests(sections: &[Section]) -> Vec<String> {
    let mut tests = Vec::new();
    attack_tests(&workspace::root().join("tests/attacks"), &mut tests);
    assert!(tests.len() > 80, "only {} tests of attacks were found", tests.len());
    tests.retain(|test| sections.iter().all(|section| !section.tests.contains(test)));
    tests.iter().map(|test| format!("no section names `{test}`")).collect()
}

/// Adds the functions below `folder` whose names begin with `attack_` or `extra_`.
fn attack_tests(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            attack_tests(&path, found);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for line in source.lines() {
            let Some((_, name)) = line.split_once("fn ") else { continue };
            let name = name.split('(').next().unwrap_or_default();
            if name.starts_with("attack_") || name.starts_with("extra_") {
                found.push(name.to_owned());
            }
        }
    }
}

fn read(path: &str) -> String {
    let path = workspace::root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
