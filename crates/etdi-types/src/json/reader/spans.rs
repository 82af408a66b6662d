//! The reader that leaves some values unread: it cuts out the elements of an array, and finds
//! strings in a text that the strict reader refuses.

use super::Reader;
use crate::json::{JsonError, Limits, Value};

/// Reads an object strictly, except for the elements of the array at `path`. Returns the texts of
/// these elements unread, so that the caller can refuse each one separately.
///
/// The returned object has an empty array in their place. `None` for the texts means that the
/// object has no array at `path`.
///
/// # Errors
/// As [`parse`](crate::json::parse), and [`Syntax`](crate::json::JsonErrorKind::Syntax) if an
/// element is not JSON.
pub fn spans<'a>(
    bytes: &'a [u8],
    limits: Limits,
    path: &[&str],
) -> Result<(Value<'a>, Option<Vec<&'a str>>), JsonError> {
    let mut reader = Reader::new(bytes, limits)?;
    reader.cut = Some(Cut::at(path));
    let value = reader.value(0)?;
    reader.end()?;
    Ok((value, reader.cut.and_then(|cut| cut.elements)))
}

/// Returns the string of every member called `name` of the outermost object, up to the place where
/// the text cannot be read any further. If [`parse`](crate::json::parse) refuses a text, these
/// strings are the names that another reader could see in it.
#[must_use]
pub fn strings_named(text: &str, name: &str) -> Vec<String> {
    let limits = Limits { bytes: usize::MAX, ..Limits::RESPONSE };
    let mut found = Vec::new();
    if let Ok(mut reader) = Reader::new(text.as_bytes(), limits) {
        // If the text is incomplete, keep the strings before its end.
        reader.collect_strings(name, &mut found).ok();
    }
    found
}

/// The array whose elements are returned as text.
pub(super) struct Cut<'a> {
    /// The names of the members that lead to the array.
    path: Vec<String>,
    /// The number of these names that the reader has entered at its current position.
    matched: usize,
    /// The texts of the elements, once they are found.
    elements: Option<Vec<&'a str>>,
}

impl Cut<'_> {
    fn at(path: &[&str]) -> Self {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        Self { path, matched: 0, elements: None }
    }

    /// Returns whether the member `name` of an object at this depth is the next one on the path.
    fn leads_through(&self, name: &str, depth: usize) -> bool {
        self.matched + 1 == depth && self.path.get(self.matched).is_some_and(|next| next == name)
    }
}

impl<'a> Reader<'a> {
    /// Reads the value of the member `name`, or cuts out its elements if it is the array.
    pub(super) fn member(&mut self, name: &str, depth: usize) -> Result<Value<'a>, JsonError> {
        let Some(cut) = self.cut.as_mut().filter(|cut| cut.leads_through(name, depth)) else {
            return self.value(depth);
        };
        let is_last = cut.path.len() == depth;
        cut.matched += 1;
        self.skip_space();
        let value = if is_last && self.peek() == Some(b'[') {
            self.cut_elements()
        } else {
            self.value(depth)
        };
        if let Some(cut) = &mut self.cut {
            cut.matched -= 1;
        }
        value
    }

    /// Cuts out the elements of the array, and puts an empty array in their place.
    fn cut_elements(&mut self) -> Result<Value<'a>, JsonError> {
        self.eat(b'[', "`[` was expected")?;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.skip_space();
                let start = self.at;
                self.skip_value()?;
                elements.push(self.slice(start, self.at));
                if !self.more(b']')? {
                    break;
                }
            }
        }
        if let Some(cut) = &mut self.cut {
            cut.elements = Some(elements);
        }
        Ok(Value::Array(Vec::new()))
    }

    fn collect_strings(&mut self, name: &str, found: &mut Vec<String>) -> Result<(), JsonError> {
        self.eat(b'{', "`{` was expected")?;
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Ok(());
            }
            let member = self.string()?;
            self.eat(b':', "`:` was expected")?;
            self.skip_space();
            if member == name && self.peek() == Some(b'"') {
                found.push(self.string()?.into_owned());
            } else {
                self.skip_value()?;
            }
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Skips one value. Checks only that brackets match and that strings end. The function does not
    /// call itself, so any depth is safe.
    fn skip_value(&mut self) -> Result<(), JsonError> {
        let mut open = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'{') => open.push(b'}'),
                Some(b'[') => open.push(b']'),
                Some(close @ (b'}' | b']')) => {
                    if open.pop() != Some(close) {
                        return self.syntax("the brackets do not match");
                    }
                }
                Some(b'"') => {
                    self.skip_string()?;
                    self.at -= 1;
                }
                Some(b',' | b':') if !open.is_empty() => {}
                Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                    while matches!(
                        self.peek(),
                        Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
                    ) {
                        self.at += 1;
                    }
                    self.at -= 1;
                }
                Some(_) => return self.syntax("a value was expected"),
                None => return self.syntax("the text ends too early"),
            }
            self.at += 1;
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}
