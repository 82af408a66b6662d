//! The strict reader. It makes one pass over the bytes. [`Limits::depth`] bounds the nesting, and
//! so the recursion.

mod numbers;
pub(super) mod spans;
mod strings;

use self::spans::Cut;
use super::{JsonError, JsonErrorKind, Limits, Object, Value};

/// Returns the bytes as text.
///
/// # Errors
/// [`JsonErrorKind::TooLarge`], [`JsonErrorKind::ByteOrderMark`], [`JsonErrorKind::InvalidUtf8`].
pub(crate) fn text(bytes: &[u8], limits: Limits) -> Result<&str, JsonError> {
    let refuse = |kind, offset| Err(JsonError { kind, offset });
    if bytes.len() > limits.bytes {
        return refuse(JsonErrorKind::TooLarge { limit: limits.bytes }, limits.bytes);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return refuse(JsonErrorKind::ByteOrderMark, 0);
    }
    std::str::from_utf8(bytes).or_else(|e| refuse(JsonErrorKind::InvalidUtf8, e.valid_up_to()))
}

/// Does the work of [`parse`], for a text that [`text`] has checked.
pub(crate) fn parse_text(text: &str, limits: Limits) -> Result<Value<'_>, JsonError> {
    let mut reader = Reader::over(text, limits);
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Reads one JSON text strictly.
///
/// # Errors
/// Every refusal of the wire format's section 2, each with its own [`JsonErrorKind`].
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value<'_>, JsonError> {
    parse_text(text(bytes, limits)?, limits)
}

/// Reads a canonical text that this program or a store wrote. Works as [`parse`], but without a
/// limit on the size, and with integer tokens of any magnitude.
///
/// RFC 8785 writes the double 1e20 as `100000000000000000000`. The reader refuses
/// that token in a received text; in a canonical form the token always stands for the double.
///
/// # Errors
/// As [`parse`], except for [`JsonErrorKind::TooLarge`] and [`JsonErrorKind::IntegerOutOfRange`].
pub fn parse_canonical(text: &str) -> Result<Value<'_>, JsonError> {
    parse_any_integer(text.as_bytes(), Limits { bytes: usize::MAX, ..Limits::RESPONSE })
}

/// Works as [`parse`], with integer tokens of any magnitude: for a text that is passed on unchanged
/// and whose numbers are neither hashed nor examined.
///
/// # Errors
/// As [`parse`], except for [`JsonErrorKind::IntegerOutOfRange`].
pub fn parse_any_integer(bytes: &[u8], limits: Limits) -> Result<Value<'_>, JsonError> {
    let mut reader = Reader::new(bytes, limits)?;
    reader.any_integer = true;
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// The prefix of the reserved member names. serde_json replaces an object that has such a member
/// with the value that the member's text stands for.
const RESERVED_PREFIX: &str = "$serde_json::private::";

struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    /// The array whose elements are returned as text, if the caller asked for an array.
    cut: Option<Cut<'a>>,
    /// Whether integer tokens beyond ±(2^53−1) pass.
    any_integer: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], limits: Limits) -> Result<Self, JsonError> {
        Ok(Self::over(text(bytes, limits)?, limits))
    }

    fn over(text: &'a str, limits: Limits) -> Self {
        Self { text, at: 0, limits, cut: None, any_integer: false }
    }

    fn error<T>(&self, kind: JsonErrorKind) -> Result<T, JsonError> {
        Err(JsonError { kind, offset: self.at })
    }

    fn syntax<T>(&self, what: &'static str) -> Result<T, JsonError> {
        self.error(JsonErrorKind::Syntax(what))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        if self.peek().is_some() { self.syntax("text after the value") } else { Ok(()) }
    }

    fn eat(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        self.skip_space();
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.syntax(what)
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => self.syntax("a value was expected"),
            None => self.syntax("the text ends too early"),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        if depth >= self.limits.depth {
            return self.error(JsonErrorKind::TooDeep { limit: self.limits.depth });
        }
        Ok(depth + 1)
    }

    fn word(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()))
        {
            self.at += word.len();
            Ok(value)
        } else {
            self.syntax("a value was expected")
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        self.eat(b'[', "`[` was expected")?;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            if !self.more(b']')? {
                return Ok(Value::Array(elements));
            }
        }
    }

    /// Reads on after an element or a member: `true` after a comma, `false` after the closing
    /// bracket.
    fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => self.syntax("`,` or the closing bracket was expected"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.eat(b'{', "`{` was expected")?;
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object(members)));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.syntax("a member name was expected");
            }
            let name = self.string()?;
            if name.starts_with(RESERVED_PREFIX) {
                return self.error(JsonErrorKind::ReservedMember(name.into_owned()));
            }
            self.eat(b':', "`:` was expected")?;
            let value = self.member(&name, depth)?;
            members.push((name, value));
            if !self.more(b'}')? {
                break;
            }
        }
        members.sort_by(|(a, _), (b, _)| utf16_order(a, b));
        let twice = members.windows(2).find_map(|pair| match pair {
            [(a, _), (b, _)] if a == b => Some(a.clone().into_owned()),
            _ => None,
        });
        match twice {
            Some(name) => {
                Err(JsonError { kind: JsonErrorKind::DuplicateMember(name), offset: start })
            }
            None => Ok(Value::Object(Object(members))),
        }
    }
}

/// Compares names by their UTF-16 code units (RFC 8785, section 3.2.3).
pub(super) fn utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}
