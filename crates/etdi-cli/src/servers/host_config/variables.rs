//! The values of the variables in a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use etdi::text::escaped;
use serde_json::Value;

use super::template::{Part, Template, Variable};
use crate::exit::CliError;
use crate::files;
use crate::servers::hosts;

/// The most bytes of a file whose content is the value of a variable.
const LONGEST_VALUE: usize = 64 * 1024;

/// The sources of values.
pub(super) struct Variables<'v> {
    /// The process's environment.
    environment: &'v dyn Fn(&str) -> Option<String>,
    /// The folder that holds the file.
    folder: Option<PathBuf>,
    /// The folder of the project that the file belongs to, or the current folder for a file of the user.
    pub(super) project: Option<PathBuf>,
    /// The ids of inputs in the file, by the variable that holds the value.
    inputs: BTreeMap<String, BTreeSet<String>>,
}

impl<'v> Variables<'v> {
    pub(super) fn of_file(path: &Path, environment: &'v dyn Fn(&str) -> Option<String>) -> Self {
        let absolute = std::path::absolute(path).ok();
        let folder = absolute.as_deref().and_then(Path::parent).map(Path::to_owned);
        let project = absolute.and_then(|path| hosts::project_of(&path, environment));
        Self { environment, folder, project, inputs: BTreeMap::new() }
    }

    /// Adds the ids of the inputs that the configuration declares or uses.
    pub(super) fn with_inputs(mut self, root: &Value) -> Self {
        let mut values = vec![root];
        while let Some(value) = values.pop() {
            match value {
                Value::String(text) => {
                    for after in text.split("${input:").skip(1) {
                        if let Some((id, _)) = after.split_once('}') {
                            self.add_input(id);
                        }
                    }
                }
                Value::Array(list) => values.extend(list),
                Value::Object(members) => {
                    for input in
                        members.get("inputs").and_then(Value::as_array).into_iter().flatten()
                    {
                        if let Some(id) = input.get("id").and_then(Value::as_str) {
                            self.add_input(id);
                        }
                    }
                    values.extend(members.values());
                }
                _ => {}
            }
        }
        self
    }

    /// Sets the folder that relative paths of files start at.
    #[cfg(test)]
    pub(super) fn read_files_in(&mut self, folder: &Path) {
        self.folder = Some(folder.to_owned());
    }

    fn add_input(&mut self, id: &str) {
        self.inputs.entry(variable_of_input(id)).or_default().insert(id.to_owned());
    }

    /// Returns the text with the values of its variables. The error names the server, the member and the
    /// variable, but not a value.
    pub(super) fn expand(
        &self,
        template: &Template,
        server: &str,
        member: &str,
    ) -> Result<String, CliError> {
        let mut expanded = String::with_capacity(template.configured.len());
        for part in &template.parts {
            match part {
                Part::Text(text) => expanded.push_str(text),
                Part::Variable(variable) => {
                    let value = self.value(variable);
                    let error = |missing: Missing| missing.error(variable, server, member);
                    expanded.push_str(&value.map_err(error)?);
                }
            }
        }
        Ok(expanded)
    }

    fn value(&self, variable: &Variable) -> Result<String, Missing> {
        let unset = |name: &str| Missing::Unset(name.to_owned());
        match variable {
            Variable::Environment { name, default } => {
                self.get(name).or_else(|| default.clone()).ok_or_else(|| unset(name))
            }
            Variable::Input(id) => {
                let name = variable_of_input(id);
                let ids = self.inputs.get(&name).into_iter().flatten();
                match ids.into_iter().find(|other| *other != id) {
                    Some(other) => Err(Missing::Shared { name, other: other.clone() }),
                    None => self.get(&name).ok_or(Missing::Unset(name)),
                }
            }
            Variable::File(path) => self.content(path),
            Variable::UserHome => self.home().ok_or_else(|| unset("HOME")),
            Variable::Workspace(None) => {
                self.project.as_deref().and_then(text).ok_or(Missing::Unknown)
            }
            Variable::Workspace(Some(name)) => {
                let project = self.project.as_deref().filter(|project| {
                    project.file_name().is_some_and(|last| last == name.as_str())
                });
                project.and_then(text).ok_or(Missing::Unknown)
            }
            Variable::WorkspaceName => {
                let name = self.project.as_deref().and_then(Path::file_name).map(Path::new);
                name.and_then(text).ok_or(Missing::Unknown)
            }
            Variable::Separator => Ok(std::path::MAIN_SEPARATOR.to_string()),
            Variable::PluginRoot => match self.get("CLAUDE_PLUGIN_ROOT") {
                Some(root) => Ok(root),
                None => self.project.as_deref().and_then(text).ok_or(Missing::Unknown),
            },
            Variable::Unknown(_) => Err(Missing::Unknown),
        }
    }

