//! A tool's definition as it was served: untrusted until it is judged.

mod error;
mod member;

use std::sync::Arc;

pub use error::DefinitionError;
pub use member::SignedPart;

use crate::digest::Digest;
use crate::json::{self, Limits, Object, Value};
use crate::text::has_hidden_characters;
use crate::{DEFINITION_KEY, META_PREFIX};

/// One tool as a server served it, parsed with every refusal of the wire format.
///
/// Every part is unverified: [`judge`](crate::judge()) says how far it can be trusted.
#[derive(Clone, Debug)]
pub struct ToolDefinition {
    served_name: String,
    signed: Option<SignedPart>,
    canonical: Arc<str>,
    digest: Digest,
    raw: Arc<str>,
    hidden: bool,
}

impl ToolDefinition {
    /// Parses one element of `tools`, from its bytes as received.
    ///
    /// # Errors
    /// A [`DefinitionError`] for each refusal of the wire format, sections 1 and 2. The caller must
    /// not show a refused tool to a model.
    pub fn parse(bytes: &[u8]) -> Result<Self, DefinitionError> {
        let text = json::text(bytes, Limits::TOOL)?;
        let mut value = json::parse_text(text, Limits::TOOL)?;
        let Value::Object(tool) = &mut value else {
            return Err(DefinitionError::NotAnObject { found: value.kind() });
        };
        let served_name = match tool.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone().into_owned(),
            _ => return Err(DefinitionError::Name),
        };
        let signed = match etdi_member(tool)? {
            Some(member) => Some(SignedPart::parse(member)?),
            None => None,
        };
        if let Some(part) = &signed {
            strip_evidence(tool, part);
        }
        let hidden = has_hidden_characters(&served_name) || holds_hidden_characters(&value);
        let mut canonical = String::with_capacity(bytes.len());
        json::write_canonical(&mut canonical, &value);
        let canonical: Arc<str> = canonical.into();
        let digest = Digest::of(canonical.as_bytes());
        Ok(Self { served_name, signed, canonical, digest, raw: text.into(), hidden })
    }

    /// Returns the name under which the server offers the tool: a call must use this name.
    #[must_use]
    pub fn served_name(&self) -> &str {
        &self.served_name
    }

    /// Returns the claims of the definition member. `None`: the tool is unsigned.
    #[must_use]
    pub fn signed(&self) -> Option<&SignedPart> {
        self.signed.as_ref()
    }

    /// Returns the canonical form that the digest and the signature cover (wire format, section 2).
    #[must_use]
    pub fn canonical(&self) -> &Arc<str> {
        &self.canonical
    }

    /// Returns the digest of the canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the JSON text as received.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Returns whether a string or a member name anywhere in the tool holds a character that a
    /// person cannot see, except for line breaks and tabs.
    #[must_use]
    pub fn has_hidden_characters(&self) -> bool {
        self.hidden
    }

    /// Returns the tool's description, as served. The text is untrusted.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        let value = json::parse_canonical(&self.canonical).ok()?;
        Some(value.as_object()?.get("description")?.as_str()?.to_owned())
    }

    /// Returns the members that a model may read, except for the name and the description: the name
    /// and the canonical JSON of `title`, both schemas, `annotations`, `icons`, `_meta` without the
    /// definition member, and every other member. A display with these members shows a person the
    /// same texts as a model.
    #[must_use]
    pub fn other_members(&self) -> Vec<(String, String)> {
        let Ok(Value::Object(tool)) = json::parse_canonical(&self.canonical) else {
            return Vec::new();
        };
        let text = |(name, value): (&str, &Value<'_>)| match (name, value) {
            ("name" | "description", Value::String(_)) => None,
            ("_meta", Value::Object(meta)) => {
                let mut meta = meta.clone();
                meta.remove(DEFINITION_KEY);
                let shown = !meta.is_empty();
                shown.then(|| (name.to_owned(), Value::Object(meta).to_canonical()))
            }
            _ => Some((name.to_owned(), value.to_canonical())),
        };
        tool.iter().filter_map(text).collect()
    }

    /// Returns the canonical form of one top-level member, to compare definitions member by member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<String> {
        canonical_member(&self.canonical, name)
    }
}

/// Returns the canonical form of one top-level member of a canonical definition.
pub(crate) fn canonical_member(canonical: &str, name: &str) -> Option<String> {
    let value = json::parse_canonical(canonical).ok()?;
    Some(value.as_object()?.get(name)?.to_canonical())
}

/// Returns the definition member. Refuses every other key that begins with [`META_PREFIX`].
fn etdi_member<'t, 'a>(tool: &'t Object<'a>) -> Result<Option<&'t Object<'a>>, DefinitionError> {
    let meta = match tool.get("_meta") {
        // A peer without ETDI may write null for an absent value. The digest covers the null.
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(meta)) => meta,
        Some(other) => {
            return Err(DefinitionError::Meta { found: other.kind() });
        }
    };
    let stranger =
        meta.iter().find(|(name, _)| name.starts_with(META_PREFIX) && *name != DEFINITION_KEY);
    if let Some((name, _)) = stranger {
        return Err(DefinitionError::UnknownMetaKey(name.to_owned()));
    }
    match meta.get(DEFINITION_KEY) {
        None => Ok(None),
        Some(Value::Object(member)) => Ok(Some(member)),
        Some(other) => Err(DefinitionError::Member {
            name: DEFINITION_KEY,
            problem: format!("must be an object, not {}", other.kind()),
        }),
    }
}

/// Returns whether a string or a member name holds a hidden character. Checks the decoded strings:
/// in JSON text a control character is an escape in plain letters.
fn holds_hidden_characters(value: &Value<'_>) -> bool {
    match value {
        Value::String(text) => has_hidden_characters(text),
        Value::Array(elements) => elements.iter().any(holds_hidden_characters),
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| has_hidden_characters(name) || holds_hidden_characters(value)),
        _ => false,
    }
}

/// Applies section 2: puts the signed name in place of the served one and removes the evidence.
fn strip_evidence(tool: &mut Object<'_>, part: &SignedPart) {
    if let Some(name) = tool.get_mut("name") {
        *name = Value::String(part.name.clone().into());
    }
    let Some(Value::Object(meta)) = tool.get_mut("_meta") else {
        return;
    };
    let Some(Value::Object(definition)) = meta.get_mut(DEFINITION_KEY) else {
        return;
    };
    definition.remove("signature");
    definition.remove("attestation");
}
