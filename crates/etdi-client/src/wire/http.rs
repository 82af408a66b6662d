//! The streamable HTTP transport. It is rmcp's reqwest client, except for requests whose responses
//! are judged. Those are posted here, so that the body is kept before any reader parses it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, InsufficientScopeError, SseError, StreamableHttpClient,
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use secrecy::ExposeSecret;
use sse_stream::Sse;

use etdi_types::ResourceUri;

use super::authorizer::HttpAuthorizer;
use super::error::RequestError;
use super::gate::Gate;
use super::page::RawText;
use super::raw::{Captured, RawResponses};
use super::sse;

/// The most bytes that are kept of a body that explains a failure.
const MAX_EXPLANATION: usize = 4 * 1024;

/// The most characters of such a body that an error shows.
const MAX_LINE: usize = 200;

type Events = BoxStream<'static, Result<Sse, SseError>>;

/// The error of a server that answered with a redirect. The redirect is not followed: a request is
/// meant only for the server that was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered with a redirect, which is not followed; configure its final URI")]
pub(crate) struct RedirectRefused;

/// The HTTP client that rmcp's worker sends with.
#[derive(Clone)]
pub(crate) struct RawHttpClient {
    http: reqwest::Client,
    server: ResourceUri,
    authorizer: Option<Arc<dyn HttpAuthorizer>>,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
}

impl RawHttpClient {
    pub(crate) fn new(
        server: ResourceUri,
        authorizer: Option<Arc<dyn HttpAuthorizer>>,
        connect_timeout: Duration,
        raws: Arc<RawResponses>,
        gate: Arc<Gate>,
    ) -> Result<Self, reqwest::Error> {
        let refuse = reqwest::redirect::Policy::custom(|attempt| attempt.error(RedirectRefused));
        let builder = reqwest::Client::builder().redirect(refuse).connect_timeout(connect_timeout);
        // Over https, a proxy of the environment is only a tunnel. Over http, the proxy would read
        // every argument.
        let tunnelled = server.as_str().starts_with("https:");
        let http = if tunnelled { builder } else { builder.no_proxy() }.build()?;
        Ok(Self { http, server, authorizer, raws, gate })
    }

    async fn token(&self) -> Result<Option<String>, RequestError> {
        let Some(authorizer) = &self.authorizer else {
            return Ok(None);
        };
        let token = authorizer.bearer_token(&self.server).await;
        let token = token.map_err(|error| RequestError::Io(io::Error::other(error)))?;
        Ok(token.map(|token| token.expose_secret().to_owned()))
    }

