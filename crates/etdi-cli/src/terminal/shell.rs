//! Words as a person types them into a shell, for the commands in messages.

use std::borrow::Cow;

use etdi::text::has_hidden_characters;

/// Quotes `word` for a POSIX shell. Returns `None` if it holds a character that a person cannot see
/// or type; shlex does not check for such characters.
pub(crate) fn quoted(word: &str) -> Option<String> {
    if has_hidden_characters(word) || word.contains(['\n', '\r', '\t']) {
        return None;
    }
    shlex::try_quote(word).ok().map(Cow::into_owned)
}

/// Quotes several words. Returns `None` if one of them cannot be typed.
pub(crate) fn all_quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let words: Option<Vec<_>> = words.into_iter().map(quoted).collect();
    words.map(|words| words.join(" "))
}

/// Returns a flag and its value, quoted. A value that begins with `-` comes after `=`: after a space,
/// the command would read it as another flag.
pub(crate) fn flag(name: &str, value: &str) -> Option<String> {
    let between = if value.starts_with('-') { "=" } else { " " };
    quoted(value).map(|value| format!("{name}{between}{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shell_reads_back_the_words_that_were_quoted(words in any::<Vec<String>>()) {
            if let Some(line) = all_quoted(words.iter().map(String::as_str)) {
                prop_assert_eq!(shlex::split(&line), Some(words));
            }
        }
    }

    #[test]
    fn a_flag_has_its_value_after_a_space_unless_the_value_looks_like_a_flag() {
        let flags = ["docs", "two words", "-x y"].map(|value| flag("--server", value).unwrap());
        assert_eq!(flags, ["--server docs", "--server 'two words'", "--server='-x y'"]);
        assert_eq!(flag("--server", "a\nb"), None);
    }

    #[test]
    fn words_are_quoted_for_a_shell_or_not_at_all() {
        let words = ["npx", "-y", "it's", "", "a b", "$(rm)"];
        let quoted = all_quoted(words).unwrap();
        assert_eq!(quoted, r#"npx -y "it's" '' 'a b' '$(rm)'"#);
        for hidden in ["a\u{202e}b", "a\nb", "\u{1b}[2J"] {
            assert_eq!(all_quoted(["a", hidden]), None);
        }
    }
}
