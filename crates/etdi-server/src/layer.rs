//! Authorization of HTTP requests, in front of rmcp.

mod asked;
mod challenge;
mod metadata;
mod sessions;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use etdi_oauth::{BearerToken, Expectations, OAuthError, Principal};
use etdi_types::ResourceUri;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use tower_layer::Layer;
use tower_service::Service;

use crate::authorize::Caller;
use crate::error::{ServerBuildError, ServerError};
use crate::requirement::Requirement;
use crate::server::SecureServer;
use asked::Asked;
use challenge::Challenge;
use metadata::Metadata;
use sessions::{Sessions, has_session};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The default limit of rmcp.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The body that the inner service gets: the bytes that were read, or a body that was not read.
pub type AuthBody<B> = Either<Full<Bytes>, B>;

/// A [tower](https://docs.rs/tower) layer that authorizes calls by bearer tokens. Put it around
/// rmcp's `StreamableHttpService`, or around the router in which the service is nested.
/// [`SecureServer::auth_layer`] makes it.
///
/// - In a `POST` with a JSON body, the layer judges the tool that the body names, never the tool in
///   `Mcp-*` headers. It answers 400 to a body with a duplicate member, a batch, or a body that two
///   parsers could read differently, and 413 to a body over the limit.
/// - The token comes from the single `Authorization: Bearer` header (RFC 6750, section 2.1). A
///   token that is not valid is answered 401 `invalid_token`, whatever the request is. Without a
///   token, calls of tools that [require](crate::ToolSpec::requires) one are answered 401 without
///   an error code; all other requests pass, listings too, unless
///   [`for_every_request`](Self::for_every_request) was called. A token that lacks scopes is
///   answered 403 `insufficient_scope`, and the answer names all required and all missing scopes.
/// - While the identity provider's keys cannot be fetched, requests with a token are answered 503.
/// - Each challenge names the protected resource metadata (RFC 9728, section 5.1). The layer serves
///   the metadata itself, at `/.well-known/oauth-protected-resource` and at the form with the
///   resource's path.
/// - The service gets the bytes of the body unchanged, and the [`Principal`] in the request's
///   extensions.
///
/// A wrapped handler checks each call again. Without this layer, it refuses all HTTP calls of tools
/// that require a token. If a session was begun with a token, only the same caller (issuer, subject
/// and client) may read its event stream, end it, and answer the server's requests in it. Any other
/// caller is answered 404, as for a session that does not exist. Only the layer behind which the
/// session began knows its caller; another instance admits every caller to it. The handler decides
/// which of another caller's tasks a caller may read.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    gate: Arc<AuthGate>,
}

/// The service that [`AuthLayer`] makes from another service.
#[derive(Clone, Debug)]
pub struct AuthService<S> {
    inner: S,
    gate: Arc<AuthGate>,
}

#[derive(Clone, Debug)]
struct AuthGate {
    secure: SecureServer,
    expected: Expectations,
    /// The expected audiences, for reports.
    audience: String,
    metadata: Metadata,
    max_body_bytes: usize,
    every_request: bool,
    sessions: Sessions,
}

impl SecureServer {
    /// Returns the layer that authorizes calls of this server at `resource`, the URI at which
    /// clients reach it. Tokens must be for `resource`, or for the audience that was configured with
    /// [`audience`](crate::SecureServerBuilder::audience): standard MCP clients ask for a token for
    /// the `resource` of the metadata (RFC 8707), and some issuers know an API by another name.
    ///
    /// # Errors
    /// [`ServerError::NoIdentityProvider`] if the server has no provider to judge tokens;
    /// [`ServerError::Refused`] if `resource` is not a resource URI (RFC 8707);
    /// [`ServerError::AttestationAudience`].
    pub fn auth_layer(&self, resource: &str) -> Result<AuthLayer, ServerError> {
        if self.authorization().is_none() {
            return Err(ServerError::NoIdentityProvider);
        }
        let uri = ResourceUri::parse(resource)
            .map_err(|error| ServerBuildError::Address(error.to_string()))?;
        let mut expected = Expectations::audience(uri.as_str());
        let mut audiences = vec![uri.as_str().to_owned()];
        if let Some(configured) = self.call_audience() {
            expected = expected.or_audience(configured);
            audiences.push(configured.to_owned());
        }
        let catalog = self.catalog();
        let for_attestations = catalog.attestation_audience();
        if let Some(shared) = audiences.iter().find(|one| Some(&***one) == for_attestations) {
            return Err(ServerError::AttestationAudience(shared.clone()));
        }
        drop(catalog);
        let metadata =
            Metadata::of(&uri).map_err(|error| ServerBuildError::Address(error.to_string()))?;
        let gate = AuthGate {
            secure: self.clone(),
            expected,
            audience: audiences.join(" or "),
            metadata,
            max_body_bytes: MAX_BODY_BYTES,
            every_request: false,
            sessions: Sessions::new(),
        };
        Ok(AuthLayer { gate: Arc::new(gate) })
    }

