//! The servers in the configuration of a host.
//!
//! `document.rs` parses a file. `places.rs` finds the entries of servers in it. `members.rs` reads one
//! entry, and `remarks.rs` names the members without an effect. `template.rs` has the syntax of
//! variables, and `variables.rs` their values. A new host needs a change where it differs.

mod document;
mod endpoint;
mod jsonc;
mod members;
mod object;
mod places;
mod remarks;
mod template;
mod variables;

use std::fmt::{self, Debug, Display, Formatter};
use std::path::{Path, PathBuf};

use etdi::text::escaped;
use etdi::{ResourceUri, ServerIdentity, StdioCommand};
use secrecy::SecretString;

use self::document::{Document, Format};
use self::members::ServerMembers;
use self::places::{Entry, Found};
use self::variables::Variables;
use crate::exit::CliError;
use crate::files;
use crate::terminal::line::Line;
use crate::terminal::output::Output;

/// The address or the command of a server. `Debug` shows no values of variables and headers.
#[derive(Clone)]
pub(crate) enum Endpoint {
    /// A server on HTTP, with the bearer token and the other headers that are sent to it.
    Http { uri: String, token: Option<SecretString>, headers: Vec<(String, SecretString)> },
    /// A server on stdio: the command as configured, which is its identity, and the command as started,
    /// with the values of variables.
    Stdio { configured: StdioCommand, started: StdioCommand },
}

impl Endpoint {
    pub(crate) fn http(uri: impl Into<String>) -> Self {
        Self::Http { uri: uri.into(), token: None, headers: Vec::new() }
    }

    pub(crate) fn stdio(command: StdioCommand) -> Self {
        Self::Stdio { configured: command.clone(), started: command }
    }

    /// Returns the identity under which pins and approvals are stored.
    pub(crate) fn identity(&self) -> Result<ServerIdentity, CliError> {
        match self {
            Self::Http { uri, .. } => {
                let uri = ResourceUri::parse(uri).map_err(|error| {
                    CliError::new(error)
                        .next("correct the address, such as https://docs.example/mcp")
                })?;
                Ok(ServerIdentity::Http(uri))
            }
            Self::Stdio { configured, .. } => Ok(ServerIdentity::from(configured)),
        }
    }
}

impl Debug for Endpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { uri, token, headers } => {
                let headers: Vec<_> = headers.iter().map(|(name, _)| name).collect();
                let mut http = f.debug_struct("Http");
                http.field("uri", uri).field("token", token).field("headers", &headers).finish()
            }
            Self::Stdio { configured, .. } => {
                f.debug_struct("Stdio").field("configured", configured).finish_non_exhaustive()
            }
        }
    }
}

/// The servers of a configuration file.
pub(crate) struct HostConfig {
    /// The servers for the current folder, sorted by name.
    pub(crate) servers: Vec<ConfiguredServer>,
    /// The servers of other projects. They are not started here.
    pub(crate) elsewhere: Vec<OtherServer>,
}

/// A server in a configuration file.
pub(crate) struct ConfiguredServer {
    pub(crate) name: String,
    /// The command or the address of the server as configured, for a list.
    pub(crate) what: String,
    /// The endpoint, or the error that hides it.
    pub(crate) endpoint: Result<Endpoint, CliError>,
    /// The reason why the server is skipped, or `None`. The endpoint of a skipped server is an error.
    pub(crate) skip: Option<Skip>,
    /// Remarks about the entry, for a person.
    pub(crate) remarks: Vec<String>,
}

/// A server of another project.
pub(crate) struct OtherServer {
    pub(crate) project: String,
    pub(crate) name: String,
    pub(crate) what: String,
}

/// The reason why a server is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// The configuration disables the server.
    Disabled,
    /// The host contains the server, or fetches it.
    OfHost,
}

impl Display for Skip {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled in its configuration",
            Self::OfHost => "part of its host",
        })
    }
}

