//! `etdi audit`.

mod since;
mod summary;

use std::path::PathBuf;

use clap::Args;
use etdi::events::{Event, EventRecord, EventType};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files;
use crate::terminal::line::Line;

/// Show the decisions in an event log.
///
/// FILE has JSON lines as a host or a server writes them with `JsonLinesSink`; `-` is standard
/// input. An event is shown if it passes every filter. Exit code 2 if a line cannot be read: then
/// the log is not complete.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi audit events.jsonl --since 24h --alarms
  etdi audit events.jsonl --tool trustedsoft.example/scan --type tool_verified
  tail -n 1000 events.jsonl | etdi audit - --json")]
pub(crate) struct AuditArgs {
    /// The event log; `-` for standard input.
    file: PathBuf,
    /// Only this tool: its id, or the name that it is served under.
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// Only this server: its resource URI, or the beginning of its digest.
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// Only events of this type, such as `tool_approved`. Any number of times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<EventType>,
    /// Only events since a time (RFC 3339), a date, or how long ago: 90s, 30m, 24h, 7d.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only attacks, refusals and failures.
    #[arg(long)]
    alarms: bool,
}

impl AuditArgs {
    pub(crate) fn run(self, context: &Context) -> Ending {
        let since = match &self.since {
            Some(text) => Some(since::parse(text, context.clock.now())?),
            None => None,
        };
        let text = files::read(&self.file)?;
        let (mut events, mut bad) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str::<EventRecord>(line) {
                Ok(record) => events.push(record),
                Err(error) => bad.push((number + 1, error.to_string())),
            }
        }
        let total = events.len();
        events.retain(|record| self.wants(record, since));
        self.answer(&events, total, &bad, context);
        match bad.first() {
            None => Ok(Exit::Ok),
            Some(_) if context.out.is_json() => Ok(Exit::CannotCheck),
            Some((number, error)) => Err(CliError::new(format!(
                "cannot read the event log: {} line(s) are not events; the first: {}",
                bad.len(),
                etdi::text::escaped(error)
            ))
            .at(format!("{}, line {number}", self.file.display()))),
        }
    }

    fn wants(&self, record: &EventRecord, since: Option<OffsetDateTime>) -> bool {
        let data = data(&record.event);
        let tool = |member: &str| data.pointer(&format!("/tool/{member}")).and_then(Value::as_str);
        let server = tool("server").or_else(|| data.get("server").and_then(Value::as_str));
        let of_tool = |wanted: &String| [tool("id"), tool("name")].contains(&Some(wanted.as_str()));
        let of_server = |wanted: &String| {
            server.is_some_and(|server| {
                let digest = server.strip_prefix("stdio:").unwrap_or(server);
                server == wanted || (wanted.len() >= 8 && digest.starts_with(wanted.as_str()))
            })
        };
        since.is_none_or(|since| record.time >= since)
            && (!self.alarms || summary::is_alarming(&record.event))
            && (self.types.is_empty() || self.types.contains(&record.event_type()))
            && self.tool.as_ref().is_none_or(of_tool)
            && self.server.as_ref().is_none_or(of_server)
    }

    fn answer(
        &self,
        events: &[EventRecord],
        total: usize,
        bad: &[(usize, String)],
        context: &Context,
    ) {
        let unreadable: Vec<_> =
            bad.iter().map(|(line, error)| json!({ "line": line, "error": error })).collect();
        context.out.json(&json!({ "events": events, "total": total, "unreadable": unreadable }));
        for record in events {
            let at = record.time.replace_nanosecond(0).unwrap_or(record.time);
            let at = at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
            let name = record.event_type().as_str();
            let line = Line::new().dim(at).text("  ");
            let line = match summary::is_alarming(&record.event) {
                true => line.bad(name),
                false => line.bold(name),
            };
            context.out.line(line);
            let words = summary::words(&record.event, &data(&record.event));
            context.out.indented(Line::new().text("    ").then(words), 6);
        }
        context.out.line(format!("{} of {total} events.", events.len()));
    }
}

/// Returns the data of an event as JSON.
fn data(event: &Event) -> Value {
    let value = serde_json::to_value(event).unwrap_or_default();
    value.get("data").cloned().unwrap_or_default()
}
