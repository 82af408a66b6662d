//! A strict JSON reader and the RFC 8785 (JCS) writer.
//!
//! A digest is computed from the JSON as received, so the reader refuses every text that two
//! parsers could read differently (wire format, section 2). The reader puts members in canonical
//! order, works on bytes, and never panics.

mod canonical;
mod error;
mod reader;

use std::borrow::Cow;

pub(crate) use canonical::{write_canonical, write_string};
pub use error::{JsonError, JsonErrorKind, Limits};
pub use reader::spans::{spans, strings_named};
pub use reader::{parse, parse_any_integer, parse_canonical};
pub(crate) use reader::{parse_text, text};

/// A JSON value that passed the strict reader. Object members are in canonical order: sorted by
/// UTF-16 code units, each name once.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The double that is nearest to the number token.
    Number(Number),
    /// A string, borrowed from the text if it has no escape.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// A number as a double, with a flag that says whether its token was an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Number {
    /// The value; always finite.
    pub value: f64,
    /// Whether the token had no `.`, `e` or `E`.
    pub integer: bool,
}

/// An object whose members are sorted by UTF-16 code units, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    /// Returns the member called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let at = self.0.binary_search_by(|(key, _)| reader::utf16_order(key, name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Returns all members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Value<'a>> {
        self.0.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| key != name);
    }
}

impl<'a> Value<'a> {
    /// Returns the string, if the value is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the object, if the value is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Returns the elements, if the value is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the boolean, if the value is a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the kind of the value, in words for an error message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// Returns the canonical form (RFC 8785).
    #[must_use]
    pub fn to_canonical(&self) -> String {
        let mut out = String::new();
        write_canonical(&mut out, self);
        out
    }
}
