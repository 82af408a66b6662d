//! Reads strings and decodes their escapes, or skips strings.

use std::borrow::Cow;

use super::Reader;
use crate::json::{JsonError, JsonErrorKind};

impl<'a> Reader<'a> {
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        match self.peek() {
            Some(b'"') => {
                let plain = self.slice(start, self.at);
                self.at += 1;
                Ok(Cow::Borrowed(plain))
            }
            Some(b'\\') => self.escaped_string(start).map(Cow::Owned),
            Some(_) => self.syntax("a string holds a control character"),
            None => self.syntax("the text ends inside a string"),
        }
    }

    /// Skips characters that stand for themselves.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(special).unwrap_or(rest.len());
    }

    fn escaped_string(&mut self, start: usize) -> Result<String, JsonError> {
        let mut out = String::with_capacity(2 * (self.at - start) + 32);
        out.push_str(self.slice(start, self.at));
        let mut plain_from = self.at;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    out.push_str(self.slice(plain_from, self.at));
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(self.slice(plain_from, self.at));
                    self.at += 1;
                    out.push(self.escape()?);
                    plain_from = self.at;
                }
                Some(_) => return self.syntax("a string holds a control character"),
                None => return self.syntax("the text ends inside a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escape = self.peek();
        let plain = match escape {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return self.syntax("a string holds an unknown escape"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let is_low = |unit: u32| (0xdc00..0xe000).contains(&unit);
        if is_low(first) || self.text.as_bytes().get(self.at..self.at + 2) != Some(b"\\u") {
            return self.error(JsonErrorKind::LoneSurrogate);
        }
        self.at += 2;
        let second = self.hex4()?;
        if !is_low(second) {
            return self.error(JsonErrorKind::LoneSurrogate);
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code).map_or_else(|| self.error(JsonErrorKind::LoneSurrogate), Ok)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return self.syntax("`\\u` must have four hex digits");
        }
        let unit = u32::from_str_radix(self.slice(self.at, self.at + 4), 16).unwrap_or(0xd800);
        self.at += 4;
        Ok(unit)
    }

    pub(super) fn skip_string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return self.syntax("the text ends inside a string"),
            }
        }
    }
}
