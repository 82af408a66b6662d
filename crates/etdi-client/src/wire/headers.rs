//! The headers that a host configures for a server.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};

use etdi_types::text::escaped;
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// Headers for the requests to one server. Their values count as secrets: `Debug` shows only the
/// names.
#[derive(Clone, Default)]
pub struct RequestHeaders(HashMap<HeaderName, HeaderValue>);

/// A header that cannot be added to a request. The error has the name of the header, and never its
/// value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name has a character that the name of a header cannot have (RFC 9110, section 5.1).
    #[error("cannot send the header \"{}\": its name is not valid in HTTP", escaped(.0))]
    Name(String),
    /// The value has a character that the value of a header cannot have (RFC 9110, section 5.5).
    #[error("cannot send the header \"{0}\": its value has a character that HTTP does not allow")]
    Value(String),
    /// The transport sets the header itself.
    #[error("cannot send the header \"{0}\": it belongs to the connection or to MCP")]
    Reserved(String),
    /// There is a header with this name already; names do not differ by case.
    #[error("cannot send the header \"{0}\": it is given twice")]
    Twice(String),
}

impl RequestHeaders {
    /// Adds a header.
    ///
    /// # Errors
    /// [`HeaderError`] if HTTP does not allow the name or the value, if the transport sets the
    /// header itself, or if there is a header with this name already.
    pub fn insert(&mut self, name: &str, value: &SecretString) -> Result<(), HeaderError> {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| HeaderError::Name(name.to_owned()))?;
        if is_reserved(&header) {
            return Err(HeaderError::Reserved(name.to_owned()));
        }
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| HeaderError::Value(name.to_owned()))?;
        value.set_sensitive(true);
        match self.0.insert(header, value) {
            Some(_) => Err(HeaderError::Twice(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Adds these headers to those that the transport sets. A header of the transport stays as it
    /// is, and a token takes the place of `Authorization`.
    pub(super) fn add_to(self, headers: &mut HashMap<HeaderName, HeaderValue>, has_token: bool) {
        for (name, value) in self.0 {
            if !(has_token && name == AUTHORIZATION) {
                headers.entry(name).or_insert(value);
            }
        }
    }
}

impl Debug for RequestHeaders {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Returns whether the transport sets this header: it frames the message, or MCP gives it a
/// meaning (MCP 2026-07-28, transports).
fn is_reserved(name: &HeaderName) -> bool {
    const FRAMING: &[HeaderName] = &[
        ACCEPT,
        CONNECTION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        HOST,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    const MCP: &[&str] =
        &["last-event-id", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"];
    let text = name.as_str();
    FRAMING.contains(name) || MCP.contains(&text) || text.starts_with("mcp-param-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&str, &str)]) -> Result<RequestHeaders, HeaderError> {
        let mut headers = RequestHeaders::default();
        for (name, value) in all {
            headers.insert(name, &SecretString::from((*value).to_owned()))?;
        }
        Ok(headers)
    }

    #[test]
    fn a_header_that_http_or_the_transport_does_not_allow_is_refused() {
        for (all, error) in [
            (&[("a b", "v")][..], HeaderError::Name("a b".to_owned())),
            (&[("", "v")], HeaderError::Name(String::new())),
            (&[("x-key", "s3cret\r\nhost: b")], HeaderError::Value("x-key".to_owned())),
            (&[("Host", "v")], HeaderError::Reserved("Host".to_owned())),
            (&[("Content-Length", "v")], HeaderError::Reserved("Content-Length".to_owned())),
            (&[("MCP-Session-Id", "v")], HeaderError::Reserved("MCP-Session-Id".to_owned())),
            (&[("Mcp-Param-a", "v")], HeaderError::Reserved("Mcp-Param-a".to_owned())),
            (&[("X-Key", "v"), ("x-key", "w")], HeaderError::Twice("x-key".to_owned())),
        ] {
            let refused = headers(all).unwrap_err();
            assert_eq!(refused, error);
            assert!(!refused.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn the_value_of_a_header_is_not_shown() {
        let shown = format!("{:?}", headers(&[("X-Key", "s3cret")]).unwrap());
        assert!(shown.contains("x-key") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_token_takes_the_place_of_the_header_authorization() {
        let all = [("Authorization", "Basic a"), ("X-Key", "k")];
        for (has_token, count) in [(false, 2), (true, 1)] {
            let mut sent = HashMap::new();
            headers(&all).unwrap().add_to(&mut sent, has_token);
            assert_eq!(sent.len(), count);
            assert_eq!(sent.contains_key(&AUTHORIZATION), !has_token);
        }
    }
}
