//! The words of a command, and the flags among them.

/// A word with the values of its variables, and as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) value: String,
    /// The configured word: it holds no secret from a variable, so it may be shown.
    pub(super) shown: String,
}

/// Words that are read from left to right.
pub(super) struct Words<'w> {
    rest: &'w [Word],
}

/// A flag with its value, if it has one.
pub(super) struct Flag {
    /// The flag alone: `--package` of `--package=docs`.
    pub(super) name: String,
    pub(super) value: Option<Word>,
    /// The whole word.
    pub(super) word: Word,
}

/// Pairs the values of words with the configured words.
pub(super) fn words(values: &[String], shown: &[String]) -> Vec<Word> {
    let shown = shown.iter().map(String::as_str).chain(std::iter::repeat("?"));
    values.iter().zip(shown).map(|(value, shown)| Word::new(value, shown)).collect()
}

impl Word {
    pub(super) fn new(value: &str, shown: &str) -> Self {
        Self { value: value.to_owned(), shown: shown.to_owned() }
    }

    /// Returns whether the word has no variable, so that the identity of the server fixes it.
    pub(super) fn is_plain(&self) -> bool {
        self.value == self.shown
    }

    /// Returns a part of this word. It is shown as the whole word, if a variable is in the word.
    pub(super) fn part(&self, value: &str) -> Self {
        let shown = if self.is_plain() { value } else { &self.shown };
        Self::new(value, shown)
    }

    pub(super) fn is_flag(&self) -> bool {
        self.value.len() > 1 && self.value.starts_with('-')
    }
}

impl<'w> Words<'w> {
    pub(super) fn of(words: &'w [Word]) -> Self {
        Self { rest: words }
    }

    pub(super) fn rest(&self) -> &'w [Word] {
        self.rest
    }

    pub(super) fn next(&mut self) -> Option<&'w Word> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Returns the next word if it is a flag. A flag in `valued` takes the next word as its value,
    /// unless its own word has a value after `=`.
    pub(super) fn flag(&mut self, valued: &[&str]) -> Option<Flag> {
        let word = self.rest.first().filter(|word| word.is_flag())?.clone();
        self.next();
        if let Some((name, value)) = word.value.split_once('=')
            && name.starts_with("--")
        {
            let (name, value) = (name.to_owned(), Some(word.part(value)));
            return Some(Flag { name, value, word });
        }
        let name = word.value.clone();
        let value = if valued.contains(&name.as_str()) { self.next().cloned() } else { None };
        Some(Flag { name, value, word })
    }
}

/// Splits a text into words as a shell does. `None` if the text has any other syntax of a shell, which
/// could start another program.
pub(super) fn split(text: &Word) -> Option<Vec<Word>> {
    let has_syntax =
        text.value.contains(|c: char| c.is_control() || r"|&;<>()$`\*?[]{}~!#".contains(c));
    if has_syntax {
        return None;
    }
    let parts = shlex::split(&text.value)?;
    Some(parts.iter().map(|part| text.part(part)).collect())
}
