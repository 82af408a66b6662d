//! The formats of hosts' configurations, in one list.
//!
//! A file does not say which host it is of, so each file is read as all formats together.

use serde_json::{Map, Value};

use crate::exit::CliError;

/// One format. Its text is JSON with comments, and the servers of a section stand there by name.
struct HostFormat {
    /// Where servers are: JSON pointers (RFC 6901).
    sections: &'static [&'static str],
    /// Members of a server that change neither which server it is nor how it is started.
    harmless: &'static [&'static str],
    /// Members of a server that let the host call tools without asking.
    unasked: &'static [&'static str],
}

const FORMATS: &[HostFormat] = &[
    // `.mcp.json`, Claude Desktop, Cursor, and others that took it over.
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
    // A file without any text is one without servers.
    if !document.is_object() && !document.is_null() {
        return Err(CliError::new("the file is no object").next(
            "give a host's configuration, with the servers under `mcpServers` or `servers`",
        ));
    }
    let mut sections = Vec::new();
    for pointer in FORMATS.iter().flat_map(|format| format.sections) {
        let section = document.pointer(pointer).filter(|section| !section.is_null());
        let Some(section) = section else { continue };
        let Some(section) = section.as_object() else {
            return Err(CliError::new(format!("what stands at {pointer} is no object"))
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
