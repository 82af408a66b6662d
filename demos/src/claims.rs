//! Claims: what a demo says must hold, and what was observed.

use std::fmt::{Debug, Write};
use std::io;

use serde::Serialize;

/// Over what a scenario runs.
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
    /// A short name that stays.
    pub id: String,
    /// The claim in plain words.
    pub claim: String,
    /// What must be.
    pub expected: String,
    /// What was: read from an effect, never a constant.
    pub observed: String,
    /// Whether they are the same.
    pub pass: bool,
}

/// All claims of one scenario on one transport.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: &'static str,
    /// The transport.
    pub transport: Transport,
    /// The identity provider; `None` where the scenario uses none.
    pub issuer: Option<String>,
    /// The claims, in the order in which they were checked.
    pub claims: Vec<Claim>,
    /// Whether every claim holds.
    pub pass: bool,
    #[serde(skip)]
    quiet: bool,
}

impl Report {
    /// An empty report. Unless `quiet`, each claim is printed as it is checked.
    #[must_use]
    pub fn new(scenario: &'static str, transport: Transport, quiet: bool) -> Self {
        Self { scenario, transport, issuer: None, claims: Vec::new(), pass: true, quiet }
    }

    /// Says what comes next.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn chapter(&self, title: &str) -> io::Result<()> {
        self.say(&format!("\n  {title}\n"))
    }

    /// Says something that is no claim.
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

    /// Checks that `observed` contains every one of `parts`.
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
