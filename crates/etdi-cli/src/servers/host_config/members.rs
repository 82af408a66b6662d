//! The entry of one server: the members that say how it is started or reached.

use std::collections::BTreeMap;

use etdi::text::escaped;
use serde_json::Value;

use super::document::Format;
use super::object::{LAUNCHES, Member, Object};
use super::places::Entry;
use super::template::{Syntax, Template, ambiguous_name, is_name};
use super::{Skip, remarks};
use crate::exit::CliError;

const COMMANDS: &[&str] = &["command", "cmd"];
const ADDRESSES: &[&str] = &["url", "httpUrl", "serverUrl", "uri"];

/// The entry of a server, as it was read.
pub(super) struct ServerMembers {
    /// The command or the address, or why the server is not started.
    pub(super) launch: Result<Launch, Skip>,
    pub(super) remarks: Vec<String>,
}

/// How a server is started or reached.
pub(super) enum Launch {
    Stdio(StdioLaunch),
    Http(HttpLaunch),
}

pub(super) struct StdioLaunch {
    pub(super) command: Template,
    pub(super) args: Vec<Template>,
    pub(super) env: BTreeMap<String, EnvironmentValue>,
    pub(super) cwd: Option<Template>,
}

pub(super) struct HttpLaunch {
    /// The member that has the address, for errors.
    pub(super) member: &'static str,
    pub(super) url: Template,
    pub(super) headers: Vec<Header>,
}

/// The value of a variable in the server's environment.
pub(super) struct EnvironmentValue {
    pub(super) member: String,
    pub(super) value: Template,
    /// Whether the host leaves the variable out if it has no value.
    pub(super) is_optional: bool,
}

/// A header of the requests to a server.
pub(super) struct Header {
    pub(super) member: String,
    pub(super) name: String,
    pub(super) value: Template,
}

impl ServerMembers {
    pub(super) fn of(entry: &Entry<'_>, format: Format) -> Result<Self, CliError> {
        let object = Object::of(&entry.name, entry.value, format)?;
        let is_off =
            object.flag("disabled")? == Some(true) || object.flag("enabled")? == Some(false);
        let launch = match skip(&object)? {
            _ if is_off || entry.is_off => Err(Skip::Disabled),
            Some(skip) => Err(skip),
            None => Ok(Launch::of(&object, entry)?),
        };
        Ok(Self { launch, remarks: remarks::of(&object) })
    }
}

/// Returns why a server is not one that this command can start: its host contains or fetches it.
fn skip(object: &Object<'_>) -> Result<Option<Skip>, CliError> {
    let kind = object.string("type")?.unwrap_or_default();
    let is_inside = ["builtin", "platform", "frontend", "inline_python"].contains(&kind)
        || object.get("source").is_some_and(|source| source == "extension")
        || object.get("uses").is_some();
    // Zed starts the server of an extension with these settings.
    let has_settings = object.get("settings").is_some_and(Value::is_object);
    let is_bare = LAUNCHES.iter().all(|member| object.get(member).is_none());
    Ok((is_inside || (has_settings && is_bare)).then_some(Skip::OfHost))
}

/// Returns the command or the address of an entry, for a list. Reads also an entry with errors.
pub(super) fn what(value: &Value) -> String {
    let member = |names: &[&str]| {
        let inner = ["transport", "config"].into_iter().filter_map(|name| value.get(name));
        let mut places = [value].into_iter().chain(inner);
        places.find_map(|place| names.iter().find_map(|name| place.get(name)))
    };
    if let Some(url) = member(ADDRESSES).and_then(Value::as_str) {
        return url.to_owned();
    }
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let command = member(COMMANDS);
    let nested = command.filter(|command| command.is_object());
    let program = nested.and_then(|command| command.get("path")).or(command);
    let args = nested.and_then(|command| command.get("args")).or_else(|| member(&["args"]));
    let all = [program, args].into_iter().flatten().flat_map(|value| match value {
        Value::Array(list) => list.iter().filter_map(word).collect::<Vec<_>>(),
        one => word(one).into_iter().collect(),
    });
    all.collect::<Vec<_>>().join(" ")
}

impl Launch {
    fn of(object: &Object<'_>, entry: &Entry<'_>) -> Result<Self, CliError> {
        let command = object.one_of(COMMANDS)?;
        let address = object.one_of(ADDRESSES)?;
        let transport = Transport::of(object)?;
        match (command, address, transport) {
            (Some(command), Some(address), _) => Err(object.both(command.name, address.name)),
            (None, None, _) => Err(object
                .error("it has neither a `command` nor a `url`")
                .next("add the `command` that starts it, or the `url` of its MCP endpoint")),
            (Some(command), None, Some((Transport::Http, kind))) => {
                Err(mismatch(object, kind, command))
            }
            (None, Some(address), Some((Transport::Stdio, kind))) => {
                Err(mismatch(object, kind, address))
            }
            (Some(command), None, _) => stdio(object, entry, command),
            (None, Some(address), _) => http(object, entry, address),
        }
    }
}

