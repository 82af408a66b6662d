//! From the members of an entry to the command or the address of its server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use etdi::StdioCommand;
use etdi::text::escaped;
use secrecy::SecretString;

use super::Endpoint;
use super::members::{Header, HttpLaunch, Launch, StdioLaunch};
use super::template::{Part, Template, Variable};
use super::variables::Variables;
use crate::exit::CliError;

impl Launch {
    /// Returns the endpoint of the server with this name.
    pub(super) fn endpoint(
        &self,
        server: &str,
        variables: &Variables<'_>,
    ) -> Result<Endpoint, CliError> {
        match self {
            Self::Stdio(launch) => launch.endpoint(server, variables),
            Self::Http(launch) => launch.endpoint(server, variables),
        }
    }
}

impl StdioLaunch {
    fn endpoint(&self, server: &str, variables: &Variables<'_>) -> Result<Endpoint, CliError> {
        let expand = |template: &Template, member: &str| variables.expand(template, server, member);
        let text = |template: &Template| template.configured.clone();
        let mut configured = StdioCommand::new(text(&self.command));
        let mut started = StdioCommand::new(expand(&self.command, "command")?);
        for argument in &self.args {
            configured.args.push(text(argument));
            started.args.push(expand(argument, "args")?);
        }
        for (name, variable) in &self.env {
            configured.env.insert(name.clone(), text(&variable.value));
            if variable.is_optional && variables.get(name).is_none() {
                continue;
            }
            started.env.insert(name.clone(), expand(&variable.value, &variable.member)?);
        }
        configured.cwd = self.cwd.as_ref().map(text);
        let cwd = self.cwd.as_ref().map(|cwd| expand(cwd, "cwd")).transpose()?;
        started.cwd = folder(cwd, server, variables)?;
        Ok(Endpoint::Stdio { configured, started })
    }
}

/// Returns the folder in which a server starts: hosts start it in the folder of the project, which may
/// not be the current one. `None` for the current folder.
fn folder(
    cwd: Option<String>,
    server: &str,
    variables: &Variables<'_>,
) -> Result<Option<String>, CliError> {
    let current = std::path::absolute(".").ok();
    let project = variables.project.as_ref().filter(|project| Some(*project) != current.as_ref());
    let Some(project) = project else { return Ok(cwd) };
    let folder: PathBuf = match &cwd {
        Some(cwd) => project.join(Path::new(cwd)),
        None => project.clone(),
    };
    folder.to_str().map(|folder| Some(folder.to_owned())).ok_or_else(|| {
        let server = escaped(server);
        CliError::new(format!("cannot use the server \"{server}\": its folder is not Unicode text"))
            .next("rename the folder")
    })
}

impl HttpLaunch {
    fn endpoint(&self, server: &str, variables: &Variables<'_>) -> Result<Endpoint, CliError> {
        let uri = self.address(server, variables)?;
        let (mut token, mut headers, mut names) = (None, Vec::new(), BTreeSet::new());
        for Header { member, name, value } in &self.headers {
            // The names of headers do not differ by case (RFC 9110, section 5.1).
            if !names.insert(name.to_ascii_lowercase()) {
                let (server, name) = (escaped(server), escaped(name));
                return Err(CliError::new(format!(
                    "cannot use the server \"{server}\": it has the header \"{name}\" twice"
                ))
                .next("remove one of the two"));
            }
            let value = variables.expand(value, server, member)?;
            match bearer(name, &value) {
                Some(value) => token = Some(SecretString::from(value.to_owned())),
                None => headers.push((name.clone(), SecretString::from(value))),
            }
        }
        Ok(Endpoint::Http { uri, token, headers })
    }

    /// Returns the address. It is the server's identity, which is stored and shown: so it must not have
    /// the value of a variable. A default stands in the file itself.
    fn address(&self, server: &str, variables: &Variables<'_>) -> Result<String, CliError> {
        let mut address = String::new();
        for part in &self.url.parts {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Variable(Variable::Environment { name, default: Some(default) })
                    if variables.get(name).is_none() =>
                {
                    address.push_str(default);
                }
                Part::Variable(variable) => return Err(self.secret(variable, server)),
            }
        }
        Ok(address)
    }

    fn secret(&self, variable: &Variable, server: &str) -> CliError {
        let (member, server, name) = (self.member, escaped(server), variable.name());
        let name = escaped(&name);
        let error = CliError::new(format!(
            "cannot use the server \"{server}\": its `{member}` has the variable \"{name}\", and its \
             value would be stored and shown as the server's identity"
        ));
        error.next(match variable {
            Variable::Environment { default: Some(_), .. } => {
                format!("unset {name} to use the default in the file, or write the address in full")
            }
            _ => "write the address in full, and give a secret in `headers`".to_owned(),
        })
    }
}

/// Returns the bearer token in a header (RFC 6750, section 2.1).
fn bearer<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer =
        name.eq_ignore_ascii_case("authorization") && scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim())
}
