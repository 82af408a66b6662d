//! The credentials of the requests to one server, and what follows when the server refuses a token.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use etdi_types::ResourceUri;
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use rmcp::service::ServiceError;
use rmcp::transport::streamable_http_client::AuthRequiredError;
use secrecy::{ExposeSecret, SecretString};

use super::authorizer::HttpAuthorizer;
use super::headers::RequestHeaders;
use super::http::challenge::says_invalid_token;
use super::http::error::RequestError;
use super::words::request_error;

/// The credentials of the requests to one server.
#[derive(Clone)]
pub(super) struct Credentials {
    server: ResourceUri,
    authorizer: Option<Arc<dyn HttpAuthorizer>>,
    /// The token that was forgotten last, until the server accepts another one. A server that
    /// refuses every token would otherwise cause a request to the issuer each time.
    forgotten: Arc<Mutex<Option<SecretString>>>,
}

/// The next step for a request after its token was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// Send it again with another token.
    Repeat,
    /// Fail with [`TokenForgotten`]: the tool of a call must be judged again first.
    Judge,
}

/// The error of a call whose token was refused and forgotten. The next call has another token.
#[derive(Debug, thiserror::Error)]
#[error("the server refuses the access token as invalid")]
struct TokenForgotten(AuthRequiredError);

/// The credentials of one request.
pub(super) struct Sent {
    pub(super) token: Option<String>,
    headers: RequestHeaders,
}

impl Sent {
    /// Returns the headers of the transport, and those that the host configured for the server.
    pub(super) fn added_to(
        self,
        mut headers: HashMap<HeaderName, HeaderValue>,
    ) -> (Option<String>, HashMap<HeaderName, HeaderValue>) {
        self.headers.add_to(&mut headers, self.token.is_some());
        (self.token, headers)
    }

    /// Adds the credentials to a request.
    pub(super) fn add_to(self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let (token, headers) = self.added_to(HashMap::new());
        let request = request.headers(headers.into_iter().collect());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Credentials {
    pub(super) fn new(server: ResourceUri, authorizer: Option<Arc<dyn HttpAuthorizer>>) -> Self {
        Self { server, authorizer, forgotten: Arc::default() }
    }

    pub(super) fn server(&self) -> &ResourceUri {
        &self.server
    }

    /// Sends a request with the server's token. If the server refuses the token as invalid (RFC
    /// 6750, section 3.1), forgets it, once: an issuer may have changed its keys, and the token
    /// would otherwise be sent until it expires.
    pub(super) async fn authorize<T, F>(
        &self,
        afterwards: Afterwards,
        send: impl Fn(Sent) -> F,
    ) -> Result<T, RequestError>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        let token = self.token().await?;
        let result = send(self.sent(token.as_ref()).await?).await;
        self.note(token.as_ref(), &result);
        let challenge = match (&token, result) {
            (Some(token), Err(RequestError::AuthRequired(said))) if self.forgets(token, &said) => {
                said
            }
            (_, result) => return result,
        };
        if afterwards == Afterwards::Judge {
            return Err(RequestError::Io(io::Error::other(TokenForgotten(challenge))));
        }
        let token = self.token().await?;
        let result = send(self.sent(token.as_ref()).await?).await;
        self.note(token.as_ref(), &result);
        result
    }

    async fn token(&self) -> Result<Option<SecretString>, RequestError> {
        let Some(authorizer) = &self.authorizer else {
            return Ok(None);
        };
        let token = authorizer.bearer_token(&self.server).await;
        token.map_err(|error| RequestError::Io(io::Error::other(error)))
    }

    async fn sent(&self, token: Option<&SecretString>) -> Result<Sent, RequestError> {
        let headers = match &self.authorizer {
            Some(authorizer) => authorizer.headers(&self.server).await,
            None => Ok(RequestHeaders::default()),
        };
        let headers = headers.map_err(|error| RequestError::Io(io::Error::other(error)))?;
        Ok(Sent { token: token.map(|token| token.expose_secret().to_owned()), headers })
    }

    /// Forgets a token that the server refused. Returns whether another token is worth a try.
    fn forgets(&self, token: &SecretString, said: &AuthRequiredError) -> bool {
        let Some(authorizer) = &self.authorizer else { return false };
        if !says_invalid_token(&said.www_authenticate_header) {
            return false;
        }
        let mut forgotten = self.forgotten.lock();
        match &*forgotten {
            // A request that was under way had the same token, and it is forgotten already.
            Some(before) => before.expose_secret() == token.expose_secret(),
            None => {
                let forgets = authorizer.forget(&self.server, token);
                if forgets {
                    *forgotten = Some(token.clone());
                }
                forgets
            }
        }
    }

    /// Notes that the server accepted a token.
    fn note<T>(&self, token: Option<&SecretString>, result: &Result<T, RequestError>) {
        let accepted = matches!(result, Ok(_) | Err(RequestError::InsufficientScope(_)));
        if let Some(token) = token.filter(|_| accepted) {
            self.forgotten.lock().take_if(|old| old.expose_secret() != token.expose_secret());
        }
    }
}

/// Returns the challenge of a call whose token was refused and forgotten.
pub(crate) fn forgotten(error: &ServiceError) -> Option<&str> {
    let ServiceError::TransportSend(source) = error else { return None };
    match request_error(source)? {
        RequestError::Io(error) => {
            let TokenForgotten(said) = error.get_ref()?.downcast_ref()?;
            Some(&said.www_authenticate_header)
        }
        _ => None,
    }
}
