//! The report of a check, for a person and for a program.

use etdi::ServerIdentity;
use etdi::hygiene::Finding;
use etdi::lockfile::{Drift, DriftKind, DriftLevel};
use etdi::text::escaped;
use serde_json::{Value, json};

use super::FindingsByTool;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::files::lock_file::LockOptions;
use crate::show::findings;
use crate::show::sarif::{self, SarifLocation};
use crate::terminal::line::Line;
use crate::terminal::shell::flag;

/// The results for all servers.
pub(super) struct CheckReport {
    lockfile: String,
    /// The flag that names the lockfile, quoted for a shell.
    words: Option<String>,
    servers: Vec<CheckedServer>,
    /// The error that stopped the whole check.
    failed: Option<String>,
}

struct CheckedServer {
    name: String,
    identity: Option<ServerIdentity>,
    next: NextWords,
    state: ServerState,
}

/// The words of the commands that bring an entry up to date, quoted for a shell. `None` for a command
/// that cannot be typed, or cannot help.
#[derive(Default)]
pub(super) struct NextWords {
    /// The words after `etdi approve --all`.
    pub(super) approve: Option<String>,
    /// The words after `etdi lock`.
    pub(super) lock: Option<String>,
}

/// The result for one server.
#[derive(Default)]
pub(super) struct ServerState {
    drift: Vec<Drift>,
    findings: FindingsByTool,
    /// The number of tools that the server lists. `None` if it was not asked.
    listed: Option<usize>,
    error: Option<CliError>,
}

impl ServerState {
    /// Creates the result for a server that was asked.
    pub(super) fn listed(drift: Vec<Drift>, findings: FindingsByTool, tools: usize) -> Self {
        Self { drift, findings, listed: Some(tools), error: None }
    }

    /// Creates the result for a server that was not asked because of this drift.
    pub(super) fn stopped(drift: Vec<Drift>) -> Self {
        Self { drift, ..Self::default() }
    }

    /// Creates the result for a server that could not be asked.
    pub(super) fn failed(error: CliError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// Returns the reason why the server was not asked, in a few words.
    fn stopped_at(&self, server: Option<&ServerIdentity>) -> String {
        if self.is_left_out() {
            return "tools not compared".to_owned();
        }
        let change = self.drift.iter().find_map(|one| match one.kind {
            DriftKind::FileChanged => Some(("changed", one.locked.as_ref()?)),
            DriftKind::FileMissing => Some(("missing", one.locked.as_ref()?)),
            DriftKind::FileAdded => Some(("not locked", one.served.as_ref()?)),
            _ => None,
        });
        let Some((state, file)) = change else {
            return match server {
                Some(ServerIdentity::Stdio(_)) => "server not started".to_owned(),
                _ => "server not contacted".to_owned(),
            };
        };
        // The text is the path of the file, a space, and its digest.
        let path = file.rsplit_once(' ').map_or(file.as_str(), |(path, _)| path);
        format!("{state}: {} (server not started)", escaped(path))
    }

    fn exit(&self) -> Exit {
        let drifts = self.drift.iter().any(|one| one.kind.level() == DriftLevel::Drift);
        match (&self.error, drifts) {
            (Some(_), _) => Exit::CannotCheck,
            (None, true) => Exit::No,
            (None, false) => Exit::Ok,
        }
    }

    /// Returns whether the lockfile leaves out the server, which was not asked.
    fn is_left_out(&self) -> bool {
        self.drift.iter().any(|one| one.kind == DriftKind::ServerSkipped)
    }

    fn findings_of(&self, tool: Option<&str>) -> &[Finding] {
        let found = self.findings.iter().find(|(name, _)| Some(name.as_str()) == tool);
        found.map(|(_, found)| found.as_slice()).unwrap_or_default()
    }
}

impl CheckReport {
    pub(super) fn new(lockfile: &LockOptions) -> Self {
        let (words, lockfile) = (lockfile.words(), lockfile.lockfile.display().to_string());
        Self { lockfile, words, servers: Vec::new(), failed: None }
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        identity: Option<&ServerIdentity>,
        next: NextWords,
        state: ServerState,
    ) {
        let (name, identity) = (name.to_owned(), identity.cloned());
        self.servers.push(CheckedServer { name, identity, next, state });
    }

    pub(super) fn failed(&mut self, error: &CliError) {
        self.failed = Some(in_words(error));
    }

    pub(super) fn exit(&self) -> Exit {
        self.servers.iter().map(|one| one.state.exit()).fold(Exit::Ok, Exit::and)
    }