    /// Returns a variable of the environment.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    fn home(&self) -> Option<String> {
        self.get("HOME").or_else(|| self.get("USERPROFILE"))
    }

    /// Returns the content of a file, without the blanks around it.
    fn content(&self, path: &str) -> Result<String, Missing> {
        let path = match (path.strip_prefix("~/"), &self.folder) {
            (Some(path), _) => PathBuf::from(self.home().ok_or(Missing::NoFile)?).join(path),
            (None, Some(folder)) => folder.join(path),
            (None, None) => return Err(Missing::NoFile),
        };
        // A device or a pipe might never end.
        if !path.is_file() {
            return Err(Missing::NoFile);
        }
        let content = files::read(&path).map_err(|_| Missing::NoFile)?;
        match content.len() <= LONGEST_VALUE {
            true => Ok(content.trim().to_owned()),
            false => Err(Missing::TooLong),
        }
    }
}

/// Returns the variable of the environment that holds the value of an input: `ETDI_INPUT_A_B` for `a-b`.
fn variable_of_input(id: &str) -> String {
    let upper = |character: char| match character.is_ascii_alphanumeric() {
        true => character.to_ascii_uppercase(),
        false => '_',
    };
    format!("ETDI_INPUT_{}", id.chars().map(upper).collect::<String>())
}

fn text(path: &Path) -> Option<String> {
    path.to_str().map(str::to_owned)
}

/// The reason why a variable has no value.
enum Missing {
    /// The variable of the environment with this name is not set, or empty.
    Unset(String),
    /// Another input has its value in the same variable of the environment.
    Shared {
        name: String,
        other: String,
    },
    NoFile,
    TooLong,
    Unknown,
}

