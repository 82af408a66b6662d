//! The configuration files of hosts.

use std::path::PathBuf;

use crate::environment::Environment;

/// The help of `--from`.
pub(crate) const FROM_HELP: &str = "The servers of a host's configuration: .mcp.json, \
    Claude Desktop, Cursor, VS Code. Their commands are started";

/// A configuration file of a host.
pub(crate) struct HostFile {
    pub(crate) host: &'static str,
    pub(crate) path: PathBuf,
}

/// Returns the configuration files that exist: first those of the project in this folder, then those of
/// this user.
pub(crate) fn found(environment: Environment) -> Vec<HostFile> {
    let project = [
        ("Claude Code, this project", PathBuf::from(".mcp.json")),
        ("Cursor, this project", PathBuf::from(".cursor/mcp.json")),
        ("VS Code, this project", PathBuf::from(".vscode/mcp.json")),
    ];
    let files = project.into_iter().chain(of_user(environment));
    files.filter(|(_, path)| path.is_file()).map(|(host, path)| HostFile { host, path }).collect()
}

fn of_user(environment: Environment) -> Vec<(&'static str, PathBuf)> {
    let mut files = Vec::new();
    let home = environment.path(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    if let Some(home) = &home {
        files.push(("Claude Code", home.join(".claude.json")));
        files.push(("Cursor", home.join(".cursor").join("mcp.json")));
    }
    let programs = if cfg!(windows) {
        environment.path("APPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library").join("Application Support"))
    } else {
        let config = || Some(home?.join(".config"));
        environment.path("XDG_CONFIG_HOME").or_else(config)
    };
    if let Some(programs) = programs {
        files.push(("Claude Desktop", programs.join("Claude").join("claude_desktop_config.json")));
        files.push(("VS Code", programs.join("Code").join("User").join("mcp.json")));
    }
    files
}