    /// Posts a request whose response is judged.
    async fn post_judged(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, RequestError> {
        let JudgedRequest { id, listing, discover } = JudgedRequest::of(message)?;
        let mut request = self
            .http
            .post(uri)
            .header(ACCEPT, [EVENT_STREAM_MIME_TYPE, JSON_MIME_TYPE].join(", "))
            .headers(headers.into_iter().collect());
        if let Some(token) = self.token().await? {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &session {
            request = request.header(HEADER_SESSION_ID, session.as_ref());
        }
        let response = request.json(message).send().await?;
        let status = response.status();
        challenge(status, response.headers())?;
        if status == StatusCode::NOT_FOUND && session.is_some() {
            return Err(RequestError::SessionExpired);
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let is_json = is_media_type(response.headers(), JSON_MIME_TYPE);
        if !status.is_success() {
            let retry_after = retry_after(response.headers());
            let probe = discover.then_some(id).filter(|_| session.is_none());
            let body = if is_json {
                self.body(response, limits.max_json_response_size).await?
            } else {
                start_of(response, MAX_EXPLANATION).await?
            };
            return failure(status, retry_after, &body, probe);
        }
        let session = response
            .headers()
            .get(HEADER_SESSION_ID)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        if is_media_type(response.headers(), EVENT_STREAM_MIME_TYPE) {
            let events = sse::events(response.bytes_stream(), limits.max_sse_event_size);
            let rewrite = listing.then(|| id.clone());
            let events = sse::tapped(events, Arc::clone(&self.raws), move |text| {
                readable_data(text, rewrite.as_ref()?)
            });
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        if !is_json {
            let found = response.headers().get(CONTENT_TYPE);
            let found = found.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            return Err(RequestError::UnexpectedContentType(found));
        }
        let body = self.body(response, limits.max_json_response_size).await?;
        let message = match self.raws.offer(&body).filter(|_| listing) {
            Some(text) => text.readable(id)?,
            None => serde_json::from_slice(&body)?,
        };
        Ok(StreamableHttpPostResponse::Json(message, session))
    }

    async fn body(
        &self,
        mut response: reqwest::Response,
        max: usize,
    ) -> Result<Bytes, RequestError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > max {
                self.raws.fail(&Captured::TooLarge);
                return Err(RequestError::ResponseBodyTooLarge { max_size: max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

impl StreamableHttpClient for RawHttpClient {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, RequestError> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session, token, headers, limits).await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, RequestError> {
        let refused = |why| RequestError::Io(io::Error::new(io::ErrorKind::PermissionDenied, why));
        self.gate.check(&message).map_err(refused)?;
        if self.raws.expect(&message) {
            return self
                .post_judged(&uri, &message, session, headers, limits)
                .await
                .map_err(without_url);
        }
        let token = self.token().await?;
        self.http
            .post_message_with_response_limits(uri, message, session, token, headers, limits)
            .await
            .map_err(without_url)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), RequestError> {
        let token = self.token().await?;
        self.http.delete_session(uri, session, token, headers).await.map_err(without_url)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, RequestError> {
        let max = StreamableHttpResponseLimits::default().max_sse_event_size;
        self.get_stream_with_max_sse_event_size(uri, session, last_event, token, headers, max).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        max: usize,
    ) -> Result<Events, RequestError> {
        let token = self.token().await?;
        let events = self
            .http
            .get_stream_with_max_sse_event_size(uri, session, last_event, token, headers, max)
            .await
            .map_err(without_url)?;
        // A judged response may be resumed on this stream.
        Ok(sse::tapped(events, Arc::clone(&self.raws), |_| None))
    }
}

/// Removes the URL from an error. A server's URI may hold a key in its query, and errors are
/// printed.
fn without_url(error: RequestError) -> RequestError {
    match error {
        RequestError::Client(error) => RequestError::Client(error.without_url()),
        error => error,
    }
}

/// A request whose response is judged.
struct JudgedRequest<'m> {
    id: &'m RequestId,
    listing: bool,
    discover: bool,
}

impl<'m> JudgedRequest<'m> {
    fn of(message: &'m ClientJsonRpcMessage) -> Result<Self, RequestError> {
        let ClientJsonRpcMessage::Request(request) = message else {
            return Err(RequestError::UnexpectedServerResponse("not a request".into()));
        };
        Ok(Self {
            id: &request.id,
            listing: matches!(request.request, ClientRequest::ListToolsRequest(_)),
            discover: matches!(request.request, ClientRequest::DiscoverRequest(_)),
        })
    }
}

/// Returns the listing in `text` in a form that rmcp can read, if the text answers the request
/// `id`.
fn readable_data(text: &RawText, id: &RequestId) -> Option<String> {
    let message = text.answers(id).then(|| text.readable(id))?.ok()?;
    serde_json::to_string(&message).ok()
}

/// Returns the error for a challenge (RFC 6750, section 3), so that the caller can answer it.
fn challenge(status: StatusCode, headers: &HeaderMap) -> Result<(), RequestError> {
    let Some(value) = headers.get(WWW_AUTHENTICATE) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    match status {
        StatusCode::UNAUTHORIZED => Err(RequestError::AuthRequired(AuthRequiredError::new(text))),
        StatusCode::FORBIDDEN => {
            let scope = scope_parameter(&text);
            Err(RequestError::InsufficientScope(InsufficientScopeError::new(text, scope)))
        }
        _ => Ok(()),
    }
}

/// Returns the `scope="…"` of a challenge.
fn scope_parameter(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("scope=\"")?;
    let (scope, _) = rest.split_once('"')?;
    Some(scope.to_owned())
}

/// Converts a status of failure to the JSON-RPC error in the body, or to an error about the status.
///
/// `probe` is the id of a `server/discover` without a session. A server of an earlier protocol
/// refuses that with any 4xx, and often without an id. rmcp falls back to `initialize` only on an
/// error with the id of the request.
fn failure(
    status: StatusCode,
    retry_after: Option<String>,
    body: &[u8],
    probe: Option<&RequestId>,
) -> Result<StreamableHttpPostResponse, RequestError> {
    let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let said = match serde_json::from_slice::<ServerJsonRpcMessage>(body) {
        Ok(JsonRpcMessage::Error(error)) if !denied => Some(error),
        _ => None,
    };
    let probe = probe.filter(|_| status.is_client_error() && !denied);
    let answer = match (said, probe) {
        (Some(error), Some(id)) => ServerJsonRpcMessage::error(error.error, Some(id.clone())),
        (Some(error), None) => JsonRpcMessage::Error(error),
        (None, Some(id)) => {
            let text = format!("server/discover was refused with HTTP {status}");
            ServerJsonRpcMessage::error(ErrorData::invalid_request(text, None), Some(id.clone()))
        }
        (None, None) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            return Err(HttpStatusError::new(status.as_u16(), retry_after).into());
        }
        (None, None) => {
            let text = format!("HTTP {status}{}{}", no_server(status), explanation(body));
            return Err(RequestError::UnexpectedServerResponse(Cow::Owned(text)));
        }
    };
    Ok(StreamableHttpPostResponse::Json(answer, None))
}

/// Returns a hint for a status that no MCP server gives. In MCP 2025-11-25, transports, a server is
/// one path, which takes POST.
fn no_server(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => ": this path has no MCP server",
        _ => "",
    }
}

/// Returns the first line of the body of a failure. An HTML page is left out, because it does not
/// explain the failure.
fn explanation(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next().unwrap_or_default();
    match line.is_empty() || line.starts_with('<') {
        true => String::new(),
        false => format!(": {}", line.chars().take(MAX_LINE).collect::<String>()),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Reads only the first bytes of a body, because the body may be very long.
async fn start_of(mut response: reqwest::Response, max: usize) -> Result<Bytes, RequestError> {
    let mut body = BytesMut::new();
    while body.len() < max {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    body.truncate(max);
    Ok(body.freeze())
}

/// Returns whether the content type is `expected`, with any parameters.
fn is_media_type(headers: &HeaderMap, expected: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())
        .is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(expected.as_bytes()))
}
