//! Makes untrusted text safe to show.
//!
//! Names, descriptions and schemas come from the server, which may be hostile. Use [`escaped`] to
//! print them to a person: characters that a terminal acts on, or that a reader cannot see, become
//! visible escapes.

use std::fmt::{self, Display, Formatter, Write};

/// Shows `text` with every hidden character as a visible `\u{…}` escape: control, bidirectional,
/// zero-width, Unicode TAG and every other invisible character. Line feeds, carriage returns, tabs
/// and backslashes become `\n`, `\r`, `\t` and `\\`.
///
/// ```
/// let shown = etdi_types::text::escaped("scan\u{1b}[2J\u{e0041}").to_string();
/// assert_eq!(shown, r"scan\u{1b}[2J\u{e0041}");
/// ```
#[must_use]
pub fn escaped(text: &str) -> impl Display + '_ {
    Escaped(text)
}

/// Works as [`escaped`], for text that is JSON: its own backslashes stay single.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    escaped(json).to_string().replace("\\\\", "\\")
}

/// Returns JSON with every hidden character of its strings as a JSON escape: the same value, in
/// text that a terminal may show. White space between tokens must be plain, as a serializer writes
/// it.
///
/// ```
/// use etdi_types::text::json_escaped;
/// assert_eq!(json_escaped("\"a\u{202e}b\u{e0041}\""), r#""a\u202eb\udb40\udc41""#);
/// ```
#[must_use]
pub fn json_escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether `text` holds a character that a person cannot see, except for line breaks and
/// tabs.
#[must_use]
pub fn has_hidden_characters(text: &str) -> bool {
    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e | b'\n' | b'\t' | b'\r');
    let mut rest = text;
    // Most bytes are plain ASCII: decode only the others.
    while let Some(at) = rest.bytes().position(|byte| !is_plain(&byte)) {
        let mut chars = rest.get(at..).unwrap_or_default().chars();
        if chars.next().is_some_and(is_hidden) {
            return true;
        }
        rest = chars.as_str();
    }
    false
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                '\\' => f.write_str("\\\\")?,
                c if is_hidden(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Returns whether a person cannot see `c`: control (Cc), format (Cf), separators other than the
/// space, default-ignorable code points, private use and non-characters. `etdi-review` and
/// `etdi-lockfile` find and escape such characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}'
            | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}'
            | '\u{1680}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
        || (u32::from(c) & 0xfffe) == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        for (hidden, shown) in [
            ("\u{e0069}", "\\u{e0069}"),
            ("\u{202e}", "\\u{202e}"),
            ("\u{200b}", "\\u{200b}"),
            ("\u{2066}", "\\u{2066}"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}", "\\u{9b}"),
            ("\u{feff}", "\\u{feff}"),
            ("a\nb", "a\\nb"),
            ("\\u{1b}", "\\\\u{1b}"),
        ] {
            assert_eq!(escaped(hidden).to_string(), shown);
        }
    }

    #[test]
    fn plain_text_stays() {
        let text = "Prüft Dokumente (1.2) — ‘safe’ 文書 🙂";
        assert_eq!(escaped(text).to_string(), text);
        assert!(!has_hidden_characters(text));
        assert!(has_hidden_characters("a\u{e0001}b"));
    }
}
