//! The servers and the tools that a command line names.

use std::path::{Path, PathBuf};

use clap::Args;
use etdi::oauth::ACCESS_TOKEN_VARIABLE;
use etdi::{ServerIdentity, StdioCommand};
use secrecy::SecretString;

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::servers::host_config::{self, ConfiguredServer, Endpoint, Skip};
use crate::servers::hosts::FROM_HELP;
use crate::terminal::line::Line;
use crate::terminal::shell::{all_quoted, quoted};

/// A server, with a name for people.
pub(crate) struct NamedServer {
    pub(crate) name: String,
    /// Whether the name comes from a configuration.
    pub(crate) is_named: bool,
    /// The endpoint, or why it is not known.
    pub(crate) endpoint: Result<Endpoint, CliError>,
    /// The words of a command that name the server, quoted for a shell. `None` if they cannot be typed.
    pub(crate) words: Option<String>,
    /// Why the server is skipped, if it is. If so, the endpoint is an error.
    pub(crate) skip: Option<Skip>,
    /// Remarks about the configuration of the server, for a person.
    pub(crate) remarks: Vec<String>,
}

impl NamedServer {
    /// Creates a server from the command line. Its name is its address or its command.
    pub(crate) fn given(name: String, endpoint: Endpoint, words: Option<String>) -> Self {
        let (endpoint, remarks) = (Ok(endpoint), Vec::new());
        Self { name, is_named: false, endpoint, words, skip: None, remarks }
    }

    /// Creates a server from an entry of a configuration.
    pub(crate) fn configured(entry: ConfiguredServer, file: &Path) -> Self {
        let words = file.to_str().and_then(quoted).zip(quoted(&entry.name));
        let words = words.map(|(file, name)| {
            // After a space, a name that begins with a hyphen would be read as a flag.
            let is = if name.starts_with('-') { '=' } else { ' ' };
            format!("--from {file} --server{is}{name}")
        });
        let ConfiguredServer { name, endpoint, skip, remarks, .. } = entry;
        Self { name, is_named: true, endpoint, words, skip, remarks }
    }

    /// Removes the servers that are skipped, and prints a remark about each.
    pub(crate) fn enabled(servers: Vec<Self>, context: &Context) -> Vec<Self> {
        let (skipped, enabled): (Vec<_>, Vec<_>) =
            servers.into_iter().partition(|server| server.skip.is_some());
        skipped.iter().for_each(|server| server.say_skipped(context));
        enabled
    }

    /// Prints a remark about a server that is skipped.
    pub(crate) fn say_skipped(&self, context: &Context) {
        if let Some(skip) = self.skip {
            let line = Line::new().text("skipped: ").theirs(&self.name);
            context.out.remark(line.text(format!(", which is {skip}")));
        }
    }

    /// Returns the identity under which pins and approvals are stored.
    pub(crate) fn identity(self) -> Result<ServerIdentity, CliError> {
        let name = self.name;
        self.endpoint.and_then(|endpoint| endpoint.identity()).map_err(|error| error.at(name))
    }
}

/// The flags and arguments that name a server, except its address.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerSource {
    /// The command that starts the server, if it is on stdio; after `--`. It starts with a clean
    /// environment.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[arg(long, value_name = "FILE", help = FROM_HELP)]
    from: Option<PathBuf>,
    /// The name of one server in the file of --from.
    #[arg(long, value_name = "NAME", requires = "from")]
    server: Option<String>,
    /// A file with the access token for this one server; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Send the access token in ETDI_ACCESS_TOKEN to this one server. Without this flag it is not sent.
    #[arg(long, conflicts_with = "token_file")]
    token_env: bool,
}

/// The server of a command.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerTarget {
    /// The server's address, if it is on HTTP.
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    options: ServerSource,
}

impl ServerTarget {
    /// Returns whether the command line names no server.
    pub(crate) fn is_nothing(&self) -> bool {
        let options = &self.options;
        let no_token = options.token_file.is_none() && !options.token_env;
        self.url.is_none() && options.is_nothing() && no_token
    }

    /// Returns whether all servers of a file are meant.
    pub(crate) fn is_all(&self) -> bool {
        self.options.server.is_none()
    }

    /// Returns the servers.
    pub(crate) fn all(&self, context: &Context) -> Result<Vec<NamedServer>, CliError> {
        self.options.servers(self.url.as_deref(), context)
    }
}

/// The tools of a command, and their server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ToolTarget {
    /// The tools, each by its name on the server, its id or its digest; then the server's address,
    /// if it is on HTTP. Only `approve` takes several tools.
    #[arg(value_name = "TOOL|URL")]
    words: Vec<String>,
    /// The server's instructions, which are not a tool.
    #[arg(long)]
    pub(crate) instructions: bool,
    #[command(flatten)]
    options: ServerSource,
}

/// A tool, or the instructions of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ToolOrInstructions<'w> {
    Tool(&'w str),
    Instructions,
}

impl ToolTarget {
    /// Returns the tools. If no other flag names the server, the last word is its address.
    pub(crate) fn tools(&self) -> &[String] {
        self.split().0
    }

