//! Which request a message answers, before anything else is read of it.

use std::borrow::Cow;
use std::fmt;

use rmcp::model::RequestId;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// Whether a response with the id `response` answers `request`: rmcp takes `"7"` for `7`.
pub(crate) fn answers(request: &RequestId, response: &RequestId) -> bool {
    request == response
        || matches!((request, response),
            (RequestId::Number(number), RequestId::String(text)) if text.parse() == Ok(*number))
}

/// Every `id` of a JSON object that has no `method`. The text may be anything; what cannot be read
/// has none. A message with two ids is kept for both, so that its refusal says why.
pub(crate) fn response_ids(message: &[u8]) -> Vec<RequestId> {
    let text = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut found = Envelope::default();
    // A text that breaks off keeps what came before: its refusal says more than a missing text.
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