    pub(super) fn show(&self, context: &Context) {
        let out = &context.out;
        for CheckedServer { name, identity, state, .. } in &self.servers {
            let line = match state.exit() {
                Exit::Ok if state.is_left_out() => Line::new().warn("left out   "),
                Exit::Ok => Line::new().good("as locked  "),
                Exit::No => Line::new().bad("drift      "),
                _ => Line::new().bad("unchecked  "),
            };
            let line = line.bold(escaped(name));
            out.line(match (state.listed, &state.error) {
                (Some(tools), _) => line.dim(format!("  tools listed: {tools}")),
                (None, None) => line.text(format!("  {}", state.stopped_at(identity.as_ref()))),
                (None, Some(_)) => line,
            });
            let mut shown = None;
            for one in &state.drift {
                show_drift(one, context);
                // Show the findings of a tool once, even if it has several drifts.
                if one.tool != shown {
                    findings::show(state.findings_of(one.tool.as_deref()), context);
                    shown.clone_from(&one.tool);
                }
            }
            if let Some(error) = &state.error {
                out.error(error);
            }
        }
        if self.servers.is_empty() {
            out.line("The lockfile has no servers.");
        }
        self.servers.iter().flat_map(|one| self.next(one)).for_each(|next| out.next(next));
    }

    /// Returns the commands that update the lockfile after a person has looked at the drift.
    fn next(&self, server: &CheckedServer) -> Vec<String> {
        if server.state.exit() != Exit::No {
            return Vec::new();
        }
        let Some(lockfile) = &self.words else { return Vec::new() };
        let is_gone = |one: &Drift| one.kind == DriftKind::ServerMissing;
        if server.state.drift.iter().any(is_gone) {
            let remove = flag("--remove", &server.name);
            return remove
                .map(|remove| format!("etdi lock {lockfile}{remove}"))
                .into_iter()
                .collect();
        }
        let NextWords { approve, lock } = &server.next;
        let approve = approve.as_ref().map(|words| format!("etdi approve --all {words}"));
        let lock = lock.as_ref().map(|words| format!("etdi lock {lockfile}{words}"));
        approve.into_iter().chain(lock).collect()
    }

    pub(super) fn json(&self, exit: Exit) -> Value {
        let drift = |server: &CheckedServer, one: &Drift| {
            let mut answer = json!(one);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("level".to_owned(), json!(one.kind.level()));
                answer.insert("line".to_owned(), json!(one.line.0));
                answer.insert("message".to_owned(), json!(one.to_string()));
                let found = server.state.findings_of(one.tool.as_deref());
                answer.insert("findings".to_owned(), json!(found));
            }
            answer
        };
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|server| {
                let state = &server.state;
                let answers: Vec<_> = state.drift.iter().map(|one| drift(server, one)).collect();
                json!({
                    "name": server.name, "server": server.identity, "tools": state.listed,
                    "drift": answers, "error": state.error, "left_out": state.is_left_out(),
                    "exit": state.exit().code(),
                })
            })
            .collect();
        json!({ "lockfile": self.lockfile, "servers": servers, "exit": exit.code() })
    }

    /// Returns the report as SARIF 2.1.0.
    pub(super) fn sarif(&self) -> String {
        let (mut results, mut failures) = (Vec::new(), Vec::new());
        failures.extend(self.failed.clone());
        for CheckedServer { name, identity, state, .. } in &self.servers {
            if let Some(error) = &state.error {
                failures.push(format!("{}: {}", escaped(name), in_words(error)));
            }
            let server = identity.as_ref().map_or_else(|| name.clone(), ToString::to_string);
            let place = |one: &Drift| SarifLocation { file: &self.lockfile, line: one.line.0 };
            for one in &state.drift {
                let message = format!("{}: {one}", escaped(name));
                results.push(sarif::result(one, &message, &server, &place(one)));
            }
            for (tool, found) in &state.findings {
                // Only tools that drift are inspected.
                let of = |one: &&Drift| one.tool.as_ref() == Some(tool);
                let Some(place) = state.drift.iter().find(of).map(place) else { continue };
                let result = |one| sarif::finding(one, tool, name, &server, &place);
                results.extend(found.iter().map(result));
            }
        }
        sarif::document(&results, &failures).to_string()
    }
}

fn show_drift(drift: &Drift, context: &Context) {
    let out = &context.out;
    let line = Line::new().text("  ");
    let line = match drift.kind.level() {
        DriftLevel::Drift => line.bad(drift.kind.id()),
        DriftLevel::Note => line.dim(drift.kind.id()),
    };
    let tool = drift.tool.as_deref().map(|tool| format!("  {}", escaped(tool)));
    out.line(line.bold(tool.unwrap_or_default()));
    out.indented(Line::new().text("    ").text(drift.kind.explanation()), 4);
    if let Some(locked) = &drift.locked {
        out.indented(Line::new().text("    ").bad("- ").theirs(locked), 6);
    }
    if let Some(served) = &drift.served {
        out.indented(Line::new().text("    ").good("+ ").theirs(served), 6);
    }
    if !drift.parts.is_empty() {
        out.indented(Line::new().text("    differs in: ").theirs(&drift.parts.join(", ")), 6);
    }
}

fn in_words(error: &CliError) -> String {
    let at = error.place().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("{}{at}", escaped(error.what()))
}
