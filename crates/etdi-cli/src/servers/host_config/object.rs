//! The members of one entry, read with errors that name the server and the member.

use std::fmt::Display;

use etdi::text::escaped;
use serde_json::{Map, Value};

use super::document::Format;
use crate::exit::CliError;

/// The largest integer that every reader of JSON has exactly (RFC 8259, section 6).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The members that only the entry of a server has.
pub(super) const LAUNCHES: &[&str] = &["command", "cmd", "url", "httpUrl", "serverUrl"];

/// An entry. Cline and goose have members of it in an object of their own.
pub(super) struct Object<'m> {
    pub(super) server: &'m str,
    pub(super) format: Format,
    outer: &'m Map<String, Value>,
    inner: Option<&'m Map<String, Value>>,
}

/// A member with its name.
#[derive(Clone, Copy)]
pub(super) struct Member<'m> {
    pub(super) name: &'m str,
    pub(super) value: &'m Value,
}

impl<'m> Object<'m> {
    pub(super) fn of(server: &'m str, value: &'m Value, format: Format) -> Result<Self, CliError> {
        let Some(outer) = value.as_object() else {
            let what = format!("it is {}, not an object", kind(value));
            return Err(
                unreadable(server, what).next("write the server as an object with its members")
            );
        };
        let inner =
            ["transport", "config"].into_iter().find_map(|name| outer.get(name)?.as_object());
        Ok(Self { server, format, outer, inner })
    }

    /// Returns the error for this entry.
    pub(super) fn error(&self, why: impl Display) -> CliError {
        unreadable(self.server, why)
    }

    /// Returns all members, those in the inner object too.
    pub(super) fn members(&self) -> impl Iterator<Item = Member<'m>> + use<'m> {
        let inner = self.inner.into_iter().flatten();
        self.outer.iter().chain(inner).map(|(name, value)| Member { name, value })
    }

    /// Returns a member. A `null` counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&'m Value> {
        let inner = || self.inner.and_then(|inner| inner.get(name));
        self.outer.get(name).or_else(inner).filter(|value| !value.is_null())
    }

    /// Returns the one of several members that mean the same. Fails if two of them are present.
    pub(super) fn one_of(&self, names: &[&'static str]) -> Result<Option<Member<'m>>, CliError> {
        let given = |name| Some(Member { name, value: self.get(name)? });
        let mut given = names.iter().copied().filter_map(given);
        let first = given.next();
        match (first, given.next()) {
            (Some(one), Some(other)) => Err(self.both(one.name, other.name)),
            _ => Ok(first),
        }
    }

    pub(super) fn both(&self, one: &str, other: &str) -> CliError {
        self.error(format!("it has both `{one}` and `{other}`")).next("remove one of the two")
    }

    pub(super) fn string(&self, name: &'static str) -> Result<Option<&'m str>, CliError> {
        self.get(name).map(|value| self.string_at(Member { name, value })).transpose()
    }

    pub(super) fn string_at(&self, member: Member<'m>) -> Result<&'m str, CliError> {
        member.value.as_str().ok_or_else(|| self.wrong(member, "a string"))
    }

    /// Returns a list, each value as text.
    pub(super) fn texts(&self, member: Member<'m>) -> Result<Vec<String>, CliError> {
        let list =
            member.value.as_array().ok_or_else(|| self.wrong(member, "a list of strings"))?;
        list.iter()
            .enumerate()
            .map(|(at, value)| self.text(&format!("{}[{at}]", member.name), value))
            .collect()
    }

    /// Returns an object, each value as text. A `null` counts as missing.
    pub(super) fn texts_by_name(
        &self,
        member: Member<'m>,
    ) -> Result<Vec<(&'m String, String)>, CliError> {
        let Some(values) = member.value.as_object() else {
            return Err(self.wrong(member, "an object of strings"));
        };
        let values = values.iter().filter(|(_, value)| !value.is_null());
        values
            .map(|(name, value)| Ok((name, self.text(&format!("{}.{name}", member.name), value)?)))
            .collect()
    }

    /// Returns a value as text: hosts write numbers and booleans as JavaScript does.
    fn text(&self, place: &str, value: &Value) -> Result<String, CliError> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(boolean) => Ok(boolean.to_string()),
            Value::Number(number) => self.number(number.as_f64()).ok_or_else(|| {
                let place = escaped(place);
                self.error(format!("`{place}` is a number that programs write in several ways"))
                    .next("write the number in quotes")
            }),
            _ => Err(self.wrong(Member { name: place, value }, "a string")),
        }
    }

    /// Returns the digits of a number. `None` if hosts could write other digits.
    fn number(&self, number: Option<f64>) -> Option<String> {
        let number = number?;
        let size = number.abs();
        let is_exact = match number.fract() == 0.0 {
            true => size <= EXACT,
            // `3.10` in YAML is the text 3.10 for some hosts and the number 3.1 for others.
            false => self.format == Format::Json && size >= 1e-6,
        };
        // A zero has no sign in JavaScript.
        is_exact.then(|| if size == 0.0 { "0".to_owned() } else { number.to_string() })
    }

    /// Returns whether a member is true. Fails if hosts could differ in what it means.
    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, CliError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value {
            Value::Bool(boolean) => Ok(Some(*boolean)),
            Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Some(false)),
            Value::Number(number) if number.as_f64() == Some(1.0) => Ok(Some(true)),
            // The text "false" is true for a host in JavaScript.
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            _ => Err(self.wrong(Member { name, value }, "true or false")),
        }
    }

    /// Returns the error for a member of another type.
    pub(super) fn wrong(&self, member: Member<'_>, form: &str) -> CliError {
        let (name, kind) = (escaped(member.name), kind(member.value));
        self.error(format!("`{name}` is {kind}, not {form}"))
            .next(format!("write {form} in `{name}`"))
    }
}

fn unreadable(server: &str, why: impl Display) -> CliError {
    CliError::new(format!("cannot read the server \"{}\": {why}", escaped(server)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
