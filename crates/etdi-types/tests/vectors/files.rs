//! Reads the vector files.

use std::path::Path;

use etdi_types::DefinitionError;
use etdi_types::NameError;
use etdi_types::json::JsonErrorKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One vector file.
#[derive(Deserialize)]
pub struct File<V> {
    pub vectors: Vec<V>,
}

/// The name of a vector and the clause that it checks.
#[derive(Debug, Deserialize)]
pub struct Head {
    pub name: String,
    pub clause: String,
}

/// A text: as it is (`input` or `tool`), in hexadecimal digits, or as repeated parts.
#[derive(Deserialize)]
pub struct Input {
    input: Option<String>,
    tool: Option<String>,
    hex: Option<String>,
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    text: String,
    times: usize,
}

impl Input {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self { input: Some(text), .. } | Self { tool: Some(text), .. } => {
                text.clone().into_bytes()
            }
            Self { hex: Some(text), .. } => hex::decode(text).unwrap(),
            Self { parts: Some(parts), .. } => {
                parts.iter().flat_map(|part| part.text.repeat(part.times).into_bytes()).collect()
            }
            _ => panic!("a vector without an input"),
        }
    }
}

/// Reads a whole vector file, as any type.
pub fn load_as<F: DeserializeOwned>(name: &str) -> F {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads the vectors of a file; fails if the file has no vectors.
pub fn load<V: DeserializeOwned>(name: &str) -> Vec<V> {
    let file: File<V> = load_as(name);
    assert!(!file.vectors.is_empty(), "{name} holds no vectors");
    file.vectors
}

/// Runs `check` over every vector of a file and reports all that fail, by name and clause.
pub fn run<V: DeserializeOwned>(
    file: &str,
    head: impl Fn(&V) -> &Head,
    check: impl Fn(&V) -> Result<(), String>,
) {
    let failures: Vec<String> = load::<V>(file)
        .iter()
        .filter_map(|vector| {
            let Head { name, clause } = head(vector);
            check(vector).err().map(|why| format!("{file}: {name} [{clause}]: {why}"))
        })
        .collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Returns the name that the vectors use for a refusal of the strict reader.
pub fn json_refusal(kind: &JsonErrorKind) -> &'static str {
    match kind {
        JsonErrorKind::TooLarge { .. } => "too_large",
        JsonErrorKind::InvalidUtf8 => "invalid_utf8",
        JsonErrorKind::ByteOrderMark => "byte_order_mark",
        JsonErrorKind::LoneSurrogate => "lone_surrogate",
        JsonErrorKind::DuplicateMember(_) => "duplicate_member",
        JsonErrorKind::IntegerOutOfRange => "integer_out_of_range",
        JsonErrorKind::NumberOverflow => "number_overflow",
        JsonErrorKind::TooDeep { .. } => "too_deep",
        JsonErrorKind::Syntax(_) => "syntax",
        _ => "?",
    }
}

/// Returns the name that the vectors use for a refusal of a definition.
pub fn definition_refusal(error: &DefinitionError) -> &'static str {
    match error {
        DefinitionError::Json(error) => json_refusal(&error.kind),
        DefinitionError::NotAnObject { .. } => "not_an_object",
        DefinitionError::Name => "name",
        DefinitionError::Meta { .. } => "meta",
        DefinitionError::UnknownMetaKey(_) => "unknown_meta_key",
        DefinitionError::UnknownSchema => "unknown_schema",
        DefinitionError::UnknownMember(_) => "unknown_member",
        DefinitionError::MissingMember(_) => "missing_member",
        DefinitionError::Member { .. } => "member",
        DefinitionError::Malformed(NameError::ToolId(_)) => "tool_id",
        DefinitionError::Malformed(NameError::Version(_)) => "version",
        DefinitionError::Malformed(NameError::Provider(_)) => "provider",
        DefinitionError::Malformed(NameError::Scope(_)) => "scope",
        _ => "?",
    }
}

/// Returns `Ok` if both are equal, otherwise an error with the expected value and the actual one.
pub fn same<T: PartialEq + std::fmt::Debug + ?Sized>(got: &T, want: &T) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("got {got:?}, want {want:?}")) }
}
