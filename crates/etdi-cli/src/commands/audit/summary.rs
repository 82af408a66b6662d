//! One sentence for each event.

use etdi::events::Event;
use etdi::text::escaped;
use serde_json::Value;

use crate::terminal::line::Line;

/// Returns whether a person should look at the event: an alarm, or a tool that was blocked.
pub(super) fn is_alarming(event: &Event) -> bool {
    let blocked = matches!(event, Event::ToolVerified(verified) if verified.decision == "block");
    event.is_alarm() || blocked
}

/// Returns the event in words. Every text in an event may come from a server, so it is escaped.
pub(super) fn words(event: &Event, data: &Value) -> Line {
    let line = match data.get("tool") {
        Some(tool) => Line::new().text(tool_name(tool)),
        None => Line::new(),
    };
    match event {
        Event::ToolVerified(verified) => {
            let line = line.text(format!(
                ": {}, {} ({}): ",
                escaped(&verified.who),
                escaped(&verified.what.join(", ")),
                escaped(&verified.origin)
            ));
            decision(line, &verified.decision)
        }
        Event::ToolApproved(approved) => {
            let with = match approved.permissions.is_empty() {
                true => "no permissions".to_owned(),
                false => escaped(&approved.permissions.join(" ")).to_string(),
            };
            line.text(": approved by ").good(escaped(&approved.by)).text(format!(" with {with}"))
        }
        Event::ToolReapprovalRequested(asked) => line
            .text(": ")
            .warn("has to be approved again")
            .text(format!(": {}", escaped(&asked.reasons.join(", ")))),
        Event::ToolInvoked(call) => {
            let by = call.principal.as_deref().unwrap_or("an unnamed caller");
            let line = line.text(format!(": called by {}, ", escaped(by)));
            match call.succeeded {
                true => line.good("succeeded"),
                false => line.warn("failed"),
            }
        }
        Event::ToolUpdated(updated) => {
            let from = updated.from_version.as_deref().unwrap_or("no version");
            line.text(format!(": changed, was {}", escaped(from)))
        }
        _ => members(line, data),
    }
}

fn decision(line: Line, decision: &str) -> Line {
    let shown = escaped(decision);
    match decision {
        "allow" => line.good(shown),
        "block" => line.bad(shown),
        _ => line.warn(shown),
    }
}

fn tool_name(tool: &Value) -> String {
    let text = |member: &str| tool.get(member).and_then(Value::as_str);
    // The id of an unsigned tool has the digest of its server. The name is more useful to a person.
    let name = match text("id") {
        Some(id) if !id.starts_with("local:") && !id.is_empty() => id,
        _ => text("name").unwrap_or("a tool"),
    };
    let version = text("version").map(|version| format!(" {}", escaped(version)));
    format!("{}{}", escaped(name), version.unwrap_or_default())
}

/// Adds the members of an event that has no sentence of its own.
fn members(mut line: Line, data: &Value) -> Line {
    let mut first = line.width() == 0;
    for (name, value) in data.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => escaped(text).to_string(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Array(all) if !all.is_empty() => {
                let all: Vec<_> = all.iter().filter_map(Value::as_str).collect();
                escaped(&all.join(" ")).to_string()
            }
            _ => continue,
        };
        let separator = if first { "" } else { "  " };
        first = false;
        line = line.text(separator).dim(format!("{name} ")).text(text);
    }
    line
}
