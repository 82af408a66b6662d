//! Markdown as blocks of plain text, with code left out.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::TextKind;

/// Stands for code, a number or a value in a text.
pub(super) const CODE: &str = "`x`";

/// A paragraph, a heading, an item of a list, a cell, a string or a name.
pub(super) struct Text {
    pub(super) kind: TextKind,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) text: String,
}

/// Returns the blocks of a Markdown text. The text begins in this line of the file.
pub(super) fn texts(kind: TextKind, file: &str, line: usize, markdown: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut open: Option<Text> = None;
    let mut skipped = 0_usize;
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::TableHead) => skipped += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::TableHead) => skipped -= 1,
            Event::Start(tag) if begins(&tag) => texts.extend(open.take()),
            Event::End(tag) if ends(tag) => texts.extend(open.take()),
            Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak
                if skipped == 0 =>
            {
                let before = markdown.get(..range.start).unwrap_or_default();
                let open = open.get_or_insert_with(|| Text {
                    kind,
                    file: file.to_owned(),
                    line: line + before.matches('\n').count(),
                    text: String::new(),
                });
                match event {
                    Event::Text(text) => open.text.push_str(&text),
                    Event::Code(_) => open.text.push_str(CODE),
                    _ => open.text.push(' '),
                }
            }
            _ => {}
        }
    }
    texts.extend(open);
    texts
}

fn begins(tag: &Tag<'_>) -> bool {
    matches!(tag, Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::TableCell)
}

fn ends(tag: TagEnd) -> bool {
    matches!(tag, TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableCell)
}

/// Splits a text into sentences. A sentence ends with a full stop, a question mark or an exclamation
/// mark before a space.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let begun = rest.trim_start();
        if begun.is_empty() {
            return None;
        }
        let ends = begun.match_indices(['.', '?', '!']);
        let mut parts = ends.filter_map(|(at, mark)| begun.split_at_checked(at + mark.len()));
        let (sentence, after) =
            parts.find(|(_, after)| after.starts_with(' ')).unwrap_or((begun, ""));
        rest = after;
        Some(sentence)
    })
}

/// Returns the words of a text, without the punctuation around them.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split_whitespace();
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '`'));
    words.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_text_without_code_and_know_their_line() {
        let markdown = "# A title\n\nOne `x.y` two\nthree.\n\n```sh\nWhat\n```\n\n- an item\n  of two lines\n- another\n\n| head | of it |\n| --- | --- |\n| a cell | more |\n";
        let texts = texts(TextKind::Pages, "a.md", 10, markdown);
        let texts: Vec<_> = texts.iter().map(|text| (text.line, &*text.text)).collect();
        let expected = [
            (10, "A title"),
            (12, "One `x` two three."),
            (19, "an item of two lines"),
            (21, "another"),
            (25, "a cell"),
            (25, "more"),
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_sentence_ends_where_a_space_follows_its_mark() {
        let split: Vec<_> = sentences("One 1.2 is. Two? three: four").collect();
        assert_eq!(split, ["One 1.2 is.", "Two?", "three: four"]);
        let words: Vec<_> = words("(\"One\", `x` — two!").collect();
        assert_eq!(words, ["One", "`x`", "two"]);
    }
}
