//! One line of text with its styles. Text for a person reaches the terminal through this type, except
//! questions, which go through [`visible`].

use std::fmt::{self, Display, Formatter, Write};

use anstyle::{AnsiColor, Style};
use etdi::text::{escaped, has_hidden_characters};

/// A line of styled text. It escapes control characters in every text that is added, so the only escape
/// sequences in the output are its own styles; see [`visible`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds plain text.
    pub(crate) fn text(self, text: impl Display) -> Self {
        self.styled(Style::new(), text)
    }

    /// Adds text of a tool, a token or a server, with every hidden character escaped.
    pub(crate) fn theirs(self, text: &str) -> Self {
        self.text(escaped(text))
    }

    pub(crate) fn bold(self, text: impl Display) -> Self {
        self.styled(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: impl Display) -> Self {
        self.styled(Style::new().dimmed(), text)
    }

    /// Adds text about a good result.
    pub(crate) fn good(self, text: impl Display) -> Self {
        self.styled(AnsiColor::Green.on_default(), text)
    }

    /// Adds text that a person should look at.
    pub(crate) fn warn(self, text: impl Display) -> Self {
        self.styled(AnsiColor::Yellow.on_default(), text)
    }

    /// Adds text about a refusal or an error.
    pub(crate) fn bad(self, text: impl Display) -> Self {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    /// Adds a command that a person can type.
    pub(crate) fn command(self, text: impl Display) -> Self {
        self.styled(AnsiColor::Cyan.on_default(), text)
    }

    fn styled(mut self, style: Style, text: impl Display) -> Self {
        self.0.push((style, visible(&text.to_string())));
        self
    }

    /// Appends the text of another line.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the number of columns of the line.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| console::measure_text_width(text)).sum()
    }

    /// Breaks the line at blanks into lines of at most `width` columns. All but the first are indented
    /// by `indent`. A wider word gets a line of its own.
    pub(crate) fn wrapped(self, width: usize, indent: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let (mut line, mut used, mut empty) = (Self::new(), 0, true);
        for (style, text) in self.0 {
            for word in text.split_inclusive(' ') {
                let taken = console::measure_text_width(word.trim_end_matches(' '));
                if !empty && used + taken > width {
                    lines.push(line.trimmed());
                    // A digest or an address stays in one piece if possible, because people copy it.
                    let indent = if indent + taken > width { indent.min(4) } else { indent };
                    line = Self::new().text(" ".repeat(indent));
                    used = indent;
                    empty = true;
                    if word.trim().is_empty() {
                        continue;
                    }
                }
                used += console::measure_text_width(word);
                empty = empty && word.trim().is_empty();
                line.0.push((style, word.to_owned()));
            }
        }
        lines.push(line.trimmed());
        lines
    }

    fn trimmed(mut self) -> Self {
        if let Some((_, last)) = self.0.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
        }
        self
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter().peekable();
        while let Some((style, text)) = rest.next() {
            let mut text = text.clone();
            while let Some((_, more)) = rest.next_if(|(next, _)| next == style) {
                text.push_str(more);
            }
            if *style == Style::new() {
                f.write_str(&text)?;
            } else {
                write!(f, "{style}{text}{style:#}")?;
            }
        }
        Ok(())
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}

/// Returns `text` with a visible escape for every character that a terminal acts on or that a reader
/// cannot see. Backslashes stay, so text that is escaped already does not change.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let one = c.encode_utf8(&mut [0; 4]).to_owned();
        if matches!(c, '\n' | '\r' | '\t') || has_hidden_characters(&one) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", escaped(&one));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_control_character_leaves_a_line(text in any::<String>()) {
            let shown = Line::new().text(&text).theirs(&text).to_string();
            prop_assert!(!has_hidden_characters(&shown) && !shown.contains(['\n', '\r', '\t']));
        }

        #[test]
        fn escaped_text_stays_as_it_is(text in any::<String>()) {
            let once = escaped(&text).to_string();
            prop_assert_eq!(visible(&once), once);
        }
    }

    #[test]
    fn lines_break_at_blanks_and_long_words_stand_alone() {
        let line = Line::new().text("one two ").bold("three four");
        let lines: Vec<_> = line.wrapped(9, 2).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["one two", "  \u{1b}[1mthree\u{1b}[0m", "  \u{1b}[1mfour\u{1b}[0m"]);
    }
}
