//! Words as a person types them into a shell, for the commands that messages name.

use std::borrow::Cow;

use etdi::text::has_hidden_characters;

/// Quotes `word` for a POSIX shell. Returns `None` if it holds a character that a person cannot see
/// or type; shlex leaves those to its caller.
pub(crate) fn quoted(word: &str) -> Option<String> {
    if has_hidden_characters(word) || word.contains(['\n', '\r', '\t']) {
        return None;
    }
    shlex::try_quote(word).ok().map(Cow::into_owned)
}

/// Several words; `None` if one of them is.
pub(crate) fn all_quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let words: Option<Vec<_>> = words.into_iter().map(quoted).collect();
    words.map(|words| words.join(" "))
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
    fn words_are_quoted_for_a_shell_or_not_at_all() {
        let words = ["npx", "-y", "it's", "", "a b", "$(rm)"];
        let quoted = all_quoted(words).unwrap();
        assert_eq!(quoted, r#"npx -y "it's" '' 'a b' '$(rm)'"#);
        for hidden in ["a\u{202e}b", "a\nb", "\u{1b}[2J"] {
            assert_eq!(all_quoted(["a", hidden]), None);
        }
    }
}