#[derive(Clone, Copy)]
enum Transport {
    Stdio,
    Http,
}

impl Transport {
    /// Reads the transport, under the names that hosts have for it.
    fn of<'m>(object: &Object<'m>) -> Result<Option<(Self, Member<'m>)>, CliError> {
        let named = ["type", "transportType", "transport"].into_iter().find_map(|name| {
            let value = object.get(name).filter(|value| !value.is_object())?;
            Some(Member { name, value })
        });
        let Some(member) = named else { return Ok(None) };
        let kind = object.string_at(member)?;
        let plain: String = kind.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        let transport = match plain.to_ascii_lowercase().as_str() {
            "stdio" | "local" => Self::Stdio,
            "http" | "streamablehttp" | "remote" => Self::Http,
            "sse" => {
                return Err(object
                    .error("it is on the transport SSE, which MCP replaced")
                    .next("configure the address of its streamable HTTP endpoint, often …/mcp"));
            }
            _ => {
                let (name, kind) = (member.name, escaped(kind));
                return Err(object
                    .error(format!("its `{name}` is \"{kind}\", which is not a known transport"))
                    .next("write \"stdio\" or \"http\""));
            }
        };
        Ok(Some((transport, member)))
    }
}

fn mismatch(object: &Object<'_>, kind: Member<'_>, launch: Member<'_>) -> CliError {
    let (name, launch) = (kind.name, launch.name);
    let text = escaped(kind.value.as_str().unwrap_or_default()).to_string();
    object
        .error(format!("its `{name}` is \"{text}\", but it has a `{launch}`"))
        .next(format!("correct `{name}`, or remove `{launch}`"))
}

fn stdio(object: &Object<'_>, entry: &Entry<'_>, command: Member<'_>) -> Result<Launch, CliError> {
    if object.get("envFile").is_some() {
        return Err(object
            .error("it has an `envFile`, and this command does not read such files")
            .next("write its variables in `env`, such as \"KEY\": \"${KEY}\""));
    }
    let (program, args, nested) = words(object, command)?;
    check_program(object, command.name, &program)?;
    let templates = args.iter().map(|text| {
        // A script for a shell often ends in a variable of the shell, so only whole arguments count.
        let is_whole = text.starts_with('$');
        template(object, entry.syntax, "args", text, is_whole)
    });
    Ok(Launch::Stdio(StdioLaunch {
        args: templates.collect::<Result<_, _>>()?,
        command: Template::parse(&program, entry.syntax),
        env: environment(object, entry, nested)?,
        cwd: object.string("cwd")?.map(|cwd| Template::parse(cwd, entry.syntax)),
    }))
}

/// Returns the program, its arguments, and the variables inside `command`: it may be a list with the
/// arguments (opencode) or an object with them (earlier versions of Zed).
fn words<'m>(
    object: &Object<'m>,
    command: Member<'m>,
) -> Result<(String, Vec<String>, Option<Member<'m>>), CliError> {
    let args = object.get("args").map(|value| Member { name: "args", value });
    match command.value {
        Value::Array(_) => {
            if let Some(args) = args {
                return Err(object
                    .error(format!(
                        "its `{}` is a list with the arguments, but it also has `{}`",
                        command.name, args.name
                    ))
                    .next("write all arguments in one of the two"));
            }
            let mut words = object.texts(command)?.into_iter();
            Ok((words.next().unwrap_or_default(), words.collect(), None))
        }
        Value::Object(members) => {
            let inner = |name: &'static str| {
                members
                    .get(name)
                    .filter(|value| !value.is_null())
                    .map(|value| Member { name, value })
            };
            let path = inner("path").ok_or_else(|| object.wrong(command, "a string"))?;
            let args = inner("args").map(|args| object.texts(args)).transpose()?;
            Ok((object.string_at(path)?.to_owned(), args.unwrap_or_default(), inner("env")))
        }
        _ => {
            let args = args.map(|args| object.texts(args)).transpose()?;
            Ok((object.string_at(command)?.to_owned(), args.unwrap_or_default(), None))
        }
    }
}

/// Fails for a program that cannot be meant: an empty one, or a whole command line.
fn check_program(object: &Object<'_>, member: &str, program: &str) -> Result<(), CliError> {
    let mut words = program.split_whitespace();
    let Some(first) = words.next() else {
        return Err(object.error(format!("its `{member}` is empty")).next("write the program"));
    };
    // A path may have blanks in it.
    if words.next().is_some() && !first.contains(['/', '\\']) {
        return Err(object
            .error(format!("its `{member}` has a program and arguments in one text"))
            .next(format!("write the program in `{member}`, and each argument in `args`")));
    }
    Ok(())
}

