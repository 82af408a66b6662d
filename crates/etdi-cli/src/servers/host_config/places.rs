//! The places of servers in a configuration.
//!
//! A file is known by the members that it has. Its name and its folder say nothing: people pass copies,
//! and hosts read the files of other hosts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use etdi::text::escaped;
use serde_json::{Map, Value};

use super::object::LAUNCHES;
use super::template::Syntax;
use crate::exit::CliError;

/// The members that hold servers, as an error names them.
pub(super) const MEMBERS: &str = "`mcpServers`, `servers`, `mcp.servers`, `mcp`, `mcp_servers`, \
    `context_servers` or `extensions`";

/// The entries of a configuration.
#[derive(Default)]
pub(super) struct Found<'d> {
    pub(super) entries: Vec<Entry<'d>>,
    /// The entries of other projects: Claude Code has one file for all.
    pub(super) elsewhere: Vec<(&'d str, Entry<'d>)>,
    /// Members that hold servers by their name, and are not an object.
    pub(super) wrong: Vec<String>,
}

/// The entry of one server.
#[derive(Clone)]
pub(super) struct Entry<'d> {
    pub(super) name: String,
    /// The member that holds the entry.
    pub(super) place: String,
    pub(super) value: &'d Value,
    pub(super) syntax: Syntax,
    /// The syntax in headers, which differs in goose.
    pub(super) syntax_of_headers: Syntax,
    /// Whether a list in the file switches the server off.
    pub(super) is_off: bool,
}

impl<'d> Found<'d> {
    /// Finds the entries of a configuration. `here` has the names of the current project, the best one
    /// first.
    pub(super) fn of(root: &'d Value, here: &[PathBuf]) -> Result<Self, CliError> {
        let root = match root {
            Value::Object(root) => root,
            Value::Null => return Ok(Self::default()),
            _ => {
                return Err(CliError::new("cannot read the configuration: it is not an object")
                    .next(format!("give a host's file, with its servers in {MEMBERS}")));
            }
        };
        let mut found = Self::default();
        found.everyday(root);
        found.vs_code("settings.", root.get("settings"));
        let container = root.get("customizations").and_then(|value| value.get("vscode"));
        found.vs_code("customizations.vscode.", container);
        let settings = container.and_then(|value| value.get("settings"));
        found.vs_code("customizations.vscode.settings.", settings);
        let project = found.projects(root, here);
        if found.is_empty() && is_flat(root) {
            found.section("", root, Syntax::Braces);
        }
        found.switch_off(root, project)?;
        Ok(found)
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.elsewhere.is_empty() && self.wrong.is_empty()
    }

    /// Adds the entries of the members at the top of a file.
    fn everyday(&mut self, root: &'d Map<String, Value>) {
        let shared = if is_gemini(root) { Syntax::Dollar } else { Syntax::Braces };
        self.member("mcpServers", root.get("mcpServers"), shared);
        self.member("servers", root.get("servers"), Syntax::Braces);
        self.member("mcp.servers", root.get("mcp.servers"), Syntax::Braces);
        self.member("mcp_servers", root.get("mcp_servers"), Syntax::Literal);
        self.member("context_servers", root.get("context_servers"), Syntax::Literal);
        if let Some(mcp) = root.get("mcp") {
            self.mcp(mcp);
        }
        // The same name has other meanings: recommended extensions, extensions that are switched off.
        let is_goose = |value: &&Value| match value {
            Value::Object(all) => all.values().any(is_extension),
            Value::Array(all) => all.iter().any(is_extension),
            _ => false,
        };
        let from = self.entries.len();
        self.member("extensions", root.get("extensions").filter(is_goose), Syntax::Literal);
        for entry in self.entries.iter_mut().skip(from) {
            (entry.syntax, entry.syntax_of_headers) = (Syntax::Literal, Syntax::Dollar);
        }
    }

