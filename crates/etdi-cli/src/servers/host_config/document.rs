//! The text of a configuration as one tree of values: JSON with comments, TOML or YAML.
//!
//! The format comes from the text and not from the name of the file: hosts use the same names for
//! different formats.

use serde_json::Value;
use serde_saphyr::NonFiniteFloatPolicy;

use super::jsonc;
use crate::exit::CliError;

/// The most bytes of a configuration. A larger file is refused before it is parsed.
const LIMIT: usize = 16 * 1024 * 1024;

/// A configuration that was parsed.
pub(super) struct Document {
    /// The value of the whole file. `Null` for an empty file.
    pub(super) root: Value,
    pub(super) format: Format,
}

/// The format of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Toml,
    Yaml,
}

impl Document {
    /// Parses `text`. Errors have the place, and do not quote the text: values may be secrets.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        if text.len() > LIMIT {
            return Err(CliError::new("cannot read the configuration: it is larger than 16 MiB")
                .next("give the configuration file of a host"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let format = Format::of(text);
        let root = match format {
            Format::Json => jsonc::parse(text)?,
            Format::Toml => toml(text)?,
            Format::Yaml => yaml(text)?,
        };
        Ok(Self { root, format })
    }
}

impl Format {
    /// Returns the format by the first line that is not empty and not a comment with `#`.
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim_start);
        let line = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("---");
        let is_table = |line: &str| {
            let name = line.trim_start_matches('[').trim_start();
            name.starts_with(|first: char| first.is_alphanumeric() || "_-\"'".contains(first))
        };
        match (line.find('='), line.find(':')) {
            _ if line.starts_with('[') && is_table(line) => Self::Toml,
            _ if line.starts_with(['{', '[', '/']) => Self::Json,
            (Some(equals), Some(colon)) if equals < colon => Self::Toml,
            (Some(_), None) => Self::Toml,
            _ => Self::Yaml,
        }
    }
}

fn toml(text: &str) -> Result<Value, CliError> {
    // The reader refuses a member that occurs twice, and bounds the depth.
    toml::from_str(text).map_err(|error| {
        let start = error.span().map(|span| span.start).unwrap_or_default();
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        malformed("TOML, in which each member occurs once", line as u64, column as u64)
    })
}

fn yaml(text: &str) -> Result<Value, CliError> {
    // A member that occurs twice is an error by default, and so are long chains of aliases.
    // `no` is text in YAML 1.2, which hosts read, and `0755` would lose a digit as a number.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|place| (place.line(), place.column()));
        let (line, column) = place.unwrap_or((1, 1));
        malformed("YAML, in which each member occurs once", line, column)
    })
}

/// Returns the error for a text that its parser refuses. The parser's own words may quote a secret.
pub(super) fn malformed(format: &str, line: u64, column: u64) -> CliError {
    CliError::new(format!(
        "cannot read the configuration: line {line}, column {column} is not {format}"
    ))
    .next("correct this line")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Format, Value) {
        let document = Document::parse(text).unwrap();
        (document.format, document.root)
    }

    #[test]
    fn the_format_is_known_by_the_text() {
        let servers = json!({ "servers": { "a": { "command": "x", "args": ["-y"] } } });
        for (text, format) in [
            (r#"{ "servers": { "a": { "command": "x", "args": ["-y"], } } }"#, Format::Json),
            (
                "// a host's\n{\"servers\":{\"a\":{\"command\":\"x\",\"args\":[\"-y\"]}}}",
                Format::Json,
            ),
            (
                "\u{feff}/* a */ {\"servers\":{\"a\":{\"command\":\"x\",\"args\":[\"-y\"]}}}",
                Format::Json,
            ),
            ("[servers.a]\ncommand = \"x\"\nargs = [\"-y\"]\n", Format::Toml),
            ("# a: b\n\n[ servers.\"a\" ]\ncommand = 'x'\nargs = ['-y']\n", Format::Toml),
            ("servers.a = { command = \"x\", args = [\"-y\"] } # a: b", Format::Toml),
            ("servers:\n  a:\n    command: x\n    args: [-y]\n", Format::Yaml),
            ("# a = b\n---\nservers:\n  a: { command: x, args: ['-y'] } # a = b\n", Format::Yaml),
        ] {
            assert_eq!(read(text), (format, servers.clone()), "{text}");
        }
        for text in ["", " \n", "# only a comment\n", "// only a comment\n"] {
            assert_eq!(read(text).1, Value::Null, "{text:?}");
        }
    }

    #[test]
    fn values_of_yaml_are_those_of_yaml_1_2() {
        let text = "a: no\nb: 0755\nc: 1_000\nd: true\ne: 3000\nf: ~\ng: .inf\nh: &x [1]\ni: *x";
        let expected = json!({
            "a": "no", "b": "0755", "c": "1_000", "d": true, "e": 3000, "f": null, "g": ".inf",
            "h": [1], "i": [1],
        });
        assert_eq!(read(text).1, expected);
    }

    #[test]
    fn a_malformed_text_is_refused_with_its_place_and_without_its_words() {
        for (text, place) in [
            ("{\n  \"a\": s3cret\n}", "line 2, column 8 is not JSON"),
            ("a = 1\nb = s3cret\n", "line 2, column 5 is not TOML"),
            ("a = 1\na = 's3cret'\n", "line 2, column 1 is not TOML"),
            ("a: 1\nb: [s3cret\nc: 2\n", "is not YAML"),
            ("a: 1\na: s3cret\n", "line 2, column 1 is not YAML"),
            ("a: 1\n---\na: s3cret\n", "is not YAML"),
        ] {
            let error = Document::parse(text).err().unwrap();
            assert!(error.what().contains(place), "{text}: {error:?}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_text_that_is_too_large_or_too_deep_is_refused() {
        let deep =
            |open: &str, close: &str| format!("{}{}", open.repeat(2_000), close.repeat(2_000));
        for text in [
            format!("{{\"a\":{}}}", deep("[", "]")),
            format!("a = {}", deep("[", "]")),
            format!("a: {}", deep("[", "]")),
            format!("{{}}{}", " ".repeat(LIMIT)),
        ] {
            assert!(Document::parse(&text).is_err());
        }
    }

    /// Nine levels of nine aliases each are 387 million values.
    #[test]
    fn aliases_of_yaml_do_not_multiply_without_bound() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(Document::parse(&text).is_err());
    }
}
