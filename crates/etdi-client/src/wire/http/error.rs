//! The errors of a request over HTTP.

use http::HeaderMap;
use http::StatusCode;
use http::header::LOCATION;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use crate::wire::cut::{cut, root};

/// The error of rmcp's worker for a request that failed.
pub(crate) type RequestError = StreamableHttpError<HttpError>;

/// The answer to a request over HTTP that is not an answer of MCP. Texts of the server are cut and
/// not escaped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The request was not answered.
    #[error("{}", root(.0))]
    Unanswered(reqwest::Error),
    /// The server redirects. A redirect is not followed: a request is meant only for the server
    /// that was configured.
    #[error("the server redirects")]
    Redirected { to: Option<String> },
    /// 401 or 403 without a challenge.
    #[error("the server answered HTTP {status}{}", after_colon(said))]
    Denied { status: StatusCode, said: String },
    /// Another status of failure.
    #[error(
        "the server answered HTTP {status}{}{}{}",
        no_server(*status), after_colon(said), after_time(retry_after.as_deref())
    )]
    Failed { status: StatusCode, said: String, retry_after: Option<String> },
    /// Neither JSON nor an event stream.
    #[error("the server answered with {0}, not JSON or an event stream")]
    MediaType(String),
    #[error("the server's answer is not a JSON-RPC message")]
    NotJsonRpc,
    /// The event stream of MCP 2024-11-05 names an endpoint of another server.
    #[error("the server's event stream names an endpoint with another origin")]
    ForeignEndpoint,
}

impl HttpError {
    pub(super) fn redirected(headers: &HeaderMap) -> Self {
        let to = headers.get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()));
        // The query may repeat a key that the configured URL holds.
        let to = to.map(|to| cut(to.split(['?', '#']).next().unwrap_or_default()));
        Self::Redirected { to }
    }

    pub(super) fn failed(status: StatusCode, said: String, retry_after: Option<String>) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied { status, said },
            _ => Self::Failed { status, said, retry_after },
        }
    }
}

impl From<reqwest::Error> for HttpError {
    /// Removes the URL. A server's URI may hold a key in its query, and errors are printed.
    fn from(error: reqwest::Error) -> Self {
        Self::Unanswered(error.without_url())
    }
}

/// Converts an error of rmcp's own HTTP client.
pub(super) fn from_rmcp(error: StreamableHttpError<reqwest::Error>) -> RequestError {
    match error {
        StreamableHttpError::Client(error) => RequestError::Client(error.into()),
        StreamableHttpError::Sse(error) => RequestError::Sse(error),
        StreamableHttpError::Io(error) => RequestError::Io(error),
        StreamableHttpError::HttpStatus(error) => RequestError::HttpStatus(error),
        StreamableHttpError::AuthRequired(error) => RequestError::AuthRequired(error),
        StreamableHttpError::InsufficientScope(error) => RequestError::InsufficientScope(error),
        StreamableHttpError::ServerDoesNotSupportSse => RequestError::ServerDoesNotSupportSse,
        StreamableHttpError::SessionExpired => RequestError::SessionExpired,
        other => RequestError::UnexpectedServerResponse(other.to_string().into()),
    }
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn after_time(retry_after: Option<&str>) -> String {
    retry_after.map_or_else(String::new, |time| format!(" (Retry-After: {time})"))
}

/// Returns a hint for a status that no MCP server gives. In MCP 2025-11-25, transports, a server is
/// one path, which takes POST.
fn no_server(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => ": this path has no MCP server",
        _ => "",
    }
}
