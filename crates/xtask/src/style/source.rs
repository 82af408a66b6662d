//! The texts of a Rust file: its comments, its strings and the names of its tests.

use ra_ap_rustc_lexer::{DocStyle, FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

use super::TextKind;
use super::prose::{self, CODE, Text};

/// A string with fewer words is not counted: it is a name or a part of a line.
const WORDS_OF_A_STRING: usize = 3;

/// Returns the comments, the strings and the names of tests of a Rust file. Strings of tests are left
/// out, since users do not read them.
pub(super) fn texts(file: &str, source: &str) -> Vec<Text> {
    let has_tests_alone = file.split('/').any(|part| part == "tests") && file.ends_with(".rs");
    let mut reader = Reader { file, is_test: has_tests_alone, comment: None, texts: Vec::new() };
    let (mut at, mut line) = (0, 1);
    let mut is_attributed = false;
    for token in tokenize(source, FrontmatterAllowed::No) {
        let end = at + token.len as usize;
        let text = source.get(at..end).unwrap_or_default();
        match token.kind {
            TokenKind::LineComment { doc_style } => reader.comment(line, text, doc_style),
            TokenKind::Whitespace if text.matches('\n').count() < 2 => {}
            TokenKind::Literal { kind, .. } => reader.literal(line, text, kind),
            TokenKind::Ident if text == "fn" && is_attributed => {
                let name = source.get(end..).unwrap_or_default().trim_start();
                let name = name.split(['(', '<']).next().unwrap_or_default();
                reader.end_comment();
                reader.text(TextKind::Tests, line, name.replace('_', " "));
                is_attributed = false;
            }
            _ => reader.end_comment(),
        }
        if text == "test" && source.get(..at).is_some_and(|before| before.ends_with(['[', ':'])) {
            is_attributed = true;
        }
        if text == "cfg" && source.get(at..).is_some_and(|rest| rest.starts_with("cfg(test)]\nmod"))
        {
            reader.is_test = true;
        }
        line += text.matches('\n').count();
        at = end;
    }
    reader.end_comment();
    reader.texts
}

struct Reader<'s> {
    file: &'s str,
    is_test: bool,
    comment: Option<(usize, Option<DocStyle>, String)>,
    texts: Vec<Text>,
}

impl Reader<'_> {
    fn comment(&mut self, line: usize, text: &str, style: Option<DocStyle>) {
        let said = text.trim_start_matches('/').trim_start_matches('!');
        let said = said.strip_prefix(' ').unwrap_or(said);
        match &mut self.comment {
            Some((_, kind, block)) if *kind == style => {
                block.push('\n');
                block.push_str(said);
            }
            _ => {
                self.end_comment();
                self.comment = Some((line, style, said.to_owned()));
            }
        }
    }

    fn end_comment(&mut self) {
        if let Some((line, _, block)) = self.comment.take() {
            self.texts.extend(prose::texts(TextKind::Comments, self.file, line, &block));
        }
    }

    fn literal(&mut self, line: usize, text: &str, kind: LiteralKind) {
        self.end_comment();
        let is_string = matches!(kind, LiteralKind::Str { .. } | LiteralKind::RawStr { .. });
        if !is_string || self.is_test {
            return;
        }
        let text = text.trim_start_matches('r').trim_matches('#').trim_matches('"');
        for part in unescaped(text).split('\n') {
            if prose::words(part).count() >= WORDS_OF_A_STRING {
                self.text(TextKind::Strings, line, part.trim().to_owned());
            }
        }
    }

    fn text(&mut self, kind: TextKind, line: usize, text: String) {
        self.texts.push(Text { kind, file: self.file.to_owned(), line, text });
    }
}

/// Returns the text of a string literal, with [`CODE`] in place of each value and of code between
/// backticks.
fn unescaped(literal: &str) -> String {
    let mut text = String::new();
    let mut characters = literal.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('\n') => while characters.next_if(|c| c.is_whitespace()).is_some() {},
                Some('"') => text.push('"'),
                _ => {}
            },
            '{' => {
                text.push_str(CODE);
                for _ in characters.by_ref().take_while(|c| *c != '}') {}
            }
            '`' => {
                text.push_str(CODE);
                for _ in characters.by_ref().take_while(|c| *c != '`') {}
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: TextKind, source: &str) -> Vec<(usize, String)> {
        let texts = texts("src/a.rs", source).into_iter().filter(|text| text.kind == kind);
        texts.map(|text| (text.line, text.text)).collect()
    }

    const SOURCE: &str = "//! A module.\n\n/// Reads a file\n/// to its end.\nfn read() {\n    // One. \n    let a = \"cannot read {file}: the \\\"file\\\" is \\\n             gone\\nnext: type `etdi`\";\n    let b = \"too short\"; // Two.\n}\n\n#[cfg(test)]\nmod tests {\n    #[tokio::test]\n    async fn what_is_gone_is_said() {\n        assert!(false, \"a text of a test\");\n    }\n}\n";

    #[test]
    fn comments_of_one_kind_in_a_row_are_one_text() {
        let expected =
            [(1, "A module."), (3, "Reads a file to its end."), (6, "One."), (9, "Two.")];
        assert_eq!(
            of(TextKind::Comments, SOURCE),
            expected.map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn strings_are_read_as_they_are_shown_and_those_of_tests_are_left_out() {
        let expected = [(7, "cannot read `x`: the \"file\" is gone"), (7, "next: type `x`")];
        assert_eq!(
            of(TextKind::Strings, SOURCE),
            expected.map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn the_name_of_a_test_is_a_sentence() {
        assert_eq!(of(TextKind::Tests, SOURCE), [(15, "what is gone is said".to_owned())]);
        assert_eq!(
            of(TextKind::Tests, "#[test]\n#[ignore]\nfn one() {}\nfn two() {}"),
            [(3, "one".to_owned())]
        );
    }
}