fn environment(
    object: &Object<'_>,
    entry: &Entry<'_>,
    nested: Option<Member<'_>>,
) -> Result<BTreeMap<String, EnvironmentValue>, CliError> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, value: EnvironmentValue| {
        if name.is_empty() || name.contains(['=', '\0']) {
            let member = escaped(&value.member).to_string();
            return Err(object
                .error(format!("`{member}` is not the name of a variable"))
                .next("correct the name"));
        }
        match all.insert(name.to_owned(), value) {
            Some(_) => Err(object
                .error(format!("it has the variable \"{}\" twice", escaped(name)))
                .next("remove one of the two")),
            None => Ok(()),
        }
    };
    let given = object.one_of(&["env", "environment", "envs"])?;
    for member in given.into_iter().chain(nested) {
        for (name, text) in object.texts_by_name(member)? {
            let member = format!("{}.{name}", member.name);
            let value = template(object, entry.syntax, &member, &text, true)?;
            add(name, EnvironmentValue { member, value, is_optional: false })?;
        }
    }
    // Codex and goose name variables of their own environment.
    for (member, is_optional) in [("env_vars", true), ("env_keys", false)] {
        let Some(value) = object.get(member) else { continue };
        let member = Member { name: member, value };
        for name in object.texts(member)? {
            let value = Template::of_environment(&name);
            let from = member.name.to_owned();
            if !is_name(&name) {
                let name = escaped(&name);
                return Err(object
                    .error(format!("`{from}` has \"{name}\", which is not the name of a variable"))
                    .next("correct the name"));
            }
            add(&name, EnvironmentValue { member: from, value, is_optional })?;
        }
    }
    Ok(all)
}

fn http(object: &Object<'_>, entry: &Entry<'_>, address: Member<'_>) -> Result<Launch, CliError> {
    for (member, why, next) in [
        (
            "headersHelper",
            "it has its headers from a program (`headersHelper`), which this command does not start",
            "write the headers in `headers`, such as \"Authorization\": \"Bearer ${TOKEN}\"",
        ),
        (
            "bearer_token",
            "it has a `bearer_token`, which Codex refuses",
            "name the variable that holds the token in `bearer_token_env_var`",
        ),
    ] {
        if object.get(member).is_some() {
            return Err(object.error(why).next(next));
        }
    }
    let member = ADDRESSES.iter().copied().find(|name| *name == address.name).unwrap_or("url");
    let url = Template::parse(object.string_at(address)?, entry.syntax);
    Ok(Launch::Http(HttpLaunch { member, url, headers: headers(object, entry)? }))
}

fn headers(object: &Object<'_>, entry: &Entry<'_>) -> Result<Vec<Header>, CliError> {
    let mut all = Vec::new();
    let options = object.get("requestOptions").and_then(|options| options.get("headers"));
    let nested = options.map(|value| Member { name: "requestOptions.headers", value });
    let given = object.one_of(&["headers", "http_headers"])?;
    for member in given.into_iter().chain(nested) {
        for (name, text) in object.texts_by_name(member)? {
            let member = format!("{}.{name}", member.name);
            let value = template(object, entry.syntax_of_headers, &member, &text, true)?;
            all.push(Header { member, name: name.clone(), value });
        }
    }
    let authorization = |member: &str, token: Template| Header {
        member: member.to_owned(),
        name: "Authorization".to_owned(),
        value: token.after("Bearer "),
    };
    if let Some(variable) = object.string("bearer_token_env_var")? {
        all.push(authorization("bearer_token_env_var", Template::of_environment(variable)));
    }
    if let Some(key) = object.string("apiKey")? {
        all.push(authorization("apiKey", Template::parse(key, entry.syntax)));
    }
    if let Some(value) = object.get("env_http_headers") {
        let member = Member { name: "env_http_headers", value };
        for (name, variable) in object.texts_by_name(member)? {
            let member = format!("{}.{name}", member.name);
            let value = Template::of_environment(&variable);
            all.push(Header { member, name: name.clone(), value });
        }
    }
    Ok(all)
}

/// Reads the variables of a text. Fails for a word that some hosts with these members read as a variable
/// and others as text, if the word may be one.
fn template(
    object: &Object<'_>,
    syntax: Syntax,
    member: &str,
    text: &str,
    may_be_variable: bool,
) -> Result<Template, CliError> {
    if syntax == Syntax::Braces
        && may_be_variable
        && let Some(name) = ambiguous_name(text)
    {
        let member = escaped(member);
        return Err(object
            .error(format!(
                "`{member}` has \"${name}\", a variable for some hosts and text for others"
            ))
            .next(format!("write ${{{name}}} for the variable")));
    }
    Ok(Template::parse(text, syntax))
}
