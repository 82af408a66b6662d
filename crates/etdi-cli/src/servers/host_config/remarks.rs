//! Remarks about the members of an entry that this command does not use.

use etdi::text::escaped;
use serde_json::Value;

use super::object::{Member, Object};

/// Members that `members.rs` reads.
const READ: &[&str] = &[
    "apiKey",
    "args",
    "bearer_token_env_var",
    "cmd",
    "command",
    "cwd",
    "disabled",
    "enabled",
    "env",
    "envFile",
    "env_http_headers",
    "env_keys",
    "env_vars",
    "environment",
    "envs",
    "headers",
    "headersHelper",
    "httpUrl",
    "http_headers",
    "serverUrl",
    "transportType",
    "type",
    "uri",
    "url",
    "uses",
];

/// Members of each host that do not change the identity of a server or its start.
const HARMLESS: &[(&str, &[&str])] = &[
    ("several", &["description", "icon", "name", "timeout"]),
    ("Cline, Cursor, Roo, Windsurf", &["disabledTools", "enabledTools", "watchPaths"]),
    (
        "Codex",
        &[
            "disabled_tools",
            "enabled_tools",
            "required",
            "startup_timeout_ms",
            "startup_timeout_sec",
            "supports_parallel_tool_calls",
            "tool_timeout_sec",
        ],
    ),
    ("Continue", &["connectionTimeout", "faviconUrl", "requestOptions", "sourceFile"]),
    ("Copilot CLI", &["tools"]),
    ("Gemini CLI", &["excludeTools", "includeTools"]),
    ("goose", &["available_tools", "bundled", "display_name"]),
    ("VS Code", &["dev", "gallery", "version"]),
    ("Zed", &["settings", "source"]),
];

/// Members that let the host call tools without asking.
const UNASKED: &[&str] = &["alwaysAllow", "always_allow", "autoApprove", "trust"];

/// Members with which the host obtains an access token by itself.
const OAUTH: &[&str] = &["auth", "authProviderType", "oauth", "oauth_resource", "scopes"];

/// Returns the remarks about an entry, for a person.
pub(super) fn of(object: &Object<'_>) -> Vec<String> {
    object.members().filter_map(remark).collect()
}

fn remark(Member { name, value }: Member<'_>) -> Option<String> {
    let says = match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    let is_harmless = HARMLESS.iter().any(|(_, members)| members.contains(&name));
    match (name, value) {
        _ if READ.contains(&name) || is_harmless => None,
        // Their members count as members of the entry.
        ("transport" | "config", Value::Object(_)) | ("transport", Value::String(_)) => None,
        ("default_tools_approval_mode", Value::String(mode)) if mode != "approve" => None,
        _ if UNASKED.contains(&name) || name == "default_tools_approval_mode" => {
            says.then(|| format!("its host calls its tools without asking (`{name}`)"))
        }
        _ if OAUTH.contains(&name) => says.then(|| {
            format!("its host obtains an access token (`{name}`); give one here with --token-file")
        }),
        ("sandboxEnabled", _) => says.then(|| {
            format!("its host runs it in a sandbox (`{name}`), and this command does not")
        }),
        _ => Some(format!("its member `{}` is not known here and has no effect", escaped(name))),
    }
}
