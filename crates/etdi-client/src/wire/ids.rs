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

/// Returns every `id` of a JSON object that has no `method`. The message may be any text; a text
/// that cannot be read has no ids. A message with two ids is kept for both requests, so that its
/// refusal says why.
pub(crate) fn response_ids(message: &[u8]) -> Vec<RequestId> {
    let text = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut found = Envelope::default();
    // A text that breaks off keeps the ids before the break: an error about that text says more
    // than an error about a missing one.
    reader.deserialize_map(&mut found).ok();
    if found.is_call { Vec::new() } else { found.ids }
}

#[derive(Default)]
struct Envelope {
    ids: Vec<RequestId>,
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
                "id" => self.ids.extend(map.next_value::<Option<RequestId>>()?),
                "method" => {
                    self.is_call = true;
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
