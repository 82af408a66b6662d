//! One tool in a list: a line for a person, an object for a program, and its exit status.

use etdi::decision::Action;
use etdi::text::escaped;
use etdi::{JudgedTool, ToolDefinition, Verdict, What};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::show::instructions;
use crate::terminal::line::Line;

/// What is the same for many tools of a list: who published it, and whether it may be called.
pub(crate) fn who_and_may(tool: &JudgedTool) -> Option<String> {
    let verdict = tool.verdict()?;
    Some(format!("{} ({}); {}", verdict.who, verdict.origin, verdict.may))
}

/// The tool on one line, for a list.
pub(crate) fn summary_line(tool: &JudgedTool) -> Line {
    let line = decision(tool).text("  ").bold(shown_name(tool.name()));
    match (tool.verdict(), tool.problem()) {
        (Some(verdict), _) => {
            let what: Vec<_> = verdict.what.iter().map(first_line).collect();
            line.text(": ").text(what.join("; "))
        }
        (None, Some(problem)) => line.text(": refused: ").text(problem),
        (None, None) => line.text(": refused"),
    }
}

/// A tool that is called like the instructions of its server is shown in quotes, as they are not.
fn shown_name(name: &str) -> String {
    match name.trim().eq_ignore_ascii_case(instructions::NAME) {
        true => format!("\"{}\"", escaped(name)),
        false => escaped(name).to_string(),
    }
}

/// The tool for a program, without its text.
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

/// Yes for what may be used, no for what waits for a person or is refused.
pub(crate) fn exit(tool: &JudgedTool) -> Exit {
    if tool.action() > Action::Warn { Exit::No } else { Exit::Ok }
}

pub(super) fn decision(tool: &JudgedTool) -> Line {
    match tool.action() {
        Action::Allow => Line::new().good("allow"),
        Action::Warn => Line::new().warn("warn "),
        Action::Ask => Line::new().warn("ask  "),
        Action::Block => Line::new().bad("block"),
    }
}

/// Without the differences, which the review shows.
pub(super) fn first_line(what: &What) -> String {
    what.to_string().lines().next().unwrap_or_default().to_owned()
}
