//! The outcome of an order, server by server. It is printed at once for a person, and at the end as
//! JSON.

use etdi::text::escaped;
use etdi::{ApprovedTool, Digest, JudgedTool, ServerIdentity, ToolDefinition};
use serde_json::{Value, json};

use super::order::ApprovalOrder;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::show::instructions;
use crate::show::summary::{summary_line, who_and_may};
use crate::terminal::line::Line;

#[derive(Default)]
pub(super) struct ApprovalOutcome {
    servers: Vec<OnServer>,
    exit: Option<Exit>,
    error: Option<CliError>,
    /// The digests of `--yes` that were found.
    matched: Vec<Digest>,
}

#[derive(Default)]
struct OnServer {
    name: String,
    server: Option<ServerIdentity>,
    approved: Vec<Value>,
    already: Vec<Value>,
    waiting: Vec<Value>,
    refused: Vec<Value>,
    errors: Vec<Value>,
}

impl ApprovalOutcome {
    pub(super) fn begin(&mut self, name: &str) {
        self.servers.push(OnServer { name: name.to_owned(), ..OnServer::default() });
    }

    pub(super) fn on(&mut self, server: &ServerIdentity) {
        self.here(|here| here.server = Some(server.clone()));
    }

    /// Reports an approval that is stored.
    pub(super) fn approved(&mut self, tool: &ApprovedTool, context: &Context) {
        self.store(tool.name(), tool.digest(), context);
    }

    pub(super) fn approved_instructions(&mut self, digest: Digest, context: &Context) {
        context
            .out
            .line(Line::new().good("approved ").text(instructions::NAME).text(" ").text(digest));
        self.here(|here| here.approved.push(json!({ "instructions": true, "digest": digest })));
    }

    fn store(&mut self, name: &str, digest: Digest, context: &Context) {
        context.out.line(Line::new().good("approved ").theirs(name).text(" ").text(digest));
        self.here(|here| here.approved.push(json!({ "name": name, "digest": digest })));
    }

    /// Reports a tool whose definition was approved before.
    pub(super) fn already(&mut self, name: &str, digest: Option<Digest>, context: &Context) {
        let line = Line::new().theirs(name);
        context.out.line(line.text(": approved already, as it is now"));
        self.here(|here| here.already.push(named(name, digest, false)));
    }

    /// Records a tool that still waits for approval.
    pub(super) fn waits(&mut self, name: &str, digest: Option<Digest>) {
        self.worse(Exit::No);
        self.here(|here| here.waiting.push(named(name, digest, false)));
    }

    /// Reports instructions that were approved before.
    pub(super) fn instructions_already(&mut self, digest: Digest, context: &Context) {
        let line = Line::new().text(instructions::NAME);
        context.out.line(line.text(": approved already, as they are now"));
        self.here(|here| here.already.push(named(instructions::NAME, Some(digest), true)));
    }

    /// Records instructions that still wait for approval.
    pub(super) fn instructions_wait(&mut self, digest: Option<Digest>) {
        self.worse(Exit::No);
        self.here(|here| here.waiting.push(named(instructions::NAME, digest, true)));
    }

    /// Reports a tool that is refused, whether the order names it or not.
    pub(super) fn refused(&mut self, tool: &JudgedTool, context: &Context) {
        self.worse(Exit::No);
        let line = summary_line(tool);
        let line = match who_and_may(tool) {
            Some(who_and_may) => line.text("; ").text(who_and_may),
            None => line,
        };
        context.out.indented(line, 7);
        let digest = tool.definition().map(ToolDefinition::digest);
        let why = tool.to_string();
        let why = why.lines().last().unwrap_or_default();
        self.here(|here| {
            here.refused.push(json!({ "name": tool.name(), "digest": digest, "why": why }));
        });
    }

    pub(super) fn failed(&mut self, error: CliError, context: &Context) {
        self.worse(error.exit());
        if !context.out.is_json() {
            context.out.error(&error);
        }
        self.here(|here| here.errors.push(json!(error)));
        self.error.get_or_insert(error);
    }

    /// Returns whether no approval was stored.
    pub(super) fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.approved.is_empty())
    }

    /// Returns whether the current server has a new or an earlier approval.
    pub(super) fn approved_here(&self) -> bool {
        let here = self.servers.last();
        here.is_some_and(|here| !here.approved.is_empty() || !here.already.is_empty())
    }

    pub(super) fn matched(&mut self, digest: Digest) {
        self.matched.push(digest);
    }

    /// Reports the digests that no server lists.
    pub(super) fn unmatched(&mut self, order: &ApprovalOrder, context: &Context) {
        // A server that could not be asked may list the digest.
        if self.error.is_some() {
            return;
        }
        let missing: Vec<_> =
            order.yes.iter().filter(|digest| !self.matched.contains(digest)).copied().collect();
        for digest in missing {
            let error =
                CliError::refused("cannot approve the digest: no server of the command lists it")
                    .at(digest)
                    .next("`etdi show` prints the digest of a tool");
            self.failed(error, context);
        }
    }

    pub(super) fn end(self, context: &Context) -> Exit {
        let exit = self.exit.unwrap_or(Exit::Ok);
        let silent = self.servers.iter().all(OnServer::is_silent);
        if silent && exit == Exit::Ok {
            context.out.line("No tools wait for approval.");
        }
        let servers: Vec<_> = self.servers.iter().map(OnServer::json).collect();
        let mut answer = json!({ "servers": servers, "exit": exit.code() });
        // Add the members of the first error, as every command prints an error.
        let error = self.error.map(|error| json!(error));
        if let (Some(Value::Object(error)), Some(answer)) = (error, answer.as_object_mut()) {
            answer.extend(error);
        }
        context.out.json(&answer);
        exit
    }

    fn worse(&mut self, exit: Exit) {
        self.exit = Some(self.exit.unwrap_or(Exit::Ok).and(exit));
    }

    fn here(&mut self, change: impl FnOnce(&mut OnServer)) {
        if let Some(here) = self.servers.last_mut() {
            change(here);
        }
    }
}

impl OnServer {
    fn is_silent(&self) -> bool {
        [&self.approved, &self.already, &self.waiting, &self.refused, &self.errors]
            .iter()
            .all(|list| list.is_empty())
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "server": self.server,
            "approved": self.approved,
            "already": self.already,
            "waiting": self.waiting,
            "refused": self.refused,
            "errors": self.errors,
        })
    }
}

/// Returns a tool or instructions as JSON. A tool may have the name that is shown for instructions, so
/// the member `instructions` tells which it is.
fn named(name: &str, digest: Option<Digest>, instructions: bool) -> Value {
    json!({ "name": name, "digest": digest, "instructions": instructions })
}

/// Returns the error for a no at a question.
pub(super) fn declined(outcome: &ApprovalOutcome, names: &[&str]) -> CliError {
    if outcome.is_empty() {
        return CliError::refused("cannot approve: the answer was no; no changes were made");
    }
    let names: Vec<_> = names.iter().map(|name| escaped(name).to_string()).collect();
    CliError::refused(format!("cannot approve: the answer was no for: {}", names.join(", ")))
}
