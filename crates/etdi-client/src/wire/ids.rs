//! Finds the request that a message answers, before any other part of the message is read.

use std::borrow::Cow;
use std::fmt;

use rmcp::model::RequestId;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// Returns whether a response with the id `response` answers `request`. Like rmcp, takes `"7"` for
/// `7`.
pub(crate) fn answers(request: &RequestId, response: &RequestId) -> bool {
    request == response
        || matches!((request, response),
            (RequestId::Number(number), RequestId::String(text)) if text.parse() == Ok(*number))
}

/// The requests that a message answers.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// Each `id` of the message. A message with two ids is kept for both requests, so that its
    /// refusal says why.
    pub(crate) ids: Vec<RequestId>,
    /// Whether the message has an `error`.
    pub(crate) is_error: bool,
}

impl Answered {
    /// Reads a message. A message is an answer if it is a JSON object that has a `result` or an
    /// `error`, and no `method`. Any other text answers no request.
    pub(crate) fn by(message: &[u8]) -> Self {
        let text = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
        let mut reader = serde_json::Deserializer::from_slice(text);
        let mut found = Envelope::default();
        // A text that breaks off keeps the ids before the break: an error about that text says more
        // than an error about a missing one.
        reader.deserialize_map(&mut found).ok();
        match found.is_call || !(found.has_result || found.answered.is_error) {
            true => Self::default(),
            false => found.answered,
        }
    }
}

#[derive(Default)]
struct Envelope {
    answered: Answered,
    has_result: bool,
    is_call: bool,
}

impl<'de> Visitor<'de> for &mut Envelope {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "id" => self.answered.ids.extend(map.next_value::<Option<RequestId>>()?),
                "method" => {
                    self.is_call = true;
                    map.next_value::<IgnoredAny>()?;
                }
                "result" => {
                    self.has_result = true;
                    map.next_value::<IgnoredAny>()?;
                }
                "error" => {
                    self.answered.is_error = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