    /// Returns the audience for calls that was configured.
    pub(crate) fn call_audience(&self) -> Option<&str> {
        self.authorization()?.audience.as_deref()
    }
}

impl AuthLayer {
    /// Sets the limit for bodies that are read, in bytes. The default is 4 MiB, like rmcp's. Set it
    /// together with `max_request_body_bytes` of rmcp's configuration.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.gate).max_body_bytes = bytes;
        self
    }

    /// Refuses every request without a valid token, listings included. Only the metadata stays
    /// public. The preflight requests of browsers pass as well, because browsers never send a token
    /// with them.
    #[must_use]
    pub fn for_every_request(mut self) -> Self {
        Arc::make_mut(&mut self.gate).every_request = true;
        self
    }

    /// Returns the URL of the protected resource metadata, as challenges name it.
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        self.gate.metadata.url()
    }

    /// Returns the protected resource metadata (RFC 9728, section 2) as JSON, for a server that
    /// serves it at another place than behind this layer.
    #[must_use]
    pub fn metadata(&self) -> String {
        self.gate.metadata.document(&self.gate.secure)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, gate: Arc::clone(&self.gate) }
    }
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<AuthBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `poll_ready` was called on this service, and its clone may not be ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move {
            match gate.pass(request).await {
                Ok(request) => {
                    let beginner = beginner(&request);
                    let response = inner.call(request).await?;
                    if let Some(principal) = beginner {
                        gate.sessions.begun(response.headers(), &principal);
                    }
                    Ok(response.map(Either::Right))
                }
                Err(answer) => Ok(answer.map(Either::Left)),
            }
        })
    }
}