/// Reads the servers of a file. `environment` gives the values of variables.
pub(crate) fn read(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<HostConfig, CliError> {
    let variables = Variables::of_file(path, environment);
    parse(&files::read(path)?, variables, &current_projects())
        .map_err(|error| error.at(path.display()))
}

impl HostConfig {
    /// Returns the servers of a command: the one with the name `wanted`, or all. Fails if there are none.
    pub(crate) fn named(
        self,
        wanted: Option<&str>,
        path: &Path,
    ) -> Result<Vec<ConfiguredServer>, CliError> {
        let Self { mut servers, elsewhere } = self;
        let Some(wanted) = wanted else {
            return match servers.is_empty() {
                true => Err(no_server(&elsewhere).at(path.display())),
                false => Ok(servers),
            };
        };
        let known: Vec<_> = servers.iter().map(|one| escaped(&one.name).to_string()).collect();
        servers.retain(|server| server.name == wanted);
        if !servers.is_empty() {
            return Ok(servers);
        }
        let error = CliError::new("cannot find the server: the file has no server with this name");
        Err(match (elsewhere.iter().find(|other| other.name == wanted), known.is_empty()) {
            (Some(other), _) => {
                CliError::new("cannot use the server: it belongs to another project")
                    .next(format!("run this command in {}", escaped(&other.project)))
            }
            (None, true) => no_server(&elsewhere),
            (None, false) => error.next(format!("name one of: {}", known.join(", "))),
        }
        .at(wanted))
    }

    /// Prints a remark about each server of another project.
    pub(crate) fn say_elsewhere(&self, out: &Output) {
        for other in &self.elsewhere {
            let line = Line::new().text("skipped: ").theirs(&other.name);
            out.remark(line.text(", which is of the project ").theirs(&other.project));
        }
    }
}

/// Returns the error for a file without servers that can be started here.
fn no_server(elsewhere: &[OtherServer]) -> CliError {
    if let Some(other) = elsewhere.first() {
        return CliError::new("cannot find a server: all in the file belong to other projects")
            .next(format!(
                "run this command in the folder of one, such as {}",
                escaped(&other.project)
            ));
    }
    CliError::new(format!(
        "cannot find a server: the file has none in {}, and its own members are not servers",
        places::MEMBERS
    ))
    .next("give the configuration of a host; `etdi discover` finds those on this machine")
}

fn parse(text: &str, variables: Variables<'_>, here: &[PathBuf]) -> Result<HostConfig, CliError> {
    let Document { root, format } = Document::parse(text)?;
    let variables = variables.with_inputs(&root);
    let mut found = Found::of(&root, here)?;
    found.entries.sort_by(|one, other| one.name.cmp(&other.name));
    let mut servers: Vec<_> =
        found.wrong.iter().map(|place| ConfiguredServer::wrong(place)).collect();
    for same in found.entries.chunk_by(|one, other| one.name == other.name) {
        servers.extend(ConfiguredServer::of(same, format, &variables));
    }
    let other = |(project, entry): (&str, Entry<'_>)| OtherServer {
        project: project.to_owned(),
        what: members::what(entry.value),
        name: entry.name,
    };
    let elsewhere = found.elsewhere.into_iter().map(other).collect();
    Ok(HostConfig { servers, elsewhere })
}

/// Returns the folders that may be the current project, the best one first: the current folder, and the
/// repository that it is in.
fn current_projects() -> Vec<PathBuf> {
    let folders = [std::path::absolute(".").ok(), Path::new(".").canonicalize().ok()];
    let folders: Vec<_> = folders.into_iter().flatten().collect();
    let repository = |folder: &PathBuf| {
        folder.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
    };
    let repositories: Vec<_> = folders.iter().filter_map(repository).collect();
    folders.into_iter().chain(repositories).collect()
}

impl ConfiguredServer {
    /// Reads the entries with one name. Claude Code uses the entry of the project before the one of all
    /// projects; other entries must be the same.
    fn of(same: &[Entry<'_>], format: Format, variables: &Variables<'_>) -> Option<Self> {
        let of_project = |entry: &&Entry<'_>| entry.place.starts_with("projects.");
        let (first, more) = same.split_first()?;
        let mut projects = same.iter().filter(of_project);
        match (projects.next(), projects.next()) {
            (Some(one), None) if !more.is_empty() => {
                let mut server = Self::one(one, format, variables);
                server.remarks.push("it is used in place of the server of all projects".to_owned());
                Some(server)
            }
            _ => match more.iter().find(|other| other.value != first.value) {
                Some(other) => Some(Self::twice(first, other)),
                None => Some(Self::one(first, format, variables)),
            },
        }
    }

    fn one(entry: &Entry<'_>, format: Format, variables: &Variables<'_>) -> Self {
        let (name, what) = (entry.name.clone(), members::what(entry.value));
        let (endpoint, skip, remarks) = match ServerMembers::of(entry, format) {
            Ok(ServerMembers { launch: Ok(launch), remarks }) => {
                (launch.endpoint(&name, variables), None, remarks)
            }
            Ok(ServerMembers { launch: Err(skip), remarks }) => {
                (Err(skip.error()), Some(skip), remarks)
            }
            Err(error) => (Err(error), None, Vec::new()),
        };
        Self { name, what, endpoint, skip, remarks }
    }

    fn twice(one: &Entry<'_>, other: &Entry<'_>) -> Self {
        let error = CliError::new(format!(
            "cannot read the server \"{}\": it is in the file twice, in {} and in {}",
            escaped(&one.name),
            one.place(),
            other.place()
        ));
        Self::with_error(&one.name, error.next("remove one of the two"))
    }

    /// Returns the entry for a member that holds no servers though its name says so.
    fn wrong(place: &str) -> Self {
        let place_shown = escaped(place);
        let error =
            CliError::new(format!("cannot read the servers: `{place_shown}` is not an object"))
                .next("write the servers by name: { \"NAME\": { \"command\": … } }");
        Self::with_error(place, error)
    }

    fn with_error(name: &str, error: CliError) -> Self {
        let (what, remarks) = (String::new(), Vec::new());
        Self { name: name.to_owned(), what, endpoint: Err(error), skip: None, remarks }
    }
}

impl Skip {
    fn error(self) -> CliError {
        match self {
            Self::Disabled => {
                CliError::new("cannot use the server: it is disabled, so it is not started")
                    .next("enable it in its configuration")
            }
            Self::OfHost => CliError::new("cannot use the server: it is part of its host")
                .next("name a server with a command or an address"),
        }
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
