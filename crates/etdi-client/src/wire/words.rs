//! The errors of rmcp and of reqwest, in words for a person.
//!
//! Their own texts name Rust types, print values in the form of `Debug`, and quote a server at any
//! length. A text of a server that comes out of here is cut, and still has to be escaped.

use std::io;

use rmcp::model::ErrorData;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;

use super::cut::{cut, root};
use super::http::error::RequestError;

const ENDED: &str = "the server ended the connection before it answered";

/// Returns the cause of a failed handshake.
pub(super) fn handshake(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => handshake(fallback),
        ClientInitializeError::TransportError { error, .. } => transport(error),
        ClientInitializeError::ConnectionClosed(_) => ENDED.to_owned(),
        ClientInitializeError::JsonRpcError(said) => json_rpc(said),
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<_> = server_supported.iter().map(|one| one.as_str()).collect();
            format!("the server knows only the MCP versions {}", cut(&versions.join(", ")))
        }
        ClientInitializeError::ConflictInitResponseId(expected, got) => {
            format!("the server answered with the id {}, not {expected}", cut(&got.to_string()))
        }
        ClientInitializeError::UncorrelatedErrorResponse { expected, received } => {
            let received = cut(&received.to_string());
            format!("the server answered with an error with the id {received}, not {expected}")
        }
        _ => "the server's answer is not one to this request".to_owned(),
    }
}

/// Returns the cause of a failed request.
pub(crate) fn service(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(said) => json_rpc(said),
        ServiceError::TransportSend(error) => transport(error),
        ServiceError::TransportClosed => ENDED.to_owned(),
        ServiceError::Timeout { timeout } => {
            format!("the server did not answer within {} s", timeout.as_secs_f64())
        }
        ServiceError::Cancelled { reason } => match reason {
            Some(reason) => format!("the request was cancelled: {}", cut(reason)),
            None => "the request was cancelled".to_owned(),
        },
        ServiceError::UnexpectedResponse => {
            "the server answered with the result of another method".to_owned()
        }
        other => cut(&other.to_string()),
    }
}

/// Returns whether the server ended the connection. Either the reader or the writer may notice it
/// first.
pub(super) fn is_end(error: &ClientInitializeError) -> bool {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => is_end(fallback),
        ClientInitializeError::TransportError { error, .. } => is_broken_pipe(error),
        ClientInitializeError::ConnectionClosed(_) => true,
        _ => false,
    }
}

/// Returns the error of the HTTP transport, if this is one.
pub(crate) fn request_error(error: &DynamicTransportError) -> Option<&RequestError> {
    error.error.downcast_ref()
}

/// Returns the error of the HTTP transport that ended a handshake.
pub(super) fn handshake_request(error: &ClientInitializeError) -> Option<&RequestError> {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => handshake_request(fallback),
        ClientInitializeError::TransportError { error, .. } => request_error(error),
        _ => None,
    }
}

/// Returns the cause of a failed HTTP request.
pub(super) fn request(error: &RequestError) -> String {
    match error {
        RequestError::Client(error) => error.to_string(),
        RequestError::AuthRequired(said) => {
            let challenge = cut(&said.www_authenticate_header);
            format!("the server wants authorization: {challenge}")
        }
        RequestError::InsufficientScope(said) => {
            let challenge = cut(&said.www_authenticate_header);
            format!("the server wants a token with more scopes: {challenge}")
        }
        RequestError::HttpStatus(status) => format!("the server answered HTTP {}", status.status),
        RequestError::ResponseBodyTooLarge { max_size } => {
            format!("the server's answer is larger than {max_size} bytes")
        }
        RequestError::UnexpectedEndOfStream => "the server's event stream ended early".to_owned(),
        RequestError::SessionExpired => "the server ended the session".to_owned(),
        RequestError::ReinitializationFailed(said) => json_rpc(said),
        RequestError::TransportChannelClosed => ENDED.to_owned(),
        other => root(other).to_string(),
    }
}

/// Returns the server's own error, with its code.
fn json_rpc(said: &ErrorData) -> String {
    format!("the server answered with an error: {} (code {})", cut(&said.message), said.code.0)
}

fn transport(error: &DynamicTransportError) -> String {
    match request_error(error) {
        Some(error) => request(error),
        None if is_broken_pipe(error) => ENDED.to_owned(),
        None => root(error.error.as_ref()).to_string(),
    }
}

fn is_broken_pipe(error: &DynamicTransportError) -> bool {
    let cause = root(error.error.as_ref()).downcast_ref::<io::Error>();
    request_error(error).is_none()
        && cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use rmcp::RoleClient;
    use rmcp::transport::async_rw::AsyncRwTransport;

    use super::*;

    #[test]
    fn the_end_of_a_server_is_the_same_to_reader_and_writer() {
        type Stdio = AsyncRwTransport<RoleClient, tokio::io::Empty, tokio::io::Sink>;
        let failed = |kind: io::ErrorKind| {
            ClientInitializeError::transport::<Stdio>(kind.into(), "while it was greeted")
        };
        let closed = ClientInitializeError::ConnectionClosed("initialize".to_owned());
        for noticed in [failed(io::ErrorKind::BrokenPipe), closed] {
            assert!(is_end(&noticed));
            assert_eq!(handshake(&noticed), ENDED);
        }
        let other = failed(io::ErrorKind::PermissionDenied);
        assert!(!is_end(&other));
        assert!(handshake(&other).contains("permission denied"));
    }

    #[test]
    fn a_long_error_of_a_server_is_cut() {
        let said = ErrorData::internal_error("x".repeat(100_000), None);
        assert!(service(&ServiceError::McpError(said)).len() < 400);
    }
}
