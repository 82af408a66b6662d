//! Reads the operation that a request body asks for.

use etdi_types::json::{self, Limits, Value};

/// The nesting depth that rmcp's own reader accepts.
const DEPTH: usize = 128;

/// The operation that a message asks for, as far as authorization needs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A call of this tool.
    Call(String),
    /// Another request. Includes calls that rmcp cannot read as calls.
    Request,
    /// A message that is not a request: a notification, or the answer to a request of the server.
    Message,
}

impl Asked {
    /// Reads one JSON-RPC message. Fails if two parsers could read it differently.
    ///
    /// # Errors
    /// A sentence with the reason why the body is not such a message.
    pub(super) fn read(body: &[u8], max: usize) -> Result<Self, String> {
        // An argument may be any number: authorization does not depend on it, and the handler gets
        // the bytes.
        let limits = Limits::TOOL.with_depth(DEPTH).with_bytes(max);
        let value = json::parse_any_integer(body, limits).map_err(|error| {
            format!("the body is not JSON, or two parsers could read it differently: {error}")
        })?;
        let message = match &value {
            Value::Object(message) => message,
            Value::Array(_) => {
                return Err("batches are not accepted: send one message per request".to_owned());
            }
            _ => return Err("the body is not a JSON-RPC message".to_owned()),
        };
        let method = message.get("method").and_then(Value::as_str);
        if method != Some("tools/call") {
            let is_request = method.is_some() && message.get("id").is_some();
            return Ok(if is_request { Self::Request } else { Self::Message });
        }
        let params = message.get("params").and_then(Value::as_object);
        let name = params.and_then(|params| params.get("name")).and_then(Value::as_str);
        Ok(name.map_or(Self::Request, |name| Self::Call(name.to_owned())))
    }
}
