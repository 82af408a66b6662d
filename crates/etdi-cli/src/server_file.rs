//! The servers that a host's own configuration names: `.mcp.json`, Claude Desktop, Cursor, VS Code.

use std::collections::BTreeMap;
use std::path::Path;

use etdi::StdioCommand;
use serde::Deserialize;

use crate::exit::CliError;
use crate::files;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Http(String),
    Stdio(StdioCommand),
}

/// The hosts' formats: `mcpServers`, VS Code's `servers`, and the same in VS Code's settings.
#[derive(Deserialize)]
struct Document {
    #[serde(default, rename = "mcpServers")]
    mcp_servers: BTreeMap<String, Entry>,
    #[serde(default)]
    servers: BTreeMap<String, Entry>,
    mcp: Option<Section>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    servers: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    url: Option<String>,
}

/// The servers of a file, by name.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Endpoint)>, CliError> {
    parse(&files::read(path)?).map_err(|error| error.at(path.display()))
}

fn parse(text: &str) -> Result<Vec<(String, Endpoint)>, CliError> {
    // The library's own words could quote a value, and values of `env` are secrets.
    let document: Document = serde_json::from_str(text).map_err(|error| {
        CliError::new(format!(
            "line {}, column {}, is not what a host's configuration has there; it is JSON with \
             `mcpServers` or `servers`, without comments",
            error.line(),
            error.column()
        ))
    })?;
    let section = document.mcp.map(|section| section.servers).unwrap_or_default();
    let entries = document.mcp_servers.into_iter().chain(document.servers).chain(section);
    let servers: Vec<_> = entries.map(endpoint).collect::<Result<_, _>>()?;
    let mut names: Vec<_> = servers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(CliError::new(format!(
            "the server \"{}\" stands there twice",
            etdi::text::escaped(name)
        )));
    }
    match servers.is_empty() {
        true => Err(CliError::new("the file names no server in `mcpServers` or `servers`")),
        false => Ok(servers),
    }
}

fn endpoint((name, entry): (String, Entry)) -> Result<(String, Endpoint), CliError> {
    let endpoint = match (entry.command, entry.url) {
        (Some(command), None) => Endpoint::Stdio(StdioCommand {
            command,
            args: entry.args,
            env: entry.env,
            cwd: entry.cwd,
        }),
        (None, Some(url)) => Endpoint::Http(url),
        _ => {
            return Err(CliError::new(format!(
                "the server \"{}\" needs either `command` or `url`",
                etdi::text::escaped(&name)
            )));
        }
    };
    Ok((name, endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_the_hosts_are_read() {
        let docs = StdioCommand::new("npx").args(["-y", "docs"]).env("KEY", "v").cwd("/srv");
        let entry = r#"{"type":"stdio","command":"npx","args":["-y","docs"],"env":{"KEY":"v"},"cwd":"/srv"}"#;
        let http = r#"{"type":"http","url":"https://docs.example/mcp","headers":{}}"#;
        let expected = vec![
            ("a".to_owned(), Endpoint::Stdio(docs)),
            ("b".to_owned(), Endpoint::Http("https://docs.example/mcp".to_owned())),
        ];
        for text in [
            format!(r#"{{"mcpServers":{{"b":{http},"a":{entry}}}}}"#),
            format!(r#"{{"inputs":[],"servers":{{"a":{entry},"b":{http}}}}}"#),
            format!(r#"{{"editor":1,"mcp":{{"servers":{{"a":{entry},"b":{http}}}}}}}"#),
        ] {
            assert_eq!(parse(&text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_names_no_one_server_is_refused() {
        for (text, why) in [
            ("{}", "names no server"),
            (r#"{"mcpServers":{"a":{}}}"#, "either `command` or `url`"),
            (r#"{"mcpServers":{"a":{"command":"x","url":"y"}}}"#, "either `command` or `url`"),
            (r#"{"mcpServers":{"a":{"url":"x"}},"servers":{"a":{"url":"y"}}}"#, "twice"),
        ] {
            assert!(parse(text).unwrap_err().what().contains(why), "{text}");
        }
    }

    #[test]
    fn an_error_quotes_no_value() {
        let text = r#"{"mcpServers":{"a":{"command":"x","env":{"KEY":12345}}}}"#;
        let error = parse(text).unwrap_err();
        assert!(error.what().starts_with("line 1,") && !error.what().contains("12345"));
    }
}
