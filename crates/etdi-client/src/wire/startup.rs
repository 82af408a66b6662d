//! Reads the answer to `server/discover` or `initialize`, and gives it to rmcp in rmcp's types.
//!
//! rmcp wants every member of the answer in its exact type. Many servers leave out
//! `serverInfo.version` or `capabilities`, and clients of the official SDKs accept that. These
//! members are not judged, so a missing one is filled in here.

use etdi_types::text::escaped;
use rmcp::model::{
    DiscoverResult, ErrorCode, ErrorData, Implementation, InitializeResult, JsonRpcMessage,
    ProtocolVersion, RequestId, ServerCapabilities, ServerJsonRpcMessage, ServerResult,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::page::RawText;

/// A handshake request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// `server/discover`, the probe for MCP 2026-07-28.
    Discover,
    /// `initialize`, for earlier revisions.
    Initialize,
}

/// Returns the answer in `text` to the request `id` as a message of rmcp.
pub(crate) fn message(text: &RawText, greeting: Greeting, id: &RequestId) -> ServerJsonRpcMessage {
    let result = match greeting {
        Greeting::Discover => discovered(text).map(ServerResult::DiscoverResult),
        Greeting::Initialize => initialized(text).map(ServerResult::InitializeResult),
    };
    match result {
        Ok(result) => JsonRpcMessage::response(result, id.clone()),
        Err(fault) => JsonRpcMessage::error(fault.into(), Some(id.clone())),
    }
}

/// Returns the member that an answer to `initialize` lacks or has in another type, if rmcp needs
/// this member.
pub(crate) fn malformed_member(text: &RawText) -> Option<&'static str> {
    match initialized(text) {
        Err(Fault::Malformed(member)) => Some(member),
        _ => None,
    }
}

/// Returns the error for a server that does not know the probe. rmcp continues with `initialize`
/// only after an error with this code and the id of the probe.
pub(crate) fn legacy(reason: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, reason.to_owned(), None)
}

/// Returns the error with which a server refused the probe, in a form after which rmcp continues
/// with `initialize`. An error that offers the version that was asked for stays as it is: rmcp asks
/// once more then.
pub(crate) fn refused_probe(error: ErrorData) -> ErrorData {
    if supports_newest(&error) { error } else { legacy(&error.message) }
}

/// An answer that is not a result.
enum Fault {
    /// The server answered with an error.
    Said(ErrorData),
    Malformed(&'static str),
}

impl From<Fault> for ErrorData {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Said(error) => error,
            Fault::Malformed(member) => {
                let text = format!("the member `{member}` of the answer is missing or malformed");
                Self::new(ErrorCode::INVALID_REQUEST, text, None)
            }
        }
    }
}

fn initialized(text: &RawText) -> Result<InitializeResult, Fault> {
    let result = result(text)?;
    let version = member(&result, "protocolVersion");
    let version = version.ok_or(Fault::Malformed("result.protocolVersion"))?;
    let mut initialized =
        InitializeResult::new(capabilities(&result)).with_protocol_version(version);
    initialized.server_info = server_info(&result);
    initialized.instructions = member(&result, "instructions");
    initialized.meta = member(&result, "_meta");
    Ok(initialized)
}

/// Returns the answer of a server of MCP 2026-07-28. Every other answer, also an error, means that
/// the server does not know the probe.
fn discovered(text: &RawText) -> Result<DiscoverResult, Fault> {
    let mut result = match result(text) {
        Ok(result) => result,
        Err(Fault::Said(error)) => return Err(Fault::Said(refused_probe(error))),
        Err(malformed) => return Err(malformed),
    };
    let versions: Vec<Value> = member(&result, "supportedVersions").unwrap_or_default();
    if !versions.iter().any(is_newest) {
        let reason = "server/discover was answered with the result of another method";
        return Err(Fault::Said(legacy(reason)));
    }
    let capabilities = serde_json::to_value(capabilities(&result)).unwrap_or_default();
    result.insert(
        "supportedVersions".to_owned(),
        versions.into_iter().filter(Value::is_string).collect(),
    );
    result.insert("capabilities".to_owned(), capabilities);
    for (name, default) in [
        ("resultType", Value::from("complete")),
        ("ttlMs", Value::from(0)),
        ("cacheScope", Value::from("private")),
    ] {
        result.entry(name).or_insert(default);
    }
    let read = serde_json::from_value(Value::Object(result));
    read.map_err(|error| Fault::Said(legacy(&escaped(&error.to_string()).to_string())))
}

fn supports_newest(error: &ErrorData) -> bool {
    let supported = error.data.as_ref().and_then(|data| data.get("supported")?.as_array());
    error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
        && supported.is_some_and(|versions| versions.iter().any(is_newest))
}

fn is_newest(version: &Value) -> bool {
    version.as_str() == Some(ProtocolVersion::V_2026_07_28.as_str())
}

fn result(text: &RawText) -> Result<Map<String, Value>, Fault> {
    if let Some(error) = text.error() {
        return Err(Fault::Said(error));
    }
    match text.member("result") {
        Some(Value::Object(result)) => Ok(result),
        _ => Err(Fault::Malformed("result")),
    }
}

