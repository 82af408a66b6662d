//! The errors of a server that cannot be connected to or listed, each with its next step.

use std::io::ErrorKind;

use etdi::StdioCommand;
use etdi::client::{ConnectError, DiscoverError, ListError};
use etdi::text::escaped;

use crate::exit::CliError;
use crate::servers::host_config::Endpoint;

const LONGER: &str = "try again, or give the server longer with --timeout SECONDS";

/// The credentials that a server was given.
#[derive(Clone, Copy)]
pub(super) enum Given {
    Token,
    Headers,
    Neither,
}

impl Given {
    pub(super) fn to(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Http { token, headers, .. } => Self::of(token.is_some(), !headers.is_empty()),
            Endpoint::Stdio { .. } => Self::Neither,
        }
    }

    fn of(has_token: bool, has_headers: bool) -> Self {
        match (has_token, has_headers) {
            (true, _) => Self::Token,
            (false, true) => Self::Headers,
            (false, false) => Self::Neither,
        }
    }
}

/// Returns the error for a server on HTTP. The next step depends on the credentials that it got.
pub(super) fn http(error: &ConnectError, uri: &str, given: Given) -> CliError {
    let next = match error {
        ConnectError::Unauthorized { challenge, said } => {
            return unauthorized("connect to the server", challenge.as_deref(), said, given);
        }
        ConnectError::Redirected { to } => {
            return CliError::new(error).next(final_address(uri, to.as_deref()));
        }
        ConnectError::Uri(_) => "give the address of an MCP endpoint, as https://docs.example/mcp",
        ConnectError::Timeout { .. } => LONGER,
        ConnectError::Malformed { .. } => "report it to the author of the server",
        _ => {
            "see whether the server runs, and whether this is the address of its MCP endpoint, often …/mcp"
        }
    };
    CliError::new(error).next(next)
}

/// Returns the error for a server that is started as a program.
pub(super) fn stdio(error: &ConnectError, configured: &StdioCommand) -> CliError {
    let next = match error {
        ConnectError::NoFolder { .. } => {
            let cwd = configured.cwd.as_deref().unwrap_or_default();
            return CliError::new(error).next(format!("make {}, or correct `cwd`", escaped(cwd)));
        }
        ConnectError::Spawn { source, .. } if source.kind() == ErrorKind::NotFound => {
            "install it, or correct its name or the PATH"
        }
        ConnectError::Ended { last_lines, .. } if !last_lines.is_empty() => {
            let lines = last_lines.clone();
            return CliError::new(error).with_last_lines(lines).next(
                "correct the cause, or start the command by itself to see all of its output",
            );
        }
        ConnectError::Timeout { .. } => LONGER,
        ConnectError::Malformed { .. } => "report it to the author of the server",
        _ => "start the command by itself: it may say why",
    };
    CliError::new(error).next(next)
}

/// Returns the error for tools that could not be listed.
pub(super) fn unlisted(error: &DiscoverError, uri: Option<&str>, given: Given) -> CliError {
    match error {
        DiscoverError::Listing(ListError::Unauthorized { challenge, said }) => {
            unauthorized("list the server's tools", challenge.as_deref(), said, given)
        }
        DiscoverError::Listing(ListError::Redirected { to }) => {
            CliError::new(error).next(final_address(uri.unwrap_or_default(), to.as_deref()))
        }
        DiscoverError::Listing(ListError::Timeout { .. }) => {
            CliError::new(error).next("see whether the server is busy, and try again")
        }
        DiscoverError::Listing(_) => {
            CliError::new(error).next("report it to the author of the server")
        }
        _ => CliError::new(error).cannot("judge the tools"),
    }
}

fn unauthorized(doing: &str, challenge: Option<&str>, said: &str, given: Given) -> CliError {
    let reason = match given {
        Given::Token => "the server refuses the access token",
        Given::Headers => "the server refuses the headers",
        Given::Neither => "the server wants authorization",
    };
    let next = match (given, challenge) {
        (Given::Token, _) => "`etdi token` shows the issuer, audience, scopes and end of the token",
        (Given::Headers, _) => {
            "correct `headers` in the configuration, or give an access token with --token-file FILE"
        }
        (Given::Neither, Some(_)) => {
            "give an access token with --token-file FILE, or --token-file - from standard input"
        }
        (Given::Neither, None) => {
            "give an access token with --token-file FILE, or in the host's file the header that the \
             server's documentation names"
        }
    };
    CliError::new(format!("cannot {doing}: {reason}: {}", escaped(said))).next(next)
}

fn final_address(uri: &str, to: Option<&str>) -> String {
    let slashed = to.is_some_and(|to| {
        let path = to.strip_suffix('/');
        path.is_some_and(|path| path == uri || (path.starts_with('/') && uri.ends_with(path)))
    });
    match to {
        Some(_) if slashed => "use the same address with a slash at its end".to_owned(),
        Some(to) => format!("if you trust {}, use it as the address of the server", escaped(to)),
        None => "use the final address of the server".to_owned(),
    }
}
