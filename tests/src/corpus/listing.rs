//! Starts third-party servers and lists their tools.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;
use std::{fs, iter};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Tool;

/// The longest time between two lines of output while the client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The largest number of pages; a longer listing is refused.
const MAX_PAGES: usize = 100;

/// A server, as `servers.json` describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The package that identifies the server.
    pub package: String,
    registry: Registry,
    /// The publisher of the package.
    pub publisher: String,
    program: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Registry {
    #[serde(rename = "npm")]
    Npm,
    PyPI,
}

/// The tools and the instructions of a server.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its tools, from all pages.
    pub tools: Vec<Tool>,
    /// Its instructions.
    pub instructions: Option<String>,
}

/// Reads `servers.json` in `folder`.
///
/// # Errors
/// If the file cannot be read, or has another shape.
pub fn servers(folder: &Path) -> Result<Vec<Server>> {
    let file = folder.join("servers.json");
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot parse {}", file.display()))
}

/// Returns whether this system can start a server without a network.
pub fn can_isolate() -> bool {
    let probe = Command::new("unshare").args(["-rn", "true"]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

impl Server {
    /// Starts the server and lists its tools. `folder` holds the installed packages, `path` is the
    /// value of `PATH`. If `isolated`, the server has no network.
    ///
    /// # Errors
    /// If the server does not start, does not answer in time, or gives a wrong answer.
    pub fn list(&self, folder: &Path, path: &str, isolated: bool) -> Result<Listed> {
        let place = tempfile::tempdir()?;
        self.start(folder, path, isolated, place.path())
            .and_then(|mut session| session.list(&self.package))
            .with_context(|| format!("cannot list the tools of {}", self.package))
    }

    fn start(&self, folder: &Path, path: &str, isolated: bool, place: &Path) -> Result<Session> {
        let [work, home] = ["work", "home"].map(|name| place.join(name));
        fs::create_dir(&work)?;
        fs::create_dir(&home)?;
        let program = match self.registry {
            Registry::Npm => folder.join("node_modules").join(&self.package).join(&self.program),
            Registry::PyPI => {
                let programs = if cfg!(windows) { "Scripts" } else { "bin" };
                folder.join(".venv").join(programs).join(&self.program)
            }
        };
        let prefix: &[&str] = if isolated { &["unshare", "-rn"] } else { &[] };
        let node: &[&str] = if matches!(self.registry, Registry::Npm) { &["node"] } else { &[] };
        let mut words =
            prefix.iter().chain(node).map(|word| Path::new(*word)).chain(iter::once(&*program));
        let mut command = Command::new(words.next().context("the command must have a program")?);
        command
            .args(words)
            .args(&self.args)
            .current_dir(&work)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &home)
            .env("TMPDIR", place)
            .envs(&self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("the server does not start")?;
        let input = child.stdin.take().context("the server has no standard input")?;
        let output = child.stdout.take().context("the server has no standard output")?;
        // The channel has no buffer, so a server that writes without end must wait, and cannot fill the
        // memory.
        let (send, lines) = sync_channel(0);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Session { child, input, lines, next: 1 })
    }
}

/// A running server. It ends when this is dropped.
struct Session {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    next: u64,
}

impl Session {
    fn list(&mut self, server: &str) -> Result<Listed> {
        let greeting: Greeting = self.request(
            "initialize",
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": { "name": "etdi-corpus", "version": "1.0.0" },
            }),
        )?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        let mut tools = Vec::new();
        let mut params = json!({});
        for _ in 0..MAX_PAGES {
            let page: Page = self.request("tools/list", params)?;
            for raw in page.tools {
                let Named { name } = serde_json::from_str(raw.get())?;
                tools.push(Tool { server: server.to_owned(), name, raw: raw.get().to_owned() });
            }
            let Some(cursor) = page.next_cursor else {
                ensure!(!tools.is_empty(), "the server has no tools");
                return Ok(Listed { tools, instructions: greeting.instructions });
            };
            params = json!({ "cursor": cursor });
        }
        bail!("the list of tools has too many pages")
    }

    fn request<T: for<'a> Deserialize<'a>>(&mut self, method: &str, params: Value) -> Result<T> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let line = self.lines.recv_timeout(TIMEOUT);
            let line = line.with_context(|| format!("the server does not answer `{method}`"))?;
            // Some servers write notes to standard output. Requests to the client are not answered.
            let Ok(message) = serde_json::from_str::<Response>(&line) else { continue };
            if message.id != Some(id) || message.method.is_some() {
                continue;
            }
            let result =
                message.result.with_context(|| format!("the server refuses `{method}`"))?;
            return serde_json::from_str(result.get())
                .with_context(|| format!("the answer to `{method}` has the wrong shape"));
        }
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        writeln!(self.input, "{message}")?;
        Ok(self.input.flush()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The server may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[derive(Deserialize)]
struct Response {
    id: Option<u64>,
    method: Option<String>,
    result: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Greeting {
    instructions: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    tools: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}
