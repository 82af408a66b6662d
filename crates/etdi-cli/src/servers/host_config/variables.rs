//! The variables in a host's configuration: `${VAR}` and `${VAR:-default}` of `.mcp.json`,
//! `${env:VAR}`, `${userHome}` and `${workspaceFolder}` of Cursor and VS Code.

use std::path::{Path, PathBuf};

use etdi::text::escaped;

use crate::exit::CliError;

/// The sources of values.
pub(super) struct Variables<'v> {
    /// The process's environment.
    environment: &'v dyn Fn(&str) -> Option<String>,
    /// The folder of the project that the file belongs to.
    workspace: Option<PathBuf>,
}

impl<'v> Variables<'v> {
    pub(super) fn of_file(path: &Path, environment: &'v dyn Fn(&str) -> Option<String>) -> Self {
        let folder =
            std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned()));
        let workspace = folder.and_then(|folder| match folder.file_name()?.to_str()? {
            ".cursor" | ".vscode" => Some(folder.parent()?.to_owned()),
            _ => None,
        });
        Self { environment, workspace }
    }

    /// Returns `text` with the values of its variables. The error names `server` and the variable, but
    /// not a value.
    pub(super) fn expand(&self, text: &str, server: &str) -> Result<String, CliError> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, more)) = after.split_once('}') else { break };
            expanded.push_str(before);
            expanded.push_str(&self.value(name).ok_or_else(|| unknown(name, server))?);
            rest = more;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Returns the name of the first variable in `text`.
    pub(super) fn first(text: &str) -> Option<&str> {
        let (_, after) = text.split_once("${")?;
        after.split_once('}').map(|(name, _)| name)
    }

    fn value(&self, name: &str) -> Option<String> {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        match (name, name.split_once(":-")) {
            ("userHome", _) => {
                (self.environment)("HOME").or_else(|| (self.environment)("USERPROFILE"))
            }
            ("workspaceFolder", _) => text(self.workspace.as_deref()?),
            ("workspaceFolderBasename", _) => {
                text(Path::new(self.workspace.as_deref()?.file_name()?))
            }
            ("pathSeparator" | "/", _) => Some(std::path::MAIN_SEPARATOR.to_string()),
            (_, Some((name, default))) if is_name(name) => {
                Some((self.environment)(name).unwrap_or_else(|| default.to_owned()))
            }
            _ => {
                let name = name.strip_prefix("env:").unwrap_or(name);
                is_name(name).then(|| (self.environment)(name)).flatten()
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unknown(name: &str, server: &str) -> CliError {
    let error = CliError::new(format!(
        "the server \"{}\" needs the variable \"{}\", which has no value here",
        escaped(server),
        escaped(name)
    ));
    let plain = name.strip_prefix("env:").unwrap_or(name);
    if plain.starts_with("input:") {
        return error.next("the host asks the user for this value, and this command does not");
    }
    if is_name(plain) && plain != "workspaceFolder" {
        return error.next(format!("set {plain} in the environment"));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, CliError> {
        let environment = |name: &str| match name {
            "KEY" => Some("s3cret".to_owned()),
            "HOME" => Some("/home/alice".to_owned()),
            _ => None,
        };
        Variables::of_file(Path::new("/srv/app/.cursor/mcp.json"), &environment)
            .expand(text, "docs")
    }

    #[test]
    fn variables_of_the_hosts_are_expanded() {
        for (text, expected) in [
            ("no ${", "no ${"),
            ("a ${KEY} b ${env:KEY}", "a s3cret b s3cret"),
            ("${NONE:-else}${KEY:-else}", "elses3cret"),
            ("${workspaceFolder}/x ${userHome}", "/srv/app/x /home/alice"),
            ("${workspaceFolderBasename}", "app"),
        ] {
            assert_eq!(expand(text).unwrap(), expected);
        }
    }

    #[test]
    fn a_variable_without_a_value_is_an_error_that_names_only_server_and_variable() {
        for (text, name) in [
            ("${KEY}${NONE}", "NONE"),
            ("${env:NONE}", "env:NONE"),
            ("${input:api-key}", "input:api-key"),
            ("${command:x}", "command:x"),
            ("${}", "\"\""),
        ] {
            let error = expand(text).unwrap_err();
            assert!(error.what().contains("\"docs\"") && error.what().contains(name), "{error:?}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
        let no_workspace = Variables::of_file(Path::new("/srv/.mcp.json"), &|_| None);
        assert!(no_workspace.expand("${workspaceFolder}", "docs").is_err());
    }
}
