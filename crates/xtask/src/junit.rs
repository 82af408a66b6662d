//! Reads the JUnit report of nextest, which `.config/nextest.toml` turns on.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use roxmltree::{Document, Node};

use crate::workspace;

/// The path of the report of nextest's default profile, below the root. It does not change with the
/// folder that cargo builds into. Its parts are nextest's `store.dir`, the profile, and the `path` of
/// `.config/nextest.toml`.
const PATH: &str = "target/nextest/default/junit.xml";

/// One run of the tests.
pub(crate) struct Report {
    /// Seconds from the first test to the last.
    pub(crate) seconds: f64,
    pub(crate) tests: Vec<Test>,
}

pub(crate) struct Test {
    /// The binary, with its package: `etdi-cli::cli`.
    pub(crate) binary: String,
    pub(crate) name: String,
    pub(crate) seconds: f64,
    pub(crate) passed: bool,
    /// Standard output.
    pub(crate) output: String,
}

impl Report {
    /// Removes the report of an earlier run, so that it is not taken for the report of the next run.
    pub(crate) fn forget() -> Result<()> {
        let path = path();
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }

    /// Reads the report of the tests that have just run. Returns `None` if nextest did not run them.
    pub(crate) fn latest() -> Result<Option<Self>> {
        let path = path();
        if !path.exists() {
            return Ok(None);
        }
        let cannot_read = || format!("cannot read {}", path.display());
        let text = fs::read_to_string(&path).with_context(cannot_read)?;
        Self::parse(&text).map(Some).with_context(cannot_read)
    }

    /// Returns the tests of a binary.
    pub(crate) fn of<'r>(&'r self, binary: &'r str) -> impl Iterator<Item = &'r Test> {
        self.tests.iter().filter(move |test| test.binary == binary)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let document = Document::parse(text)?;
        let root = document.root_element();
        let cases = root.descendants().filter(|node| node.has_tag_name("testcase"));
        let tests = cases.map(Test::parse).collect::<Result<_>>()?;
        Ok(Self { seconds: seconds(root)?, tests })
    }
}

impl Test {
    fn parse(case: Node<'_, '_>) -> Result<Self> {
        let name = |name| case.attribute(name).map(str::to_owned).context("a test lacks its name");
        let part = |tag| case.children().find(|child| child.has_tag_name(tag));
        Ok(Self {
            binary: name("classname")?,
            name: name("name")?,
            seconds: seconds(case)?,
            passed: ["failure", "error", "skipped"].iter().all(|tag| part(*tag).is_none()),
            output: part("system-out").and_then(|out| out.text()).unwrap_or_default().to_owned(),
        })
    }
}

fn path() -> PathBuf {
    workspace::root().join(PATH)
}

fn seconds(of: Node<'_, '_>) -> Result<f64> {
    let time = of.attribute("time").context("a `time` is missing")?;
    time.parse().with_context(|| format!("{time:?} is not a time"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="2" failures="1" errors="0" time="61.5">
    <testsuite name="etdi-cli::cli" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="screens::help" classname="etdi-cli::cli" time="4.25">
            <system-out>{&quot;a&quot;: 1}
</system-out>
        </testcase>
        <testcase name="screens::audit" classname="etdi-cli::cli" time="9.5">
            <failure message="a &lt; b" type="test failure">a line</failure>
        </testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn a_report_tells_which_tests_passed_how_long_they_took_and_their_output() {
        let report = Report::parse(REPORT).unwrap();
        assert_eq!((report.seconds, report.tests.len()), (61.5, 2));
        let [help, audit] = report.tests.as_slice() else { panic!("two tests") };
        assert_eq!((help.name.as_str(), help.seconds, help.passed), ("screens::help", 4.25, true));
        assert_eq!(help.output, "{\"a\": 1}\n");
        assert!(!audit.passed && audit.output.is_empty());
        assert_eq!(report.of("etdi-cli::cli").count(), 2);
        assert_eq!(report.of("etdi-cli").count(), 0);
    }

    #[test]
    fn a_report_without_times_is_an_error() {
        assert!(Report::parse(&REPORT.replace("time=\"61.5\"", "")).is_err());
        assert!(Report::parse(&REPORT.replace("4.25", "long")).is_err());
        assert!(Report::parse("no report").is_err());
    }
}