    /// Returns the one tool, or the instructions.
    pub(crate) fn subject(&self) -> Result<ToolOrInstructions<'_>, CliError> {
        match (self.tools(), self.instructions) {
            ([tool], false) => Ok(ToolOrInstructions::Tool(tool)),
            ([], true) => Ok(ToolOrInstructions::Instructions),
            _ => Err(CliError::new("cannot choose a tool: give one tool, or --instructions")
                .next("`etdi discover` shows the tools of a server")),
        }
    }

    /// Returns the one server that is named, or all servers that are not disabled.
    pub(crate) fn servers(&self, context: &Context) -> Result<Vec<NamedServer>, CliError> {
        let servers = self.options.servers(self.split().1, context)?;
        match self.options.server {
            Some(_) => Ok(servers),
            None => Ok(NamedServer::enabled(servers, context)),
        }
    }

    /// Returns the one server. Fails if there are several.
    pub(crate) fn server(&self, context: &Context) -> Result<NamedServer, CliError> {
        let mut servers = self.options.servers(self.split().1, context)?;
        if servers.len() > 1 {
            servers = NamedServer::enabled(servers, context);
        }
        one_of(servers)
    }

    /// Returns the one server. Fails if there are several, even if all others are skipped.
    pub(crate) fn only_server(&self, context: &Context) -> Result<NamedServer, CliError> {
        one_of(self.options.servers(self.split().1, context)?)
    }

    /// Returns all words as tools, for a command with another flag for the server.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    fn split(&self) -> (&[String], Option<&str>) {
        match self.words.split_last() {
            Some((url, tools)) if self.options.is_nothing() => (tools, Some(url)),
            _ => (&self.words, None),
        }
    }
}

fn one_of(mut servers: Vec<NamedServer>) -> Result<NamedServer, CliError> {
    match (servers.pop(), servers.is_empty()) {
        (Some(server), true) => Ok(server),
        (Some(_), false) => {
            Err(CliError::new("cannot choose a server: the file has several servers")
                .next("add --server NAME"))
        }
        (None, _) => Err(CliError::new("cannot choose a server: each one in the file is skipped")
            .next("enable a server in its configuration")),
    }
}

impl ServerSource {
    fn is_nothing(&self) -> bool {
        self.command.is_empty() && self.from.is_none()
    }

    fn servers(&self, url: Option<&str>, context: &Context) -> Result<Vec<NamedServer>, CliError> {
        let mut servers = self.named(url, context)?;
        let Some(token) = self.token(context)? else { return Ok(servers) };
        let [server] = servers.as_mut_slice() else {
            let what = "cannot send the token: it is for one server, and the file has several";
            return Err(CliError::new(what).next("add --server NAME"));
        };
        server.words = server.words.take().zip(self.token_words()).map(|(server, token)| {
            // The flags come first: arguments after `--` belong to the server.
            format!("{token} {server}")
        });
        match &mut server.endpoint {
            Ok(Endpoint::Http { token: of, .. }) => *of = Some(token),
            Ok(Endpoint::Stdio { started, .. }) => {
                use secrecy::ExposeSecret;
                let value = token.expose_secret().to_owned();
                started.env.insert(ACCESS_TOKEN_VARIABLE.to_owned(), value);
            }
            Err(_) => {}
        }
        Ok(servers)
    }

    fn named(&self, url: Option<&str>, context: &Context) -> Result<Vec<NamedServer>, CliError> {
        match (url, self.command.split_first(), &self.from) {
            (Some(url), None, None) => {
                Ok(vec![NamedServer::given(url.to_owned(), Endpoint::http(url), quoted(url))])
            }
            (None, Some((program, args)), None) => {
                let words = all_quoted(self.command.iter().map(String::as_str));
                let endpoint = Endpoint::stdio(StdioCommand::new(program).args(args));
                let words = words.map(|words| format!("-- {words}"));
                Ok(vec![NamedServer::given(self.command.join(" "), endpoint, words)])
            }
            (None, None, Some(path)) => {
                let environment = context.environment;
                let config = host_config::read(path, &|name| environment.get(name))?;
                if self.server.is_none() {
                    config.say_elsewhere(&context.out);
                }
                let entries = config.named(self.server.as_deref(), path)?.into_iter();
                Ok(entries.map(|entry| NamedServer::configured(entry, path)).collect())
            }
            _ => {
                Err(CliError::new("cannot choose a server: the command line must name exactly one")
                    .next("give its URL, its command after `--`, or --from FILE"))
            }
        }
    }

    /// Returns the token that the person gave for the server. Only that token is sent: a server that
    /// gets a token can use it elsewhere.
    fn token(&self, context: &Context) -> Result<Option<SecretString>, CliError> {
        let text = match (&self.token_file, self.token_env) {
            (Some(path), _) => zeroize::Zeroizing::new(files::read(path)?),
            (None, true) => {
                let value = context.environment.get(ACCESS_TOKEN_VARIABLE).ok_or_else(|| {
                    CliError::new("cannot read the access token: the variable is not set")
                        .at(ACCESS_TOKEN_VARIABLE)
                        .next("set the variable, or give the token with --token-file FILE")
                })?;
                zeroize::Zeroizing::new(value)
            }
            (None, false) => return Ok(None),
        };
        let token = text.trim();
        // RFC 6750, section 2.1: a b64token is one word of visible ASCII.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CliError::new("cannot send the access token: it is not one word of ASCII")
                .next("give the token alone, without `Bearer` before it"));
        }
        Ok(Some(SecretString::from(token.to_owned())))
    }

    fn token_words(&self) -> Option<String> {
        match &self.token_file {
            Some(path) => Some(format!("--token-file {}", quoted(path.to_str()?)?)),
            None => Some("--token-env".to_owned()),
        }
    }
}
