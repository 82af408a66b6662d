//! The answers to requests that are refused (RFC 6750, section 3; RFC 9728, section 5.1).

use bytes::Bytes;
use etdi_oauth::OAuthError;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::metadata::Metadata;
use crate::requirement::Requirement;

/// The longest description in a header, in bytes.
const LONGEST_DESCRIPTION: usize = 500;

/// The reason why a request is refused.
#[derive(Debug)]
pub(super) enum Challenge {
    /// The request has no token, and needs a token that meets `requirement`, or any valid token.
    NoToken { requirement: Option<Requirement> },
    /// A token was presented, and it is refused or cannot be judged now.
    Refused(OAuthError),
    /// An attestation was presented.
    Attestation,
    /// The token is valid, but lacks scopes.
    Missing { requirement: Requirement, missing: Vec<String> },
    /// More than one `Authorization` header.
    TwoHeaders,
}

impl Challenge {
    /// Returns the reason and the next step.
    pub(super) fn description(&self) -> String {
        match self {
            Self::NoToken { .. } => {
                "this needs an access token, as Authorization: Bearer".to_owned()
            }
            Self::Attestation => {
                "the token is an attestation, which is public and grants nothing; send an access \
                 token"
                    .to_owned()
            }
            Self::Refused(error) if error.is_unavailable() => {
                "the token cannot be judged now; try again later".to_owned()
            }
            Self::Refused(error) => error.to_string(),
            Self::Missing { requirement, missing } => format!(
                "the token lacks {}; get one with all of {}",
                missing.join(" "),
                requirement.scope_text()
            ),
            Self::TwoHeaders => {
                "there is more than one Authorization header; send exactly one".to_owned()
            }
        }
    }

    pub(super) fn answer(&self, metadata: &Metadata) -> Response<Full<Bytes>> {
        let (status, code) = match self {
            Self::NoToken { .. } => (StatusCode::UNAUTHORIZED, None),
            Self::Refused(error) if error.is_unavailable() => {
                (StatusCode::SERVICE_UNAVAILABLE, Some("temporarily_unavailable"))
            }
            Self::Refused(_) | Self::Attestation => {
                (StatusCode::UNAUTHORIZED, Some("invalid_token"))
            }
            Self::Missing { .. } => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
            Self::TwoHeaders => (StatusCode::BAD_REQUEST, Some("invalid_request")),
        };
        let description = self.description();
        let mut body = Map::new();
        if let Some(code) = code {
            body.insert("error".to_owned(), code.into());
        }
        body.insert("error_description".to_owned(), description.clone().into());
        if let Some(requirement) = self.requirement() {
            body.insert("required_scopes".to_owned(), json!(requirement.scopes()));
        }
        if let Self::Missing { missing, .. } = self {
            body.insert("missing_scopes".to_owned(), json!(missing));
        }
        let mut response = json_response(status, &Value::Object(body));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        } else if let Ok(value) = self.header(metadata, code, &description).parse() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    fn header(&self, metadata: &Metadata, code: Option<&str>, description: &str) -> String {
        let mut header = format!("Bearer resource_metadata=\"{}\"", metadata.url());
        if let Some(code) = code {
            header +=
                &format!(", error=\"{code}\", error_description=\"{}\"", quotable(description));
        }
        let scope = self.requirement().map(Requirement::scope_text);
        if let Some(scope) = scope.filter(|scope| !scope.is_empty()) {
            header += &format!(", scope=\"{scope}\"");
        }
        header
    }

    fn requirement(&self) -> Option<&Requirement> {
        match self {
            Self::NoToken { requirement } => requirement.as_ref(),
            Self::Missing { requirement, .. } => Some(requirement),
            Self::Refused(_) | Self::Attestation | Self::TwoHeaders => None,
        }
    }
}

/// Returns the answer to a body that cannot be judged.
pub(super) fn unreadable(why: &str) -> Response<Full<Bytes>> {
    let error = json!({"code": -32700, "message": why});
    json_response(StatusCode::BAD_REQUEST, &json!({"jsonrpc": "2.0", "id": null, "error": error}))
}

/// Returns 404, which rmcp also answers for a session that does not exist.
pub(super) fn no_such_session() -> Response<Full<Bytes>> {
    let error = json!({"code": -32600, "message": "the session does not exist for this caller"});
    json_response(StatusCode::NOT_FOUND, &json!({"jsonrpc": "2.0", "id": null, "error": error}))
}

pub(super) fn too_large(limit: usize) -> Response<Full<Bytes>> {
    let error =
        json!({"code": -32600, "message": format!("the body is larger than {limit} bytes")});
    json_response(
        StatusCode::PAYLOAD_TOO_LARGE,
        &json!({"jsonrpc": "2.0", "id": null, "error": error}),
    )
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Limits the text as RFC 6750, section 3, demands: printable ASCII without quotes and backslashes.
fn quotable(text: &str) -> String {
    let quotable = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().take(LONGEST_DESCRIPTION).map(quotable).collect()
}
