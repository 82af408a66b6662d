//! JSON with comments and trailing commas, as VS Code and Cursor read it.
//!
//! Every other extension of JSON is refused: a host and this command could see different servers in one
//! file.

use etdi::text::escaped;
use jsonc_parser::ast::{Object, Value as Node};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Value};

use super::document::malformed;
use crate::exit::CliError;

/// Parses `text`. Errors do not quote the text, because values of `env` may be secrets.
pub(super) fn parse(text: &str) -> Result<Value, CliError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: true,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        let (line, column) = (error.line_display() as u64, error.column_display() as u64);
        malformed("JSON (comments and trailing commas are allowed)", line, column)
    })?;
    parsed.value.map_or(Ok(Value::Null), value)
}

fn value(node: Node<'_>) -> Result<Value, CliError> {
    Ok(match node {
        Node::StringLit(text) => Value::String(text.value.into_owned()),
        Node::NumberLit(number) => serde_json::from_str(number.value).map_err(|_| {
            CliError::new("cannot read the configuration: it has a number that is too large")
                .next("write the number in quotes")
        })?,
        Node::BooleanLit(boolean) => Value::Bool(boolean.value),
        Node::NullKeyword(_) => Value::Null,
        Node::Array(array) => {
            Value::Array(array.elements.into_iter().map(value).collect::<Result<_, _>>()?)
        }
        Node::Object(object) => Value::Object(members(object)?),
    })
}

fn members(object: Object<'_>) -> Result<Map<String, Value>, CliError> {
    let mut members = Map::new();
    for property in object.properties {
        let name = property.name.into_string();
        if members.contains_key(&name) {
            let name = escaped(&name);
            return Err(CliError::new(format!(
                "cannot read the configuration: the member \"{name}\" is twice in one object, and \
                 hosts differ in which of the two they use"
            ))
            .next("remove one of the two"));
        }
        members.insert(name, value(property.value)?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_read() {
        let text = "// servers\n{ \"a\": [1, \"//no\",], /* more */ \"b\": { \"c\": true, }, }";
        assert_eq!(parse(text).unwrap(), json!({ "a": [1, "//no"], "b": { "c": true } }));
    }

    #[test]
    fn json_that_two_readers_could_read_differently_is_refused() {
        for text in
            ["{a: 1}", "{'a': 1}", "{\"a\": 1 \"b\": 2}", "{\"a\": 0x1}", "{\"a\": \"\\x41\"}"]
        {
            let error = parse(text).unwrap_err();
            assert!(error.what().contains("line 1,"), "{text}: {error:?}");
        }
        let error = parse(r#"{"a": 1, "\u0061": "s3cret"}"#).unwrap_err();
        assert!(error.what().contains("twice") && !error.what().contains("s3cret"), "{error:?}");
    }
}
