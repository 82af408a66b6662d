//! The member `_meta["dev.etdi/definition"]` (wire format, section 1).

use super::DefinitionError;
use crate::SCHEMA;
use crate::identity::ResourceUri;
use crate::json::{Object, Value};
use crate::names::{Permission, Provider, Scope, ToolId, Version};

/// The content of a definition member. These are claims until the signature is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedPart {
    /// The tool id.
    pub id: ToolId,
    /// The name under which the tool was signed.
    pub name: String,
    /// The version.
    pub version: Version,
    /// The provider that the definition claims.
    pub provider: Provider,
    /// The servers that may serve the tool: resource URIs, or `stdio`. If `None`, any server may
    /// serve it, and the origin is unproven.
    pub servers: Option<Vec<String>>,
    /// The permissions that the tool asks for.
    pub permissions: Vec<Permission>,
    /// Whether calls must carry a call proof.
    pub require_call_proof: bool,
    /// The detached JWS, unverified.
    pub signature: Option<String>,
    /// The attestation JWT, unverified.
    pub attestation: Option<String>,
}

const MEMBERS: [&str; 10] = [
    "schema",
    "id",
    "name",
    "version",
    "provider",
    "servers",
    "permissions",
    "require_call_proof",
    "signature",
    "attestation",
];

impl SignedPart {
    pub(super) fn parse(member: &Object<'_>) -> Result<Self, DefinitionError> {
        // Check the schema first: the members of another schema are unknown.
        match member.get("schema") {
            Some(Value::Number(number)) if number.integer && number.value == SCHEMA as f64 => {}
            Some(_) => return Err(DefinitionError::UnknownSchema),
            None => return Err(DefinitionError::MissingMember("schema")),
        }
        refuse_unknown(member, &MEMBERS)?;
        let name = string(member, "name")?;
        if name.is_empty() {
            return Err(wrong("name", "must not be empty"));
        }
        Ok(Self {
            id: string(member, "id")?.parse()?,
            name,
            version: string(member, "version")?.parse()?,
            provider: provider(member)?,
            servers: servers(member)?,
            permissions: permissions(member)?,
            require_call_proof: match member.get("require_call_proof") {
                None => false,
                Some(value) => value
                    .as_bool()
                    .ok_or_else(|| wrong("require_call_proof", "must be true or false"))?,
            },
            signature: optional_string(member, "signature")?,
            attestation: optional_string(member, "attestation")?,
        })
    }

    /// Returns the scopes that the tool cannot work without.
    pub fn required_scopes(&self) -> impl Iterator<Item = &Scope> {
        self.permissions.iter().filter(|p| p.required).map(|p| &p.scope)
    }
}

fn refuse_unknown(object: &Object<'_>, known: &[&str]) -> Result<(), DefinitionError> {
    match object.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(DefinitionError::UnknownMember(name.to_owned())),
        None => Ok(()),
    }
}

fn wrong(name: &'static str, problem: &str) -> DefinitionError {
    DefinitionError::Member { name, problem: problem.to_owned() }
}

fn optional_string(
    member: &Object<'_>,
    name: &'static str,
) -> Result<Option<String>, DefinitionError> {
    match member.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone().into_owned())),
        Some(other) => Err(wrong(name, &format!("must be a string, not {}", other.kind()))),
    }
}

fn string(member: &Object<'_>, name: &'static str) -> Result<String, DefinitionError> {
    optional_string(member, name)?.ok_or(DefinitionError::MissingMember(name))
}

fn provider(member: &Object<'_>) -> Result<Provider, DefinitionError> {
    let object = match member.get("provider") {
        Some(Value::Object(object)) => object,
        Some(other) => {
            return Err(wrong("provider", &format!("must be an object, not {}", other.kind())));
        }
        None => return Err(DefinitionError::MissingMember("provider")),
    };
    refuse_unknown(object, &["id", "name"])?;
    Ok(Provider::new(string(object, "id")?, string(object, "name")?)?)
}

fn servers(member: &Object<'_>) -> Result<Option<Vec<String>>, DefinitionError> {
    let elements = match member.get("servers") {
        None => return Ok(None),
        Some(Value::Array(elements)) => elements,
        Some(other) => {
            return Err(wrong("servers", &format!("must be an array, not {}", other.kind())));
        }
    };
    elements
        .iter()
        .map(|element| match element {
            Value::String(text) if is_server(text) => Ok(text.clone().into_owned()),
            Value::String(_) => Err(wrong("servers", "must hold resource URIs, or `stdio`")),
            other => Err(wrong("servers", &format!("must hold strings, not {}", other.kind()))),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Returns whether `text` is a resource URI in its one form (wire format, section 6), or `stdio`.
fn is_server(text: &str) -> bool {
    text == "stdio" || ResourceUri::parse(text).is_ok_and(|uri| uri.as_str() == text)
}

fn permissions(member: &Object<'_>) -> Result<Vec<Permission>, DefinitionError> {
    let elements = match member.get("permissions") {
        Some(Value::Array(elements)) => elements,
        Some(other) => {
            return Err(wrong("permissions", &format!("must be an array, not {}", other.kind())));
        }
        None => return Err(DefinitionError::MissingMember("permissions")),
    };
    let mut permissions: Vec<Permission> = Vec::with_capacity(elements.len());
    for element in elements {
        let Value::Object(object) = element else {
            return Err(wrong("permissions", "must hold objects"));
        };
        refuse_unknown(object, &["scope", "description", "required"])?;
        let permission = Permission {
            scope: string(object, "scope")?.parse()?,
            description: string(object, "description")?,
            required: object
                .get("required")
                .ok_or(DefinitionError::MissingMember("required"))?
                .as_bool()
                .ok_or_else(|| wrong("required", "must be true or false"))?,
        };
        if permissions.iter().any(|other| other.scope == permission.scope) {
            return Err(wrong("permissions", "names one scope twice"));
        }
        permissions.push(permission);
    }
    Ok(permissions)
}
