//! The identities of the other end: servers and authorization contexts (wire format, section 6).

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Position, Url};

use crate::digest::Digest;
use crate::json::{self, Limits};
use crate::names::has_no_user;
use crate::string_serde::string_serde;
use crate::text::escaped;

/// The URI of an HTTP resource in normal form: scheme and host lower-cased, default port dropped,
/// path and query byte-exact, an empty path written `/` (RFC 8707; wire format, section 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceUri(String);

/// The reason why a text is not a resource URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceUriError {
    /// Not an absolute URI with a host.
    #[error("\"{}\" is not an absolute http or https URI with a host", escaped(.0))]
    NotAbsolute(String),
    /// A fragment, which RFC 8707 forbids.
    #[error("the resource URI \"{}\" has a fragment; remove everything from `#` on", escaped(.0))]
    Fragment(String),
    /// A user name or password.
    #[error("the resource URI has a user name or password; pass credentials another way")]
    Credentials,
    /// A host, port, path or query that HTTP clients would rewrite, so that one text would name two
    /// things.
    #[error("the resource URI \"{}\" has a host, port, path or query that clients rewrite; write it as \"{}\"",
        escaped(.0), escaped(.1))]
    NotNormal(String, String),
}

impl ResourceUri {
    /// Brings `text` into normal form.
    ///
    /// # Errors
    /// A [`ResourceUriError`] if `text` has no such form.
    pub fn parse(text: &str) -> Result<Self, ResourceUriError> {
        let not_absolute = || ResourceUriError::NotAbsolute(text.to_owned());
        // The URL parser repairs backslashes and characters that are not printable ASCII, so two
        // texts would name the same server.
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return Err(not_absolute());
        }
        let url = Url::parse(text).map_err(|_| not_absolute())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(not_absolute());
        }
        if url.fragment().is_some() {
            return Err(ResourceUriError::Fragment(text.to_owned()));
        }
        if !has_no_user(text) {
            return Err(ResourceUriError::Credentials);
        }
        if is_spelling_of(text, &url) {
            Ok(Self(url.into()))
        } else {
            Err(ResourceUriError::NotNormal(text.to_owned(), url.into()))
        }
    }

    /// Returns the URI in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether `text` is the URL in its normal form, except for capitals in the scheme and the
/// host, a default port, and an empty path. If the parser repaired anything else, a token would go
/// to another place than the one that the text names.
fn is_spelling_of(text: &str, url: &Url) -> bool {
    let (origin, path) = (&url[..Position::BeforePath], &url[Position::BeforePath..]);
    let without_path = || match path.strip_prefix('/') {
        Some(query) if query.is_empty() || query.starts_with('?') => text.strip_suffix(query),
        _ => None,
    };
    let Some(written) = text.strip_suffix(path).or_else(without_path) else {
        return false;
    };
    let with_port = || match (url.port(), url.port_or_known_default()) {
        (None, Some(port)) => written.eq_ignore_ascii_case(&format!("{origin}:{port}")),
        _ => false,
    };
    written.eq_ignore_ascii_case(origin) || with_port()
}

impl Display for ResourceUri {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ResourceUri {
    type Err = ResourceUriError;

    fn from_str(text: &str) -> Result<Self, ResourceUriError> {
        Self::parse(text)
    }
}

/// The command that starts a stdio server, as configured: before any variable is expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StdioCommand {
    /// The program.
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// The variables that the server gets, in addition to the ones that every program needs, such
    /// as `PATH` and `HOME`. The server gets no other variable of the client's own environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its working directory; `None` for the client's own.
    #[serde(default)]
    pub cwd: Option<String>,
}

impl StdioCommand {
    /// Returns a command without arguments.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), ..Self::default() }
    }

    /// Returns the same command with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Returns the same command with more arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Returns the same command with a variable added to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Returns the same command with a working directory.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Returns the SHA-256 over the JCS of `{command, args, env, cwd}`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Strings in a fixed shape always serialise, and a text of depth 2 always parses.
        let text = serde_json::to_string(self).unwrap_or_default();
        let limits = Limits { bytes: usize::MAX, ..Limits::TOOL };
        let canonical = json::parse(text.as_bytes(), limits).map(|value| value.to_canonical());
        Digest::of(canonical.unwrap_or(text).as_bytes())
    }
}

