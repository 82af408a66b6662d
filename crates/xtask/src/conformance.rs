//! `cargo xtask conformance`.

mod report;
mod results;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use self::report::{Report, Run};
use self::results::Column;
use crate::page::Place;
use crate::step::Step;
use crate::{programs, setup, workspace};

const SUITE: &str =
    "tests/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// The folder of the results, beside the programs under test.
const RESULTS: &str = "conformance";

/// The time limit of the suite for a client, in milliseconds. It must be enough for all clients of
/// one run: they start together, and each waits for its turn.
const PATIENCE: &str = "300000";

const SHOWN: Place = Place {
    page: "docs/conformance.md",
    begin: "<!-- printed by `cargo xtask conformance` -->\n```text\n",
    end: "```\n",
    command: "cargo xtask conformance",
};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Print the table as one line of JSON too, after everything else.
    #[arg(long)]
    json: bool,
    /// Write the table into docs/conformance.md, in place of comparing it with the one there.
    #[arg(long)]
    write: bool,
}

/// A role and a revision that the suite tests, with one run for each column. The revision decides
/// which scenarios run.
struct Wanted {
    revision: &'static str,
    role: Role,
    /// The number of scenarios that the suite has for this run, including those that it does not score.
    scenarios: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

const WANTED: &[Wanted] = &[
    Wanted { revision: "2025-11-25", role: Role::Server, scenarios: 33 },
    Wanted { revision: "2026-07-28", role: Role::Server, scenarios: 50 },
    Wanted { revision: "2025-11-25", role: Role::Client, scenarios: 25 },
    Wanted { revision: "2026-07-28", role: Role::Client, scenarios: 39 },
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let suite = Suite::prepare()?;
    let mut report = Report::default();
    for wanted in WANTED {
        let mut run = suite.both(wanted)?;
        let problems = run.problems();
        if !problems.is_empty() {
            // The suite has its own time limits, which a scenario can exceed on a busy machine. Only
            // the problems of the second run count.
            println!("{}\nonce more:", problems.join("\n"));
            run = suite.both(wanted)?;
        }
        report.runs.push(run);
    }
    let table = report.table();
    println!("\n{table}");
    if options.json {
        println!("{}", report.json());
    }
    let problems = report.problems();
    ensure!(
        problems.is_empty(),
        "{}\nthe results of the suite are in {}",
        problems.join("\n"),
        suite.results.display()
    );
    SHOWN.show(&table, options.write)
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// The suite, and the two programs that it tests.
struct Suite {
    node: PathBuf,
    server: PathBuf,
    client: PathBuf,
    results: PathBuf,
}

impl Suite {
    fn prepare() -> Result<Self> {
        let node = setup::conformance()?;
        let [server, client] = programs::build(["conformance-server", "conformance-client"])?;
        let folder = server.parent().context("cannot find the folder of the server under test")?;
        let results = folder.join(RESULTS);
        if results.exists() {
            fs::remove_dir_all(&results).context("cannot remove the earlier results")?;
        }
        fs::create_dir_all(&results).context("cannot make the folder for the results")?;
        Ok(Self { node, server, client, results })
    }

    /// Runs the suite twice: bare, and through this project.
    fn both(&self, wanted: &Wanted) -> Result<Run> {
        let Wanted { revision, role, scenarios } = *wanted;
        let (bare, wrapped) = (self.run(wanted, false)?, self.run(wanted, true)?);
        Ok(Run::new(role.name(), revision, scenarios, &bare, &wrapped))
    }

    /// Runs the suite once and reads its results.
    fn run(&self, wanted: &Wanted, wrapped: bool) -> Result<Column> {
        let Wanted { revision, role, scenarios } = *wanted;
        let form = match (role, wrapped) {
            (_, false) => "bare",
            (Role::Server, true) => "wrapped",
            (Role::Client, true) => "judged",
        };
        let name = format!("{}-{revision}-{form}", role.name());
        println!("\n==> {scenarios} scenarios for a {} of {revision}, {form}", role.name());
        let results = self.results.join(&name);
        if results.exists() {
            fs::remove_dir_all(&results).context("cannot remove the results of the first run")?;
        }
        let step = Step::new(&name, &self.node)
            .args([&workspace::root().join(SUITE)])
            .args([role.name(), "--requirements", revision, "--output-dir"])
            .args([&results]);
        let mut served = None;
        let step = match role {
            Role::Server => {
                let server = Served::start(&self.server, wrapped)?;
                let step = step.args(["--url", &server.url]);
                served = Some(server);
                step
            }
            Role::Client => {
                // The suite splits the command at spaces. The path of a folder may contain a space, so
                // the command is relative to the folder in which it runs.
                let folder =
                    self.client.parent().context("cannot find the folder of the client")?;
                let program =
                    self.client.file_name().context("cannot find the name of the client")?;
                let program = program.to_string_lossy();
                let command = format!("./{program} --{form} --turn {RESULTS}/turn");
                step.within(folder).args(["--command", &command]).args(["--timeout", PATIENCE])
            }
        };
        // The exit code is ignored: the suite also fails if a scenario fails, and the table shows that.
        let output = step.probe()?;
        drop(served);
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        let column = results::read(&results, role == Role::Server, &said).with_context(|| {
            format!("cannot read the results of {name}; the suite printed:\n{said}\nreason")
        })?;
        println!("--- {} scenarios ran", column.len());
        Ok(column)
    }
}

/// The server under test. It ends when its standard input closes.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(program: &Path, wrapped: bool) -> Result<Self> {
        let mut child = Command::new(program)
            .args(wrapped.then_some("--wrapped"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server under test")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .context("cannot read the output of the server under test")?;
        }
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let url = said.as_ref().and_then(|said| said.get("url")?.as_str()).map(str::to_owned);
        let mut served = Self { child, url: String::new() };
        match url {
            Some(url) => served.url = url,
            None => {
                bail!("cannot reach the server under test: it printed no address, but {line:?}")
            }
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
