//! The servers in the configuration of a host.
//!
//! A new format needs a change in at most four files. `hosts.rs` lists the files of hosts. `formats.rs`
//! lists the places of servers in a file. `members.rs` reads the members of one server. `variables.rs`
//! expands the variables in their values.

mod formats;
mod jsonc;
mod members;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;

use etdi::text::escaped;
use etdi::{ResourceUri, ServerIdentity, StdioCommand};
use secrecy::SecretString;
use serde_json::Value;

use self::members::ServerMembers;
use self::variables::Variables;
use crate::exit::CliError;
use crate::files;

/// The address or the command of a server.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// A server on HTTP, with the bearer token that is sent to it.
    Http { uri: String, token: Option<SecretString> },
    /// A server on stdio: the command as configured, which is its identity, and the command as started,
    /// with the values of variables.
    Stdio { configured: StdioCommand, started: StdioCommand },
}

impl Endpoint {
    pub(crate) fn http(uri: impl Into<String>) -> Self {
        Self::Http { uri: uri.into(), token: None }
    }

    pub(crate) fn stdio(command: StdioCommand) -> Self {
        Self::Stdio { configured: command.clone(), started: command }
    }

    /// Returns the identity under which pins and approvals are stored.
    pub(crate) fn identity(&self) -> Result<ServerIdentity, CliError> {
        match self {
            Self::Http { uri, .. } => {
                ResourceUri::parse(uri).map(ServerIdentity::Http).map_err(CliError::new)
            }
            Self::Stdio { configured, .. } => Ok(ServerIdentity::from(configured)),
        }
    }
}

/// A server in a configuration file.
pub(crate) struct ConfiguredServer {
    pub(crate) name: String,
    /// The command or the address of the server as configured, for a list.
    pub(crate) what: String,
    /// The endpoint, or why it is not known.
    pub(crate) endpoint: Result<Endpoint, CliError>,
    /// Whether the configuration disables the server. If so, the endpoint is an error.
    pub(crate) disabled: bool,
    /// Remarks about the entry, for a person.
    pub(crate) remarks: Vec<String>,
}

/// Reads the servers of a file, sorted by name. `environment` gives the values of variables.
pub(crate) fn read(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<ConfiguredServer>, CliError> {
    let variables = Variables::of_file(path, environment);
    parse(&files::read(path)?, &variables).map_err(|error| error.at(path.display()))
}

/// Returns the names of the servers.
pub(crate) fn names(entries: &[ConfiguredServer]) -> Vec<String> {
    entries.iter().map(|entry| entry.name.clone()).collect()
}

/// Returns the error for a name that no server has, with the names that exist.
pub(crate) fn unnamed(names: &[String], wanted: Option<&str>) -> CliError {
    CliError::new("the file has no server with this name")
        .at(wanted.unwrap_or_default())
        .next(format!("name one of: {}", names.join(", ")))
}

fn parse(text: &str, variables: &Variables<'_>) -> Result<Vec<ConfiguredServer>, CliError> {
    let document = jsonc::parse(text)?;
    let mut servers = Vec::new();
    for section in formats::sections(&document)? {
        servers.extend(
            section.iter().map(|(name, value)| ConfiguredServer::of(name, value, variables)),
        );
    }
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    for pair in servers.windows(2) {
        if let [one, other] = pair
            && one.name == other.name
        {
            let name = escaped(&one.name);
            return Err(CliError::new(format!("the server \"{name}\" is in the file twice")));
        }
    }
    Ok(servers)
}

impl ConfiguredServer {
    fn of(name: &str, value: &Value, variables: &Variables<'_>) -> Self {
        let configured = ServerMembers::of(name, value);
        let what = configured.as_ref().map(ServerMembers::what).unwrap_or_default();
        let (disabled, remarks) = match &configured {
            Ok(configured) => (configured.disabled, configured.remarks.clone()),
            Err(_) => (false, Vec::new()),
        };
        let endpoint = match disabled {
            true => Err(CliError::new("the server is disabled, so it is not started")
                .next("enable it in its configuration")),
            false => configured.and_then(|configured| configured.endpoint(name, variables)),
        };
        Self { name: name.to_owned(), what, endpoint, disabled, remarks }
    }
}

impl ServerMembers {
    fn what(&self) -> String {
        let words = self.command.iter().chain(&self.args).map(String::as_str);
        match &self.url {
            Some(url) => url.clone(),
            None => words.collect::<Vec<_>>().join(" "),
        }
    }

    fn endpoint(self, name: &str, variables: &Variables<'_>) -> Result<Endpoint, CliError> {
        let refuse =
            |why: &str| Err(CliError::new(format!("the server \"{}\" {why}", escaped(name))));
        if self.env_file {
            return refuse("takes variables from an `envFile`, which this command does not read");
        }
        if self.transport.as_deref() == Some("sse") {
            return refuse("is on the transport SSE, which is not supported; MCP replaced it");
        }
        if self.command.as_deref().is_some_and(|command| command.trim().is_empty()) {
            return refuse("has an empty `command`");
        }
        match (self.command, self.url) {
            (Some(command), None) => {
                let mut configured = StdioCommand::new(command).args(self.args);
                (configured.env, configured.cwd) = (self.env, self.cwd);
                let started = expanded(&configured, name, variables)?;
                Ok(Endpoint::Stdio { configured, started })
            }
            (None, Some(url)) => {
                // The address is the server's identity: it is shown and stored, so it must not have a
                // secret.
                if let Some(variable) = Variables::first(&url) {
                    let error = CliError::new(format!(
                        "the server \"{}\" has the variable \"{}\" in its `url`; the value would \
                         be stored and shown as the server's identity",
                        escaped(name),
                        escaped(variable)
                    ));
                    return Err(error.next(
                        "write the address in full, and give a secret as a bearer token in `headers`",
                    ));
                }
                let uri = url;
                let token = bearer(self.headers, name, variables)?;
                Ok(Endpoint::Http { uri, token })
            }
            _ => refuse("needs either `command` or `url`"),
        }
    }
}

fn expanded(
    configured: &StdioCommand,
    name: &str,
    variables: &Variables<'_>,
) -> Result<StdioCommand, CliError> {
    let expand = |text: &String| variables.expand(text, name);
    let env = configured.env.iter();
    let mut command = StdioCommand::new(expand(&configured.command)?);
    command.args = configured.args.iter().map(expand).collect::<Result<_, _>>()?;
    command.env =
        env.map(|(key, value)| Ok((key.clone(), expand(value)?))).collect::<Result<_, _>>()?;
    command.cwd = configured.cwd.as_ref().map(expand).transpose()?;
    Ok(command)
}

/// Returns the bearer token in the headers. Any other header is an error, because it would not be sent.
fn bearer(
    headers: BTreeMap<String, String>,
    name: &str,
    variables: &Variables<'_>,
) -> Result<Option<SecretString>, CliError> {
    let mut token = None;
    for (header, value) in headers {
        let value = variables.expand(&value, name)?;
        match value.split_once(' ') {
            Some((scheme, rest))
                if header.eq_ignore_ascii_case("authorization")
                    && scheme.eq_ignore_ascii_case("bearer")
                    && token.is_none() =>
            {
                token = Some(SecretString::from(rest.trim().to_owned()));
            }
            _ => {
                return Err(CliError::new(format!(
                    "the server \"{}\" wants the header \"{}\"; this command sends only a bearer \
                     token",
                    escaped(name),
                    escaped(&header)
                )));
            }
        }
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
