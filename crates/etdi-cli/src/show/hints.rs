//! The hints of a server about its tool, in MCP's `annotations` (`ToolAnnotations`). Hints are not
//! proven. For a missing hint, MCP assumes the worse value.

use etdi::ToolDefinition;
use serde_json::Value;

use crate::terminal::line::Line;

/// The note below a table with a column of hints.
pub(crate) const NOTE: &str = "hints: stated by the server and not proven; for a missing hint, MCP \
    assumes the worse: writes, destructive, open world";

/// The hints of one tool.
pub(crate) struct Hints {
    read_only: Hint,
    destructive: Hint,
    open_world: Hint,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Said(bool),
    /// The hint is present, but is neither true nor false.
    Unclear,
    Unsaid,
}

impl Hints {
    pub(crate) fn of(definition: &ToolDefinition) -> Self {
        let annotations = definition.member("annotations");
        let annotations: Option<Value> =
            annotations.and_then(|text| serde_json::from_str(&text).ok());
        let hint = |name: &str| match annotations.as_ref().and_then(|all| all.get(name)) {
            None => Hint::Unsaid,
            Some(Value::Bool(said)) => Hint::Said(*said),
            Some(_) => Hint::Unclear,
        };
        Self {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        }
    }

    /// Returns the hints in few words, for a table.
    pub(crate) fn short(&self) -> String {
        let destructive = self.destructive();
        // "destructive" and "adds" already say that the tool writes.
        let read_only = word(self.read_only, "read-only", "writes")
            .filter(|word| *word != "writes" || destructive.is_none());
        let destructive = destructive.map(|word| if word == ADDS { "adds" } else { word });
        let open_world = word(self.open_world, "open", "closed");
        joined([read_only, destructive, open_world]).unwrap_or_else(|| "none".to_owned())
    }

    /// Returns the hints, and the values that MCP assumes for missing hints.
    pub(crate) fn line(&self) -> Line {
        let line = match self.said() {
            Some(said) => Line::new().text(said).text(", stated by the server"),
            None => Line::new().text("none"),
        };
        match self.assumed() {
            Some(assumed) => line.text("; assumed: ").text(assumed),
            None => line,
        }
    }

    fn said(&self) -> Option<String> {
        joined([
            word(self.read_only, "read-only", "writes"),
            self.destructive(),
            word(self.open_world, "open world", "closed world"),
        ])
    }

    /// Returns the hint about destructive changes. For a read-only tool, "not destructive" says nothing
    /// new and is left out. "Destructive" is shown, because it contradicts "read-only".
    fn destructive(&self) -> Option<&'static str> {
        match (self.read_only, self.destructive) {
            (Hint::Said(true), Hint::Said(false)) => None,
            (_, destructive) => word(destructive, "destructive", ADDS),
        }
    }

    /// Returns MCP's defaults for missing hints: not read-only, destructive, open world. The default of
    /// `destructiveHint` applies only to a tool that writes.
    fn assumed(&self) -> Option<String> {
        let unsaid = |hint, word| (hint == Hint::Unsaid).then_some(word);
        let destroys = self.read_only != Hint::Said(true);
        joined([
            unsaid(self.read_only, "writes"),
            unsaid(self.destructive, "destructive").filter(|_| destroys),
            unsaid(self.open_world, "open world"),
        ])
    }
}

const ADDS: &str = "only adds";

fn word(hint: Hint, yes: &'static str, no: &'static str) -> Option<&'static str> {
    match hint {
        Hint::Said(true) => Some(yes),
        Hint::Said(false) => Some(no),
        Hint::Unclear => Some("unclear"),
        Hint::Unsaid => None,
    }
}

fn joined(words: [Option<&str>; 3]) -> Option<String> {
    let words: Vec<_> = words.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(annotations: &Value) -> (String, String) {
        let tool = json!({ "name": "a", "inputSchema": {}, "annotations": annotations });
        let hints = Hints::of(&ToolDefinition::parse(tool.to_string().as_bytes()).unwrap());
        (hints.short(), hints.line().to_string())
    }

    #[test]
    fn a_missing_hint_is_never_harmless() {
        for (annotations, short, line) in [
            (json!({}), "none", "none; assumed: writes, destructive, open world"),
            (json!(null), "none", "none; assumed: writes, destructive, open world"),
            (
                json!({ "readOnlyHint": true }),
                "read-only",
                "read-only, stated by the server; assumed: open world",
            ),
            (
                json!({ "readOnlyHint": false, "destructiveHint": false, "openWorldHint": false }),
                "adds, closed",
                "writes, only adds, closed world, stated by the server",
            ),
            (
                json!({ "destructiveHint": false }),
                "adds",
                "only adds, stated by the server; assumed: writes, open world",
            ),
            (
                json!({ "readOnlyHint": true, "destructiveHint": true, "openWorldHint": true }),
                "read-only, destructive, open",
                "read-only, destructive, open world, stated by the server",
            ),
            (
                json!({ "readOnlyHint": "yes" }),
                "unclear",
                "unclear, stated by the server; assumed: destructive, open world",
            ),
        ] {
            assert_eq!(shown(&annotations), (short.to_owned(), line.to_owned()), "{annotations}");
        }
    }
}