/// Returns a member, if it has the type that is wanted.
fn member<T: DeserializeOwned>(object: &Map<String, Value>, name: &str) -> Option<T> {
    serde_json::from_value(object.get(name)?.clone()).ok()
}

/// Returns the capabilities that rmcp can read. `listChanged` of the tools matters most: it says
/// whether listings must be read again.
fn capabilities(result: &Map<String, Value>) -> ServerCapabilities {
    member(result, "capabilities").unwrap_or_else(|| {
        let tools = result.get("capabilities").and_then(|all| all.get("tools"));
        let alone = Map::from_iter(tools.map(|tools| ("tools".to_owned(), tools.clone())));
        serde_json::from_value(Value::Object(alone)).unwrap_or_default()
    })
}

fn server_info(result: &Map<String, Value>) -> Implementation {
    member(result, "serverInfo").unwrap_or_else(|| {
        let text = |name| result.get("serverInfo").and_then(|info| info.get(name)?.as_str());
        Implementation::new(text("name").unwrap_or_default(), text("version").unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: RequestId = RequestId::Number(1);

    fn text(message: &Value) -> RawText {
        RawText::new(message.to_string().as_bytes(), vec![ID])
    }

    fn answer(greeting: Greeting, message: &Value) -> Result<ServerResult, ErrorData> {
        match super::message(&text(message), greeting, &ID) {
            JsonRpcMessage::Response(response) => Ok(response.result),
            JsonRpcMessage::Error(error) => Err(error.error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_may_say_little_of_itself() {
        for info in [json!({"name": "x"}), json!({"name": "x", "version": null}), json!(7)] {
            for rest in [json!({}), json!({"capabilities": null}), json!({"capabilities": []})] {
                let mut result = json!({"protocolVersion": "2024-11-05", "serverInfo": info});
                result.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
                let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
                let read = answer(Greeting::Initialize, &message);
                let Ok(ServerResult::InitializeResult(read)) = read else { panic!("{read:?}") };
                assert_eq!(read.protocol_version, ProtocolVersion::V_2024_11_05);
            }
        }
        let bare = json!({"id": 1, "result": {"protocolVersion": "2025-06-18"}});
        assert!(answer(Greeting::Initialize, &bare).is_ok());
    }

    #[test]
    fn a_capability_that_cannot_be_read_costs_no_other() {
        let message = json!({"id": 1, "result": {"protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": true}, "logging": 7}}});
        let Ok(ServerResult::InitializeResult(read)) = answer(Greeting::Initialize, &message)
        else {
            panic!()
        };
        assert_eq!(read.capabilities.tools.unwrap().list_changed, Some(true));
    }

    #[test]
    fn a_needed_member_that_is_missing_is_named() {
        for (message, member) in [
            (json!({"id": 1, "result": {"serverInfo": {}}}), "result.protocolVersion"),
            (json!({"id": 1, "result": {"protocolVersion": 7}}), "result.protocolVersion"),
            (json!({"id": 1, "result": []}), "result"),
            (json!({"id": 1}), "result"),
        ] {
            assert_eq!(malformed_member(&text(&message)), Some(member), "{message}");
        }
        let said = json!({"id": 1, "error": {"code": -32000, "message": "no"}});
        assert_eq!(malformed_member(&text(&said)), None);
    }

    #[test]
    fn only_an_answer_of_the_newest_revision_ends_the_probe() {
        let newest = json!({"supportedVersions": ["2025-11-25", "2026-07-28"]});
        let read = answer(Greeting::Discover, &json!({"id": 1, "result": newest}));
        assert!(matches!(read, Ok(ServerResult::DiscoverResult(_))), "{read:?}");
        let modern = json!({"id": 1, "error": {"code": ErrorCode::UNSUPPORTED_PROTOCOL_VERSION.0,
            "message": "unsupported", "data": {"supported": ["2026-07-28"]}}});
        let again = answer(Greeting::Discover, &modern).unwrap_err();
        assert_eq!(again.code, ErrorCode::UNSUPPORTED_PROTOCOL_VERSION);
        for message in [
            json!({"id": 1, "result": {}}),
            json!({"id": 1, "result": null}),
            json!({"id": 1, "result": {"isError": true, "content": []}}),
            json!({"id": 1, "result": {"supportedVersions": ["2025-11-25"]}}),
            json!({"id": 1, "result": {"supportedVersions": "2026-07-28"}}),
            json!({"id": 1, "error": "what?"}),
            json!({"id": 1, "error": {"code": ErrorCode::HEADER_MISMATCH.0, "message": "x"}}),
            json!({"id": 1, "error": {"code": ErrorCode::UNSUPPORTED_PROTOCOL_VERSION.0,
                "message": "x", "data": {"supported": ["2025-11-25"]}}}),
        ] {
            let error = answer(Greeting::Discover, &message).unwrap_err();
            let legacy = [ErrorCode::METHOD_NOT_FOUND, ErrorCode::INVALID_REQUEST];
            assert!(legacy.contains(&error.code), "{message}: {error:?}");
        }
    }
}
