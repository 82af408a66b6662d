//! Words as a person types them into a shell, for the commands that messages name.

use etdi::text::has_hidden_characters;

/// `word` as a POSIX shell reads it; `None` if it holds a character that a person cannot see or
/// type.
pub(crate) fn quoted(word: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if has_hidden_characters(word) || word.contains(['\n', '\r', '\t']) {
        return None;
    }
    if !word.is_empty() && word.chars().all(plain) {
        return Some(word.to_owned());
    }
    Some(format!("'{}'", word.replace('\'', r"'\''")))
}

/// Several words; `None` if one of them is.
pub(crate) fn all_quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let words: Option<Vec<_>> = words.into_iter().map(quoted).collect();
    words.map(|words| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_or_not_at_all() {
        let words = ["npx", "-y", "it's", "", "a b", "$(rm)"];
        let quoted = all_quoted(words).unwrap();
        assert_eq!(quoted, r"npx -y 'it'\''s' '' 'a b' '$(rm)'");
        for hidden in ["a\u{202e}b", "a\nb", "\u{1b}[2J"] {
            assert_eq!(all_quoted(["a", hidden]), None);
        }
    }
}
