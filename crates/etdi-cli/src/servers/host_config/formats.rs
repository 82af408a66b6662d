//! The formats of hosts' configurations, in one list.
//!
//! A file does not name its host, so each file is read in all formats.

use serde_json::{Map, Value};

use crate::exit::CliError;

/// One format. The text is JSON with comments. A section is an object of servers by name.
struct HostFormat {
    /// The sections of servers: JSON pointers (RFC 6901).
    sections: &'static [&'static str],
    /// Members of a server that do not change its identity or its start.
    harmless: &'static [&'static str],
    /// Members of a server that let the host call tools without asking.
    unasked: &'static [&'static str],
}

const FORMATS: &[HostFormat] = &[
    // `.mcp.json`, Claude Desktop, Cursor, and others with the same format.
    HostFormat {
        sections: &["/mcpServers"],
        harmless: &["description", "disabledTools", "enabledTools", "icon", "name", "timeout"],
        unasked: &["alwaysAllow", "autoApprove", "trust"],
    },
    // VS Code: in a file of its own, and in its settings.
    HostFormat {
        sections: &["/servers", "/mcp/servers"],
        harmless: &["dev", "gallery", "version"],
        unasked: &[],
    },
];

/// Returns the sections of a file that hold servers.
pub(super) fn sections(document: &Value) -> Result<Vec<&Map<String, Value>>, CliError> {
    // An empty file is a file without servers.
    if !document.is_object() && !document.is_null() {
        return Err(CliError::new("the file is not a JSON object").next(
            "give a host's configuration, with the servers under `mcpServers` or `servers`",
        ));
    }
    let mut sections = Vec::new();
    for pointer in FORMATS.iter().flat_map(|format| format.sections) {
        let section = document.pointer(pointer).filter(|section| !section.is_null());
        let Some(section) = section else { continue };
        let Some(section) = section.as_object() else {
            return Err(CliError::new(format!("the value at {pointer} is not an object"))
                .next("write the servers by name: { \"NAME\": { \"command\": … } }"));
        };
        sections.push(section);
    }
    Ok(sections)
}

/// Returns whether a member of a server has no effect here, in a format that has it.
pub(super) fn is_harmless(member: &str) -> bool {
    FORMATS.iter().any(|format| format.harmless.contains(&member))
}

/// Returns whether a member of a server lets its host call tools without asking.
pub(super) fn is_unasked(member: &str) -> bool {
    FORMATS.iter().any(|format| format.unasked.contains(&member))
}
