//! Files of tools: one tool, the `tools` of a listing, or a whole `tools/list` answer.

use etdi::json::{self, Limits};
use etdi::text::escaped;

use crate::exit::CliError;

/// A file that a person gave: as large as an answer of a server may be.
const LIMITS: Limits = Limits::RESPONSE;

/// The JSON text of each tool in `text`, as it stands there. Nothing is judged yet, but that the file
/// itself is strict JSON.
pub(crate) fn texts(text: &str) -> Result<Vec<&str>, CliError> {
    let refuse = |error| {
        CliError::new(format!("the file is refused: {error}"))
            .next("give a tool as JSON, or what tools/list answered")
    };
    for path in [&["tools"][..], &["result", "tools"]] {
        let (_, tools) = json::spans(text.as_bytes(), LIMITS, path).map_err(refuse)?;
        if let Some(tools) = tools {
            return Ok(tools);
        }
    }
    let value = json::parse(text.as_bytes(), LIMITS).map_err(refuse)?;
    let named = value.as_object().and_then(|tool| tool.get("name")?.as_str());
    match named {
        Some(_) => Ok(vec![text.trim()]),
        None => Err(CliError::new("the file holds no tool: there is neither `tools` nor `name`")
            .next("give a tool as JSON, or what tools/list answered")),
    }
}

/// How messages call the tool at `place`, whose text may be refused.
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
