//! Reads the HTTP response to a message that was posted.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};

use super::challenge;
use super::error::{HttpError, RequestError};
use crate::wire::cut::cut;
use crate::wire::page::RawText;
use crate::wire::raw::{Captured, RawResponses};
use crate::wire::{sse, startup, words};

/// The most bytes that are read of a body that explains a failure.
const MAX_EXPLANATION: usize = 4 * 1024;

/// A message that was posted.
pub(super) struct Posted {
    /// The id of a request. `None` for a message that is not answered.
    pub(super) id: Option<RequestId>,
    /// Whether the message is `server/discover`, outside a session.
    pub(super) is_probe: bool,
    /// Whether the message is `initialize`.
    pub(super) is_initialize: bool,
    has_session: bool,
}

impl Posted {
    pub(super) fn of(message: &ClientJsonRpcMessage, has_session: bool) -> Self {
        let ClientJsonRpcMessage::Request(request) = message else {
            return Self { id: None, is_probe: false, is_initialize: false, has_session };
        };
        Self {
            id: Some(request.id.clone()),
            is_probe: !has_session && matches!(request.request, ClientRequest::DiscoverRequest(_)),
            is_initialize: matches!(request.request, ClientRequest::InitializeRequest(_)),
            has_session,
        }
    }
}

/// Returns whether a server that has only the transport of MCP 2024-11-05 answers a POST so.
pub(super) fn is_of_older_transport(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    )
}

/// Reads the response. Judged responses are kept in `raws` before a reader parses them.
pub(super) async fn read(
    response: reqwest::Response,
    posted: &Posted,
    raws: &Arc<RawResponses>,
    limits: StreamableHttpResponseLimits,
) -> Result<StreamableHttpPostResponse, RequestError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(RequestError::Client(HttpError::redirected(response.headers())));
    }
    challenge::check(status, response.headers())?;
    if status == StatusCode::NOT_FOUND && posted.has_session {
        return Err(RequestError::SessionExpired);
    }
    if !status.is_success() {
        return failure(response, posted, raws, limits).await;
    }
    if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    let session = text(response.headers(), HEADER_SESSION_ID);
    if is_media_type(response.headers(), EVENT_STREAM_MIME_TYPE) {
        let events = sse::events(response.bytes_stream(), limits.max_sse_event_size);
        let events = sse::tapped(events, Arc::clone(raws), posted.id.clone());
        return Ok(StreamableHttpPostResponse::Sse(events, session));
    }
    let Some(id) = &posted.id else {
        // Some servers answer a notification with 200 and any body.
        return Ok(StreamableHttpPostResponse::Accepted);
    };
    if !is_media_type(response.headers(), JSON_MIME_TYPE) {
        return Err(RequestError::Client(HttpError::MediaType(media_type(response.headers()))));
    }
    let body = whole(response, raws, limits.max_json_response_size).await?;
    let message = message(&body, id, raws).ok_or(RequestError::Client(HttpError::NotJsonRpc))?;
    Ok(StreamableHttpPostResponse::Json(message, session))
}

/// Returns the response to a GET, if it is an event stream.
pub(super) fn event_stream(response: reqwest::Response) -> Result<reqwest::Response, RequestError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(RequestError::Client(HttpError::redirected(response.headers())));
    }
    challenge::check(status, response.headers())?;
    if !status.is_success() {
        return Err(RequestError::Client(HttpError::failed(status, String::new(), None)));
    }
    match is_media_type(response.headers(), EVENT_STREAM_MIME_TYPE) {
        true => Ok(response),
        false => Err(RequestError::Client(HttpError::MediaType(media_type(response.headers())))),
    }
}

/// Reads the response to a message whose answer comes over another stream.
pub(super) async fn accepted(response: reqwest::Response) -> Result<(), RequestError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(RequestError::Client(HttpError::redirected(response.headers())));
    }
    challenge::check(status, response.headers())?;
    if status.is_success() {
        return Ok(());
    }
    let said = explanation(&start_of(response, MAX_EXPLANATION).await?);
    Err(RequestError::Client(HttpError::failed(status, said, None)))
}