    /// Adds the entries of `mcp`: the servers of VS Code, or opencode and Crush, whose entries are its
    /// members. In Gemini CLI it has lists of names.
    fn mcp(&mut self, mcp: &'d Value) {
        let Some(members) = mcp.as_object() else {
            self.member("mcp", Some(mcp), Syntax::Plain);
            return;
        };
        for (name, value) in members {
            match name.as_str() {
                "servers" if !is_entry(value) => {
                    self.member("mcp.servers", Some(value), Syntax::Braces);
                }
                "inputs" | "allowed" | "excluded" if value.is_array() => {}
                "serverCommand" if value.is_string() => {}
                _ => {
                    // Crush has the words of `type` that other hosts have, and a command as text.
                    let is_type = |one: &str| ["stdio", "http", "sse"].contains(&one);
                    let of_crush = value.get("command").is_some_and(Value::is_string)
                        || value.get("type").and_then(Value::as_str).is_some_and(is_type);
                    let syntax = if of_crush { Syntax::Dollar } else { Syntax::Plain };
                    self.push("mcp", name.clone(), value, syntax);
                }
            }
        }
    }

    /// Adds the entries of VS Code's settings inside another file, in both spellings.
    fn vs_code(&mut self, prefix: &str, settings: Option<&'d Value>) {
        let Some(settings) = settings else { return };
        let place = format!("{prefix}mcp.servers");
        self.member(&place, settings.get("mcp.servers"), Syntax::Braces);
        let nested = settings.get("mcp").and_then(|mcp| mcp.get("servers"));
        self.member(&place, nested, Syntax::Braces);
    }

    /// Adds the entries of projects, and returns the current one.
    fn projects(&mut self, root: &'d Map<String, Value>, here: &[PathBuf]) -> Option<&'d Value> {
        let projects = root.get("projects")?.as_object()?;
        let servers = |project: &'d Value| project.get("mcpServers").filter(|all| !all.is_null());
        let is_at = |folder: &PathBuf, path: &str| Path::new(path) == folder.as_path();
        let current = here.iter().find_map(|folder| {
            projects
                .iter()
                .find(|(path, project)| is_at(folder, path) && servers(project).is_some())
        });
        for (path, project) in projects {
            let place = format!("projects.{path}.mcpServers");
            if current.is_some_and(|(name, _)| name == path) {
                self.member(&place, servers(project), Syntax::Braces);
            } else if let Some(Value::Object(others)) = servers(project) {
                for (name, value) in others {
                    let entry = Entry::new(&place, name.clone(), value, Syntax::Braces);
                    self.elsewhere.push((path, entry));
                }
            }
        }
        current.map(|(_, project)| project)
    }

    /// Adds the entries of one member: an object by name, or a list with the names inside.
    fn member(&mut self, place: &str, value: Option<&'d Value>, syntax: Syntax) {
        match value {
            None | Some(Value::Null) => {}
            Some(Value::Object(servers)) => self.section(place, servers, syntax),
            Some(Value::Array(servers)) => {
                for (at, value) in servers.iter().enumerate() {
                    let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
                    let name = name.unwrap_or_else(|| format!("{place}[{at}]"));
                    self.push(place, name, value, Syntax::Secrets);
                }
            }
            Some(_) => self.wrong.push(place.to_owned()),
        }
    }

    fn section(&mut self, place: &str, servers: &'d Map<String, Value>, syntax: Syntax) {
        for (name, value) in servers.iter().filter(|(name, _)| !name.starts_with('$')) {
            self.push(place, name.clone(), value, syntax);
        }
    }

    fn push(&mut self, place: &str, name: String, value: &'d Value, syntax: Syntax) {
        self.entries.push(Entry::new(place, name, value, syntax));
    }

    /// Marks the entries that lists in the file switch off.
    fn switch_off(
        &mut self,
        root: &Map<String, Value>,
        project: Option<&Value>,
    ) -> Result<(), CliError> {
        let mcp = root.get("mcp");
        let of_mcp = |member: &str| mcp?.get(member).filter(|value| !is_entry(value));
        let off = [
            names("mcp.excluded", of_mcp("excluded"))?,
            names("excludeMCPServers", root.get("excludeMCPServers"))?,
            names("disabledMcpServers", root.get("disabledMcpServers"))?,
            names("disabledMcpServers", project.and_then(|one| one.get("disabledMcpServers")))?,
        ];
        let on = [
            names("mcp.allowed", of_mcp("allowed"))?,
            names("allowMCPServers", root.get("allowMCPServers"))?,
        ];
        for entry in &mut self.entries {
            let name = entry.name.as_str();
            entry.is_off = off.iter().flatten().any(|off| off.contains(name))
                || on.iter().flatten().any(|on| !on.contains(name));
        }
        Ok(())
    }
}

impl<'d> Entry<'d> {
    fn new(place: &str, name: String, value: &'d Value, syntax: Syntax) -> Self {
        let (place, syntax_of_headers) = (place.to_owned(), syntax);
        Self { name, place, value, syntax, syntax_of_headers, is_off: false }
    }

