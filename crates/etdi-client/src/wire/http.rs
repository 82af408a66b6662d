//! The streamable HTTP transport. Messages are posted here and not by rmcp's client, so that the
//! body of a judged response is kept before any reader parses it. Streams that rmcp opens with GET,
//! and the end of a session, go through rmcp's client.

mod answer;
pub(super) mod challenge;
pub(crate) mod error;
pub(super) mod legacy;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::BoxStream;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest};
use rmcp::transport::common::http_header::{
    EVENT_STREAM_MIME_TYPE, HEADER_SESSION_ID, JSON_MIME_TYPE,
};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use sse_stream::Sse;

use etdi_types::ResourceUri;

use self::answer::Posted;
use self::error::{HttpError, RequestError, from_rmcp};
use super::authorizer::HttpAuthorizer;
use super::credentials::{Afterwards, Credentials, Sent};
use super::gate::Gate;
use super::raw::RawResponses;
use super::sse;

/// The name of this client in the log of a server. Firewalls refuse requests without one.
const USER_AGENT: &str = concat!("etdi/", env!("CARGO_PKG_VERSION"));

type Events = BoxStream<'static, Result<Sse, SseError>>;

/// The HTTP client that rmcp's worker sends with.
#[derive(Clone)]
pub(crate) struct RawHttpClient {
    http: reqwest::Client,
    credentials: Credentials,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
    /// Whether the server refused `initialize` with a status of a server of MCP 2024-11-05.
    refused_post: Arc<AtomicBool>,
}

impl RawHttpClient {
    pub(crate) fn new(
        server: ResourceUri,
        authorizer: Option<Arc<dyn HttpAuthorizer>>,
        connect_timeout: Duration,
        raws: Arc<RawResponses>,
        gate: Arc<Gate>,
    ) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect_timeout);
        // Over https, a proxy of the environment is only a tunnel. Over http, the proxy would read
        // every argument.
        let tunnelled = server.as_str().starts_with("https:");
        let http = if tunnelled { builder } else { builder.no_proxy() }.build()?;
        let credentials = Credentials::new(server, authorizer);
        Ok(Self { http, credentials, raws, gate, refused_post: Arc::default() })
    }

    /// Returns whether the server may have only the transport of MCP 2024-11-05 (MCP 2025-11-25,
    /// transports, backwards compatibility).
    pub(super) fn is_refused_post(&self) -> bool {
        self.refused_post.load(Ordering::Acquire)
    }

    /// Checks a message that is about to be sent, and notes it if its response is judged.
    fn admit(&self, message: &ClientJsonRpcMessage) -> Result<(), RequestError> {
        let refused = |why| RequestError::Io(io::Error::new(io::ErrorKind::PermissionDenied, why));
        self.gate.check(message).map_err(refused)?;
        self.raws.expect(message);
        Ok(())
    }

    async fn post(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        sent: Sent,
        headers: HashMap<HeaderName, HeaderValue>,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, RequestError> {
        let (token, headers) = sent.added_to(headers);
        let posted = Posted::of(message, session.is_some());
        let mut request = self
            .http
            .post(uri)
            .header(ACCEPT, [EVENT_STREAM_MIME_TYPE, JSON_MIME_TYPE].join(", "))
            .headers(headers.into_iter().collect());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(session) = &session {
            request = request.header(HEADER_SESSION_ID, session.as_ref());
        }
        let outcome = match request.json(message).send().await {
            Ok(response) => {
                if posted.is_initialize && answer::is_of_older_transport(response.status()) {
                    self.refused_post.store(true, Ordering::Release);
                }
                answer::read(response, &posted, &self.raws, limits).await
            }
            Err(error) => Err(answer::unanswered(error)),
        };
        match posted.id.filter(|_| posted.is_probe) {
            Some(id) => answer::to_probe(outcome, &id),
            None => outcome,
        }
    }
}

impl StreamableHttpClient for RawHttpClient {
    type Error = HttpError;

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
        self.admit(&message)?;
        let send = |sent| self.post(&uri, &message, session.clone(), sent, headers.clone(), limits);
        self.credentials.authorize(after_forgetting(&message), send).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), RequestError> {
        let send = |sent: Sent| {
            let (uri, session) = (Arc::clone(&uri), Arc::clone(&session));
            let (token, headers) = sent.added_to(headers.clone());
            let ended = self.http.delete_session(uri, session, token, headers);
            async move { ended.await.map_err(from_rmcp) }
        };
        self.credentials.authorize(Afterwards::Repeat, send).await
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
        let send = |sent: Sent| {
            let (uri, session) = (Arc::clone(&uri), session.clone());
            let (token, headers) = sent.added_to(headers.clone());
            let opened = self.http.get_stream_with_max_sse_event_size(
                uri,
                session,
                last_event.clone(),
                token,
                headers,
                max,
            );
            async move { opened.await.map_err(from_rmcp) }
        };
        let events = self.credentials.authorize(Afterwards::Repeat, send).await?;
        // A judged response may be resumed on this stream.
        Ok(sse::tapped(events, Arc::clone(&self.raws), None))
    }
}

/// Returns what follows a refused token. A tool is judged again before it is called again, because
/// the server may have changed while the other token was obtained.
fn after_forgetting(message: &ClientJsonRpcMessage) -> Afterwards {
    match message {
        ClientJsonRpcMessage::Request(request)
            if matches!(request.request, ClientRequest::CallToolRequest(_)) =>
        {
            Afterwards::Judge
        }
        _ => Afterwards::Repeat,
    }
}