/// Converts an outcome of the probe that says that the server does not know it.
///
/// A server of an earlier revision refuses `server/discover` with any status, an HTML page, or an
/// empty answer. rmcp falls back to `initialize` only after a JSON-RPC error.
pub(super) fn to_probe(
    outcome: Result<StreamableHttpPostResponse, RequestError>,
    id: &RequestId,
) -> Result<StreamableHttpPostResponse, RequestError> {
    let reason = match outcome {
        Ok(StreamableHttpPostResponse::Accepted) => "server/discover was not answered".to_owned(),
        Err(error) if !is_about_the_server(&error) => words::request(&error),
        other => return other,
    };
    let error = JsonRpcMessage::error(startup::legacy(&reason), Some(id.clone()));
    Ok(StreamableHttpPostResponse::Json(error, None))
}

/// Returns whether an error concerns every request to the server, also `initialize`.
fn is_about_the_server(error: &RequestError) -> bool {
    match error {
        RequestError::Client(HttpError::Unanswered(error)) => error.is_connect(),
        RequestError::Client(HttpError::Redirected { .. })
        | RequestError::AuthRequired(_)
        | RequestError::InsufficientScope(_)
        | RequestError::ResponseBodyTooLarge { .. }
        | RequestError::Io(_) => true,
        _ => false,
    }
}

/// Reads a status of failure: the JSON-RPC error in the body, or an error about the status. The
/// body belongs to the request that was posted, so its error needs no id.
async fn failure(
    response: reqwest::Response,
    posted: &Posted,
    raws: &Arc<RawResponses>,
    limits: StreamableHttpResponseLimits,
) -> Result<StreamableHttpPostResponse, RequestError> {
    let status = response.status();
    let retry_after = text(response.headers(), RETRY_AFTER.as_str()).as_deref().map(cut);
    let body = match is_media_type(response.headers(), JSON_MIME_TYPE) {
        true => whole(response, raws, limits.max_json_response_size).await?,
        false => start_of(response, MAX_EXPLANATION).await?,
    };
    let error = RawText::new(&body, Vec::new()).error();
    let is_denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match (error, &posted.id) {
        (Some(error), Some(id)) if !is_denied => {
            raws.offer_body(&body, id);
            let answer = JsonRpcMessage::error(error, Some(id.clone()));
            Ok(StreamableHttpPostResponse::Json(answer, None))
        }
        (error, _) => {
            let said = error.map_or_else(|| explanation(&body), |error| cut(&error.message));
            Err(RequestError::Client(HttpError::failed(status, said, retry_after)))
        }
    }
}

/// Returns the message in the body of the response to the request `id`.
fn message(body: &[u8], id: &RequestId, raws: &RawResponses) -> Option<ServerJsonRpcMessage> {
    if let Some(kept) = raws.offer_body(body, id) {
        return Some(kept.message());
    }
    match RawText::new(body, Vec::new()).error() {
        Some(error) => Some(JsonRpcMessage::error(error, Some(id.clone()))),
        None => serde_json::from_slice(body).ok(),
    }
}

/// Returns the first line of the body of a failure. An HTML page is left out, because it does not
/// explain the failure.
fn explanation(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next().unwrap_or_default();
    if line.starts_with('<') { String::new() } else { cut(line) }
}

pub(super) fn unanswered(error: reqwest::Error) -> RequestError {
    RequestError::Client(error.into())
}

async fn whole(
    mut response: reqwest::Response,
    raws: &RawResponses,
    max: usize,
) -> Result<Bytes, RequestError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > max {
            raws.fail(&Captured::TooLarge);
            return Err(RequestError::ResponseBodyTooLarge { max_size: max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads only the first bytes of a body, because the body may be very long.
async fn start_of(mut response: reqwest::Response, max: usize) -> Result<Bytes, RequestError> {
    let mut body = BytesMut::new();
    while body.len() < max {
        let Some(chunk) = response.chunk().await.map_err(unanswered)? else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    body.truncate(max);
    Ok(body.freeze())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn media_type(headers: &HeaderMap) -> String {
    let found = text(headers, CONTENT_TYPE.as_str());
    found.as_deref().map_or_else(|| "no content type".to_owned(), cut)
}

/// Returns whether the content type is `expected`, with any parameters.
fn is_media_type(headers: &HeaderMap, expected: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())
        .is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(expected.as_bytes()))
}
