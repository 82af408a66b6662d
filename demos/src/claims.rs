//! Claims: the facts that a demo expects, and the facts that it observed.

use std::fmt::{Debug, Write};
use std::io;

use serde::Serialize;

/// The transport of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Child processes that speak over their standard streams.
    Stdio,
    /// Streamable HTTP on the loopback interface.
    Http,
}

/// One checked claim.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// A short name that does not change.
    pub id: String,
    /// The claim in plain words.
    pub claim: String,
    /// The expected value.
    pub expected: String,
    /// The observed value: read from an effect, never a constant.
    pub observed: String,
    /// Whether the two values are the same.
    pub pass: bool,
}

/// All claims of one scenario on one transport.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: &'static str,
    /// The transport.
    pub transport: Transport,
    /// The identity provider, or `None` if the scenario does not use one.
    pub issuer: Option<String>,
    /// The claims, in the order in which they were checked.
    pub claims: Vec<Claim>,
    /// Whether every claim holds.
    pub pass: bool,
    #[serde(skip)]
    quiet: bool,
}

impl Report {
    /// Makes an empty report. Unless `quiet`, each claim is printed as it is checked.
    #[must_use]
    pub fn new(scenario: &'static str, transport: Transport, quiet: bool) -> Self {
        Self { scenario, transport, issuer: None, claims: Vec::new(), pass: true, quiet }
    }

    /// Prints the title of the next part.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn chapter(&self, title: &str) -> io::Result<()> {
        self.say(&format!("\n  {title}\n"))
    }

    /// Prints a text that is not a claim.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn note(&self, text: &str) -> io::Result<()> {
        self.say(&format!("  {text}.\n"))
    }

    /// Checks that `observed` is `expected`.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn claim(
        &mut self,
        id: &str,
        claim: &str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> io::Result<()> {
        let (expected, observed) = (expected.into(), observed.into());
        let pass = expected == observed;
        self.pass &= pass;
        let mut line = format!("    {} {claim}\n", if pass { "ok  " } else { "FAIL" });
        if pass {
            let _ = writeln!(line, "           {}", indented(&observed));
        } else {
            let _ = writeln!(line, "           expected: {}", indented(&expected));
            let _ = writeln!(line, "           observed: {}", indented(&observed));
        }
        self.say(&line)?;
        self.claims.push(Claim {
            id: id.to_owned(),
            claim: claim.to_owned(),
            expected,
            observed,
            pass,
        });
        Ok(())
    }

    /// Checks that `observed` contains each of `parts`.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn claim_contains(
        &mut self,
        id: &str,
        claim: &str,
        parts: &[&str],
        observed: &str,
    ) -> io::Result<()> {
        let missing: Vec<_> = parts.iter().filter(|part| !observed.contains(**part)).collect();
        let expected = if missing.is_empty() {
            observed.to_owned()
        } else {
            format!("a text with {}", parts.join(", "))
        };
        self.claim(id, claim, expected, observed)
    }

    fn say(&self, text: &str) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        io::Write::write_all(&mut io::stdout().lock(), text.as_bytes())
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n           ")
}