impl AuthGate {
    /// Returns the request for the inner service, or the layer's own answer.
    async fn pass<B>(
        &self,
        request: Request<B>,
    ) -> Result<Request<AuthBody<B>>, Response<Full<Bytes>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        if self.metadata.is_at(request.uri().path()) {
            return Err(self.metadata.answer(request.method(), &self.secure));
        }
        let (mut parts, body) = request.into_parts();
        parts.extensions.remove::<Caller>();
        let principal =
            self.principal(&mut parts.headers).await.map_err(|c| c.answer(&self.metadata))?;
        if principal.is_none() && self.every_request && !is_preflight(&parts) {
            return Err(Challenge::NoToken { requirement: None }.answer(&self.metadata));
        }
        let (asked, body) = if is_json_post(&parts) {
            let bytes = self.read(body).await?;
            let asked = Asked::read(&bytes, self.max_body_bytes);
            let asked = asked.map_err(|why| challenge::unreadable(&why))?;
            (Some(asked), Either::Left(Full::new(bytes)))
        } else {
            (None, Either::Right(body))
        };
        if !self.sessions.admit(&parts, asked.as_ref(), principal.as_ref()) {
            self.secure.reporter().session_refused(principal.as_ref());
            return Err(challenge::no_such_session());
        }
        if let Some(Asked::Call(tool)) = &asked {
            self.judge(tool, principal.as_ref())
                .map_err(|challenge| challenge.answer(&self.metadata))?;
        }
        if let Some(principal) = principal {
            parts
                .extensions
                .insert(Caller { principal: principal.clone(), server: self.secure.clone() });
            parts.extensions.insert(principal);
        }
        Ok(Request::from_parts(parts, body))
    }

    /// Returns the principal of the request's bearer token.
    async fn principal(&self, headers: &mut HeaderMap) -> Result<Option<Principal>, Challenge> {
        let Some(token) = bearer(headers)? else { return Ok(None) };
        // Mark the header as sensitive, so that the debug output of the headers does not show the
        // token.
        if let Some(value) = headers.get_mut(header::AUTHORIZATION) {
            value.set_sensitive(true);
        }
        let judged = self.validate(&token).await;
        judged.map(Some).inspect_err(|challenge| {
            let error = match challenge {
                Challenge::Refused(error) => Some(error),
                _ => None,
            };
            self.secure.reporter().token_refused(&self.audience, &challenge.description(), error);
        })
    }

    async fn validate(&self, token: &BearerToken) -> Result<Principal, Challenge> {
        let Some(authorization) = self.secure.authorization() else {
            return Err(Challenge::Refused(OAuthError::Interrupted));
        };
        if self.secure.catalog().is_attestation(token.expose()) {
            return Err(Challenge::Attestation);
        }
        let principal = authorization
            .authorizer
            .validate(token, &self.expected)
            .await
            .map_err(Challenge::Refused)?;
        let catalog = self.secure.catalog();
        let for_attestations = catalog.attestation_audience();
        if principal.audience().iter().any(|one| Some(&**one) == for_attestations) {
            return Err(Challenge::Attestation);
        }
        Ok(principal)
    }

    /// Fails if the tool may not be called. The handler's wrapper checks again.
    fn judge(&self, tool: &str, principal: Option<&Principal>) -> Result<(), Challenge> {
        let requirement = self.secure.catalog().requirement(tool);
        let Some(requirement) = requirement else { return Ok(()) };
        let refusal = match principal {
            None => Challenge::NoToken { requirement: Some(Requirement::clone(&requirement)) },
            Some(principal) => {
                let missing = requirement.missing(principal);
                if missing.is_empty() {
                    return Ok(());
                }
                Challenge::Missing { requirement: Requirement::clone(&requirement), missing }
            }
        };
        let missing = match &refusal {
            Challenge::Missing { missing, .. } => missing.clone(),
            _ => requirement.scopes().iter().cloned().collect(),
        };
        self.secure.reporter().call_denied(principal, &refusal.description(), missing);
        Err(refusal)
    }

    async fn read<B>(&self, body: B) -> Result<Bytes, Response<Full<Bytes>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        match Limited::new(body, self.max_body_bytes).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(challenge::too_large(self.max_body_bytes))
            }
            Err(_) => Err(challenge::unreadable("the body could not be read completely")),
        }
    }
}

/// Returns the principal of a request that may begin a session: a `POST` without a session id.
fn beginner<B>(request: &Request<B>) -> Option<Principal> {
    let begins = request.method() == Method::POST && !has_session(request.headers());
    request.extensions().get::<Principal>().filter(|_| begins).cloned()
}

/// Returns whether a browser asks which requests a page may send (Fetch standard, CORS-preflight
/// request). Such a request does not reach a tool.
fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns whether the request is a `POST` whose body is JSON, or has no content type. rmcp reads
/// only JSON bodies.
fn is_json_post(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let is_json = content_type.is_none_or(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.windows(4).any(|part| part == b"json")
    });
    parts.method == Method::POST && is_json
}

/// Returns the token of the single `Authorization` header. Ignores other schemes.
fn bearer(headers: &HeaderMap) -> Result<Option<BearerToken>, Challenge> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Challenge::TwoHeaders);
    }
    let bytes = value.as_bytes();
    let (scheme, rest) = match bytes.iter().position(|byte| *byte == b' ') {
        Some(at) => bytes.split_at(at),
        None => (bytes, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    // A header that is not text becomes an empty token, which is refused.
    let token = std::str::from_utf8(rest).unwrap_or_default().trim_matches(' ');
    Ok(Some(BearerToken::new(token)))
}
