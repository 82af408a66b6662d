//! Files of tools: one tool, the `tools` of a listing, or a whole `tools/list` answer.

use etdi::json::{self, Limits};
use etdi::text::escaped;

use crate::exit::CliError;

/// The limits for a file of tools. An answer of a server has the same limits.
const LIMITS: Limits = Limits::RESPONSE;

/// Returns the JSON text of each tool in `text`, unchanged. Checks only that the file is strict JSON,
/// and does not judge the tools.
pub(crate) fn texts(text: &str) -> Result<Vec<&str>, CliError> {
    let refuse = |error: &dyn std::fmt::Display| {
        CliError::new(format!("cannot read the file of tools: {error}"))
            .next("give a tool as JSON, or an answer to tools/list")
    };
    for path in [&["tools"][..], &["result", "tools"]] {
        let (_, tools) =
            json::spans(text.as_bytes(), LIMITS, path).map_err(|error| refuse(&error))?;
        if let Some(tools) = tools {
            return Ok(tools);
        }
    }
    let value = json::parse(text.as_bytes(), LIMITS).map_err(|error| refuse(&error))?;
    let named = value.as_object().and_then(|tool| tool.get("name")?.as_str());
    match named {
        Some(_) => Ok(vec![text.trim()]),
        None => Err(refuse(&"it has neither `tools` nor `name`")),
    }
}

/// Returns the words for a tool in messages: its name, or its number if `text` has no name.
pub(crate) fn label(text: &str, place: usize) -> String {
    match json::strings_named(text, "name").first() {
        Some(name) => format!("the tool \"{}\"", escaped(name)),
        None => format!("tool number {}", place + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_file_are_read() {
        let tool = r#"{"name":"scan"}"#;
        assert_eq!(texts(tool).unwrap(), [tool]);
        assert_eq!(texts(&format!(r#"{{"tools":[{tool}]}}"#)).unwrap(), [tool]);
        assert_eq!(texts(&format!(r#"{{"id":1,"result":{{"tools":[{tool}]}}}}"#)).unwrap(), [tool]);
        for bad in ["", "[]", "{}", r#"{"tools":[],"tools":[]}"#, r#"{"tools":[]} x"#] {
            assert!(texts(bad).is_err(), "{bad}");
        }
    }
}
