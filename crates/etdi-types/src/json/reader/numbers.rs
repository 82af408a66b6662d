//! Reads numbers: the nearest double of a token, and whether the token was an integer.

use super::Reader;
use crate::json::{JsonError, JsonErrorKind, Number};

/// 2^53 − 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

impl Reader<'_> {
    pub(super) fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let mut integer = true;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.syntax("a digit was expected"),
        }
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let token = self.slice(start, self.at);
        let refuse = |kind| Err(JsonError { kind, offset: start });
        // The standard library rounds to the nearest double, ties to even.
        let Ok(value) = token.parse::<f64>() else {
            return refuse(JsonErrorKind::Syntax("a number was expected"));
        };
        if integer && !self.any_integer && value.abs() > MAX_SAFE_INTEGER {
            return refuse(JsonErrorKind::IntegerOutOfRange);
        }
        if !value.is_finite() {
            return refuse(JsonErrorKind::NumberOverflow);
        }
        Ok(Number { value, integer })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.syntax("a digit was expected");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}
