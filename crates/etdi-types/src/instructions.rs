//! A server's `instructions`, which are handled like a tool: pinned, compared, and withheld from
//! the model until a person approves them, at every level (wire format, section 6).

use std::sync::Arc;

use crate::digest::Digest;
use crate::identity::ServerIdentity;
use crate::json::{self, JsonError, Limits, Value};

/// The instructions of one server, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions {
    text: String,
    canonical: Arc<str>,
    digest: Digest,
}

impl Instructions {
    /// Reads `result.instructions` from the raw JSON-RPC response of `initialize` or
    /// `server/discover`. Returns `None` if the response has no such string.
    ///
    /// # Errors
    /// [`JsonError`] if the response is not JSON that all readers read alike.
    pub fn from_response(message: &[u8]) -> Result<Option<Self>, JsonError> {
        let value = json::parse(message, Limits::RESPONSE)?;
        let text = value
            .as_object()
            .and_then(|message| message.get("result")?.as_object()?.get("instructions")?.as_str());
        Ok(text.map(Self::new))
    }

    /// Returns the instructions with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut canonical = String::from("{\"instructions\":");
        json::write_string(&mut canonical, text);
        canonical.push('}');
        Self {
            digest: Digest::of(canonical.as_bytes()),
            canonical: canonical.into(),
            text: text.to_owned(),
        }
    }

    /// Returns the text, which is untrusted. A model may see it only after an approval.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the canonical form, JCS of `{"instructions": text}`.
    #[must_use]
    pub fn canonical(&self) -> &Arc<str> {
        &self.canonical
    }

    /// Returns the digest of the canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the id under which approvals of `server`'s instructions are kept.
    #[must_use]
    pub fn id(server: &ServerIdentity) -> String {
        format!("instructions:{server}")
    }
}

/// Returns the text of canonical instructions, to show earlier instructions.
#[must_use]
pub fn text_of(canonical: &str) -> Option<String> {
    match json::parse_canonical(canonical).ok()? {
        Value::Object(object) => Some(object.get("instructions")?.as_str()?.to_owned()),
        _ => None,
    }
}
