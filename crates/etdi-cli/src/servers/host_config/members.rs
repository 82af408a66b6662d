//! The entry of one server in a host's configuration.

use std::collections::BTreeMap;

use etdi::text::escaped;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::formats;
use crate::exit::CliError;

/// The members of an entry that say how the server is reached, and remarks for a person.
pub(super) struct ServerMembers {
    pub(super) command: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: Option<String>,
    pub(super) url: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) env_file: bool,
    pub(super) transport: Option<String>,
    pub(super) disabled: bool,
    pub(super) remarks: Vec<String>,
}

/// Members that are read here.
const READ: &[&str] =
    &["args", "command", "cwd", "disabled", "enabled", "env", "envFile", "headers", "type", "url"];

impl ServerMembers {
    pub(super) fn of(name: &str, value: &Value) -> Result<Self, CliError> {
        let Some(members) = value.as_object() else {
            return Err(CliError::new(format!(
                "the server \"{}\" is not an object",
                escaped(name)
            )));
        };
        let entry = NamedObject { name, members };
        let text = "a text";
        Ok(Self {
            command: entry.read("command", text)?,
            args: entry.read("args", "a list of texts")?.unwrap_or_default(),
            env: entry.read("env", "an object of texts")?.unwrap_or_default(),
            cwd: entry.read("cwd", text)?,
            url: entry.read("url", text)?,
            headers: entry.read("headers", "an object of texts")?.unwrap_or_default(),
            env_file: entry.read::<String>("envFile", text)?.is_some(),
            transport: entry.read("type", text)?,
            disabled: entry.read("disabled", "true or false")? == Some(true)
                || entry.read("enabled", "true or false")? == Some(false),
            remarks: entry.remarks(),
        })
    }
}

struct NamedObject<'m> {
    name: &'m str,
    members: &'m Map<String, Value>,
}

impl NamedObject<'_> {
    /// Reads a member. A `null` counts as missing.
    fn read<T: DeserializeOwned>(&self, member: &str, form: &str) -> Result<Option<T>, CliError> {
        let Some(value) = self.members.get(member) else { return Ok(None) };
        // The error of the library is dropped, because it could quote a secret.
        serde_json::from_value(value.clone()).map_err(|_| {
            let name = escaped(self.name);
            CliError::new(format!("`{member}` of the server \"{name}\" is not {form}"))
        })
    }

    fn remarks(&self) -> Vec<String> {
        let says = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        let mut remarks = Vec::new();
        for (member, value) in self.members {
            let is_known = READ.contains(&member.as_str()) || formats::is_harmless(member);
            if formats::is_unasked(member) {
                if says(value) {
                    remarks.push(format!("its host calls its tools without asking (`{member}`)"));
                }
            } else if !is_known {
                remarks.push(format!(
                    "its member `{}` is not known here and has no effect",
                    escaped(member)
                ));
            }
        }
        remarks
    }
}
