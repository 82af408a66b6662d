//! One tool in a list: a line for a person, an object for a program, and its exit status.

use etdi::decision::Action;
use etdi::text::escaped;
use etdi::{JudgedTool, May, Origin, ToolDefinition, Verdict, What, Who};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::show::instructions;
use crate::terminal::line::Line;

const UNSIGNED: &str = "unsigned";

/// Returns the publisher of a tool, and whether the tool may be called. Many tools of a list often have
/// the same text.
pub(crate) fn who_and_may(tool: &JudgedTool) -> Option<String> {
    let verdict = tool.verdict()?;
    let who = who(verdict);
    Some(match verdict.may {
        May::NotEvaluated => who,
        _ => format!("{who}; {}", verdict.may),
    })
}

/// Returns who published the tool, and whether the definition names this server.
pub(super) fn who(verdict: &Verdict) -> String {
    match verdict.who {
        // An unsigned definition cannot name servers.
        Who::Anonymous => verdict.who.to_string(),
        _ => format!("{} ({})", verdict.who, verdict.origin),
    }
}

/// Returns why an approved tool has a warning. `None` without a warning, or if the verdict itself shows
/// the reason.
fn reservation(tool: &JudgedTool) -> Option<&'static str> {
    let verdict = tool.verdict().filter(|verdict| verdict.what == [What::Approved])?;
    if tool.action() != Action::Warn {
        return None;
    }
    match (&verdict.who, verdict.origin) {
        (Who::Anonymous, _) => Some(UNSIGNED),
        (Who::Identified { .. }, _) => Some("identified only"),
        (Who::Attested { .. } | Who::Signed { .. }, Origin::Unproven) => Some("origin unproven"),
        _ => None,
    }
}

/// Returns the tool on one line, for a list.
pub(crate) fn summary_line(tool: &JudgedTool) -> Line {
    let line = decision(tool).text("  ").bold(shown_name(tool.name()));
    match (tool.verdict(), tool.problem()) {
        (Some(verdict), _) => {
            let what: Vec<_> = verdict.what.iter().map(first_line).collect();
            let line = line.text(": ").text(what.join("; "));
            match reservation(tool) {
                Some(reservation) => line.text(format!(" ({reservation})")),
                None => line,
            }
        }
        (None, Some(problem)) => line.text(": refused: ").text(problem),
        (None, None) => line.text(": refused"),
    }
}

/// Returns the name of a tool for a screen. A name that looks like the name of the instructions is in
/// quotes: a person could take the tool for the instructions.
fn shown_name(name: &str) -> String {
    match name.trim().eq_ignore_ascii_case(instructions::NAME) {
        true => format!("\"{}\"", escaped(name)),
        false => escaped(name).to_string(),
    }
}

/// Returns the tool as JSON, without its text.
pub(crate) fn summary(tool: &JudgedTool) -> Value {
    let definition = tool.definition();
    let part = definition.and_then(ToolDefinition::signed);
    let verdict = tool.verdict();
    let what = |verdict: &Verdict| verdict.what.iter().map(first_line).collect::<Vec<_>>();
    let notes =
        |verdict: &Verdict| verdict.notices.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "name": tool.name(),
        "decision": tool.action(),
        "digest": definition.map(ToolDefinition::digest),
        "id": part.map(|part| &part.id),
        "version": part.map(|part| &part.version),
        "who": verdict.map(|verdict| verdict.who.to_string()),
        "what": verdict.map(what),
        "may": verdict.map(|verdict| verdict.may.to_string()),
        "origin": verdict.map(|verdict| verdict.origin.to_string()),
        "notes": verdict.map(notes),
        "verdict": verdict,
        "problem": tool.problem().map(ToString::to_string),
    })
}

/// Returns `Ok` for a tool that may be used, and `No` for a tool that waits for approval or is refused.
pub(crate) fn exit(tool: &JudgedTool) -> Exit {
    if tool.action() > Action::Warn { Exit::No } else { Exit::Ok }
}

pub(super) fn decision(tool: &JudgedTool) -> Line {
    match tool.action() {
        Action::Allow => Line::new().good("ok   "),
        // A person approved this definition, and knows that it is unsigned.
        Action::Warn if reservation(tool) == Some(UNSIGNED) => Line::new().good("ok   "),
        Action::Warn => Line::new().warn("warn "),
        Action::Ask => Line::new().warn("ask  "),
        Action::Block => Line::new().bad("block"),
    }
}

/// Returns the first line, without the differences: the review shows the differences.
pub(super) fn first_line(what: &What) -> String {
    what.to_string().lines().next().unwrap_or_default().to_owned()
}
