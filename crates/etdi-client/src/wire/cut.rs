//! Shortens errors: the first cause, and the first characters of a server's text.

use std::error::Error;

/// The most characters of a server's text that an error shows.
const MAX_CHARACTERS: usize = 300;

/// Returns the first cause.
pub(super) fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(earlier) = cause.source() {
        cause = earlier;
    }
    cause
}

/// Returns the first characters of a server's text.
pub(super) fn cut(text: &str) -> String {
    let mut rest = text.char_indices().skip(MAX_CHARACTERS);
    match rest.next().and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{start}…"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_of_a_server_is_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(MAX_CHARACTERS)), "é".repeat(MAX_CHARACTERS));
        let long = cut(&"é".repeat(MAX_CHARACTERS + 1));
        assert_eq!(long, format!("{}…", "é".repeat(MAX_CHARACTERS)));
    }
}
