//! Finds the purpose of a member of a definition from the names on the path to it.

use etdi_types::DEFINITION_KEY;
use etdi_types::json::Value;

/// The kind of place of a value in a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The tool object itself.
    Tool,
    /// The object that holds only a server's instructions.
    Instructions,
    /// The tool's name.
    Name,
    /// Text for a person or a model: a title, a description.
    Prose,
    /// A title: prose that is short by convention.
    Title,
    Annotations,
    Icons,
    /// A JSON Schema.
    Schema(Side),
    /// An object whose members are schemas: `properties`, `$defs`.
    Schemas(Side),
    /// `properties` itself: its members are parameters.
    Properties(Side),
    /// An array of schemas.
    SchemaList(Side),
    /// The value of any other schema keyword.
    Keyword(Side),
    Meta,
    /// The signed definition member.
    Definition,
    Provider,
    Permissions,
    Permission,
    /// Any place that the review does not know.
    Other,
}

/// The side of a tool that a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Input,
    Output,
}

impl Place {
    /// Returns the place of a whole document.
    pub(crate) fn of_document(value: &Value<'_>) -> Self {
        match value.as_object() {
            Some(object) if object.len() == 1 && object.get("instructions").is_some() => {
                Self::Instructions
            }
            _ => Self::Tool,
        }
    }

    /// Returns the place of the member or element `name`.
    pub(crate) fn step(self, name: &str) -> Self {
        match self {
            Self::Tool => match name {
                "name" => Self::Name,
                "title" => Self::Title,
                "description" => Self::Prose,
                "inputSchema" => Self::Schema(Side::Input),
                "outputSchema" => Self::Schema(Side::Output),
                "annotations" => Self::Annotations,
                "icons" => Self::Icons,
                "_meta" => Self::Meta,
                _ => Self::Other,
            },
            Self::Instructions if name == "instructions" => Self::Prose,
            Self::Annotations if name == "title" => Self::Title,
            Self::Icons => Self::Icons,
            Self::Schema(side) => in_schema(side, name),
            Self::Schemas(side) | Self::Properties(side) | Self::SchemaList(side) => {
                Self::Schema(side)
            }
            Self::Keyword(side) => Self::Keyword(side),
            Self::Meta if name == DEFINITION_KEY => Self::Definition,
            Self::Definition => match name {
                "provider" => Self::Provider,
                "permissions" => Self::Permissions,
                _ => Self::Other,
            },
            Self::Permissions => Self::Permission,
            Self::Permission if name == "description" => Self::Prose,
            _ => Self::Other,
        }
    }

    pub(crate) fn is_prose(self) -> bool {
        matches!(self, Self::Prose | Self::Title)
    }
}

fn in_schema(side: Side, keyword: &str) -> Place {
    match keyword {
        "title" => Place::Title,
        "description" => Place::Prose,
        "properties" => Place::Properties(side),
        "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => Place::Schemas(side),
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => Place::SchemaList(side),
        "items"
        | "additionalItems"
        | "additionalProperties"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "propertyNames"
        | "contains"
        | "not"
        | "if"
        | "then"
        | "else" => Place::Schema(side),
        _ => Place::Keyword(side),
    }
}