    /// Returns the place as a person finds it in the file.
    pub(super) fn place(&self) -> String {
        match self.place.is_empty() {
            true => "the file itself".to_owned(),
            false => format!("`{}`", escaped(&self.place)),
        }
    }
}

/// Returns whether the members of a file are servers themselves, as in plugins of Claude Code. All of
/// them are objects then: a `package.json` also has objects with a `url`.
fn is_flat(root: &Map<String, Value>) -> bool {
    let mut members =
        root.iter().filter(|(name, _)| !name.starts_with('$')).map(|(_, value)| value);
    members.clone().all(Value::is_object) && members.any(is_entry)
}

/// Returns whether a value is the entry of a server: a server may also have the name `command`.
fn is_entry(value: &Value) -> bool {
    let starts = |value: &Value| {
        value.is_string() || value.is_array() || value.get("path").is_some_and(Value::is_string)
    };
    LAUNCHES.iter().any(|member| value.get(member).is_some_and(starts))
}

/// Returns whether a value is an extension of goose.
fn is_extension(value: &Value) -> bool {
    let is_named = |value: &Value| value.get("type").is_some_and(Value::is_string);
    is_named(value) || value.get("config").is_some_and(is_named)
}

/// Returns whether a file is one of Gemini CLI, in which `$NAME` is a variable.
fn is_gemini(root: &Map<String, Value>) -> bool {
    const FILE: &[&str] = &[
        "allowMCPServers",
        "contextFileName",
        "coreTools",
        "excludeMCPServers",
        "selectedAuthType",
    ];
    const SERVER: &[&str] = &["excludeTools", "httpUrl", "includeTools", "trust"];
    let servers = root.get("mcpServers").and_then(Value::as_object);
    let has = |value: &Value, members: &[&str]| members.iter().any(|one| value.get(one).is_some());
    let mcp =
        root.get("mcp").is_some_and(|mcp| has(mcp, &["allowed", "excluded", "serverCommand"]));
    let security = root.get("security").is_some_and(|security| security.get("auth").is_some());
    mcp || security
        || FILE.iter().any(|member| root.contains_key(*member))
        || servers.is_some_and(|servers| servers.values().any(|server| has(server, SERVER)))
}

/// Reads a list of names. `None` if the member is missing.
fn names<'v>(
    member: &str,
    value: Option<&'v Value>,
) -> Result<Option<BTreeSet<&'v str>>, CliError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let all: Option<BTreeSet<_>> =
        value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
    all.map(Some).ok_or_else(|| {
        CliError::new(format!("cannot read the configuration: `{member}` is not a list of names"))
            .next("write the names of servers in a list")
    })
}

#[cfg(test)]
mod tests;