/// The identity of a server. It never depends on the server's own claims.
///
/// Its text is the resource URI, or `stdio:` and the digest of the command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerIdentity {
    /// A server on HTTP, by its configured resource URI.
    Http(ResourceUri),
    /// A child process, by the digest of its command as configured.
    Stdio(Digest),
}

impl ServerIdentity {
    /// Returns the entry in a definition's `servers` that stands for this server.
    #[must_use]
    pub fn listed_as(&self) -> &str {
        match self {
            Self::Http(uri) => uri.as_str(),
            Self::Stdio(_) => "stdio",
        }
    }
}

impl From<&StdioCommand> for ServerIdentity {
    fn from(command: &StdioCommand) -> Self {
        Self::Stdio(command.digest())
    }
}

impl Display for ServerIdentity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(uri) => Display::fmt(uri, f),
            Self::Stdio(digest) => write!(f, "stdio:{digest}"),
        }
    }
}

impl FromStr for ServerIdentity {
    type Err = ResourceUriError;

    fn from_str(text: &str) -> Result<Self, ResourceUriError> {
        match text.strip_prefix("stdio:") {
            Some(digest) => digest
                .parse()
                .map(Self::Stdio)
                .map_err(|_| ResourceUriError::NotAbsolute(text.to_owned())),
            None => ResourceUri::parse(text).map(Self::Http),
        }
    }
}

string_serde!(ResourceUri, ServerIdentity);

/// The principal for whom calls are made. An approval counts only in its own context. The context
/// never changes whether a definition counts as tampered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AuthorizationContext {
    /// Calls carry no authorization.
    #[default]
    None,
    /// Calls are made for this principal. Scopes are not part of it.
    Principal {
        /// The issuer, byte for byte.
        issuer: String,
        /// The `sub` claim.
        subject: String,
        /// The client id.
        client: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_uris_have_one_form() {
        for (text, normal) in [
            ("HTTPS://Docs.Example:443/MCP?a=B", "https://docs.example/MCP?a=B"),
            ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp"),
            ("https://docs.example", "https://docs.example/"),
            ("https://docs.example?x", "https://docs.example/?x"),
        ] {
            assert_eq!(ResourceUri::parse(text).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn a_uri_without_one_form_is_refused() {
        for bad in [
            "docs.example/mcp",
            "ftp://docs.example/",
            "https:///mcp",
            "https://docs.example/#x",
            "https://user@docs.example/",
            "https://docs.example/a/../b",
            "https://docs.example\\mcp",
            "https://docs.example/a b",
        ] {
            assert!(ResourceUri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_or_port_that_clients_rewrite_is_refused_with_its_one_form() {
        for (bad, normal) in [
            ("http://0x7f.1/mcp", "http://127.0.0.1/mcp"),
            ("http://2130706433/mcp", "http://127.0.0.1/mcp"),
            ("https://docs%2eexample/mcp", "https://docs.example/mcp"),
            ("https://%61.example/", "https://a.example/"),
            ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
            ("https://docs.example:0443/", "https://docs.example/"),
            ("https://docs.example:08443/", "https://docs.example:8443/"),
            ("https://docs.example:/mcp", "https://docs.example/mcp"),
            ("https:docs.example/mcp", "https://docs.example/mcp"),
            ("https:///docs.example/mcp", "https://docs.example/mcp"),
        ] {
            let expected = ResourceUriError::NotNormal(bad.to_owned(), normal.to_owned());
            assert_eq!(ResourceUri::parse(bad), Err(expected), "{bad}");
            assert_eq!(ResourceUri::parse(normal).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn a_command_is_its_canonical_form() {
        let command = StdioCommand::new("npx").arg("-y");
        let expected = Digest::of(br#"{"args":["-y"],"command":"npx","cwd":null,"env":{}}"#);
        assert_eq!(command.digest(), expected);
        assert_ne!(command.clone().env("A", "1").digest(), expected);
    }
}