impl Missing {
    fn error(self, variable: &Variable, server: &str, member: &str) -> CliError {
        let name = variable.name();
        let error = |why: &str| {
            let (server, member, name) = (escaped(server), escaped(member), escaped(&name));
            CliError::new(format!(
                "cannot use the server \"{server}\": the variable \"{name}\" in `{member}` {why}"
            ))
        };
        match self {
            Self::Unset(name) => {
                error("has no value here").next(format!("set {name} in the environment"))
            }
            Self::Shared { name, other } => {
                let why =
                    format!("has its value in {name}, and so does \"input:{}\"", escaped(&other));
                error(&why).next("give one of the two inputs another id in the configuration")
            }
            Self::NoFile => error("names a file that cannot be read").next("correct the path"),
            Self::TooLong => error("names a file of more than 64 KiB").next("correct the path"),
            Self::Unknown => error("is not known here").next(
                "write the value itself, or ${NAME} for the variable NAME of the environment",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::template::Syntax;
    use super::*;

    const FILE: &str = "/srv/app/.cursor/mcp.json";

    fn environment(name: &str) -> Option<String> {
        match name {
            "KEY" | "ETDI_INPUT_API_KEY" => Some("s3cret".to_owned()),
            "HOME" => Some("/home/alice".to_owned()),
            _ => None,
        }
    }

    fn expand(text: &str, file: &str, root: &Value) -> Result<String, CliError> {
        let variables = Variables::of_file(Path::new(file), &environment).with_inputs(root);
        variables.expand(&Template::parse(text, Syntax::Braces), "docs", "args")
    }

    #[test]
    fn variables_of_the_hosts_have_values() {
        for (text, expected) in [
            ("no ${", "no ${"),
            ("a ${KEY} b ${env:KEY}", "a s3cret b s3cret"),
            ("${NONE:-else}${KEY:-else}", "elses3cret"),
            ("${workspaceFolder}/x ${userHome}", "/srv/app/x /home/alice"),
            ("${workspaceFolder:app}", "/srv/app"),
            ("${workspaceFolderBasename}", "app"),
            ("${input:api-key}", "s3cret"),
        ] {
            assert_eq!(expand(text, FILE, &Value::Null).unwrap(), expected);
        }
    }

    /// Claude Code, Roo and Kiro have no folder of their own, one, and two of them.
    #[test]
    fn the_workspace_is_the_folder_of_the_project() {
        for file in [
            "/srv/app/.mcp.json",
            "/srv/app/.roo/mcp.json",
            "/srv/app/.kiro/settings/mcp.json",
            "/srv/app/.vscode/settings.json",
            "/srv/app/app.code-workspace",
        ] {
            let folder = expand("${workspaceFolder}", file, &Value::Null).unwrap();
            assert_eq!(folder, "/srv/app", "{file}");
        }
        let here = expand("${workspaceFolder}", "/home/alice/.cursor/mcp.json", &Value::Null);
        let current = std::path::absolute(".").unwrap();
        assert_eq!(here.unwrap(), current.to_str().unwrap(), "a file of the user has no project");
    }

    #[test]
    fn a_variable_without_a_value_is_an_error_that_names_it_and_no_value() {
        for (text, name, next) in [
            ("${KEY}${NONE}", "\"NONE\"", "set NONE"),
            ("${env:NONE}", "\"NONE\"", "set NONE"),
            ("${input:other}", "\"input:other\"", "set ETDI_INPUT_OTHER"),
            ("${command:x}", "\"command:x\"", "write the value"),
            ("${workspaceFolder:other}", "\"workspaceFolder:other\"", "write the value"),
            ("${file:/no/such/file}", "\"file:/no/such/file\"", "correct the path"),
            ("${file:/dev/zero}", "\"file:/dev/zero\"", "correct the path"),
            ("${}", "\"\"", "write the value"),
        ] {
            let error = expand(text, FILE, &Value::Null).unwrap_err();
            assert!(error.what().contains(name), "{error:?}");
            assert!(error.what().starts_with("cannot use the server \"docs\""), "{error:?}");
            assert!(error.what().contains("in `args`"), "{error:?}");
            assert!(error.next_step().unwrap().contains(next), "{error:?}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn two_inputs_with_one_variable_are_an_error() {
        for root in [
            json!({ "inputs": [{ "id": "api-key" }, { "id": "api.key" }] }),
            json!({ "mcp": { "inputs": [{ "id": "API_KEY" }] } }),
            json!({ "servers": { "b": { "args": ["--key=${input:api key}"] } } }),
        ] {
            let error = expand("${input:api-key}", FILE, &root).unwrap_err();
            assert!(error.what().contains("ETDI_INPUT_API_KEY, and so does"), "{error:?}");
        }
        let same = json!({ "inputs": [{ "id": "api-key" }], "a": "${input:api-key}" });
        assert_eq!(expand("${input:api-key}", FILE, &same).unwrap(), "s3cret");
    }

    #[test]
    fn the_content_of_a_file_is_a_value() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "s3cret\n").unwrap();
        std::fs::write(folder.path().join("long"), "x".repeat(LONGEST_VALUE + 1)).unwrap();
        let file = folder.path().join("opencode.json");
        let read = |text: &str| expand(text, file.to_str().unwrap(), &Value::Null);
        assert_eq!(read("Bearer ${file:./key}").unwrap(), "Bearer s3cret");
        assert!(read("${file:long}").unwrap_err().what().contains("64 KiB"));
    }
}
