//! The reasons why a request has no usable answer.

use std::time::Duration;

use etdi_types::text::escaped;

/// An identity provider's server gave no usable answer, or the request to it is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The text is not an absolute URL, or it has credentials, a fragment, or characters that URL
    /// parsers read differently.
    #[error("\"{}\" is not a URL that can be requested; give an absolute https URL", escaped(url))]
    InvalidUrl {
        /// The text.
        url: String,
    },
    /// The scheme is not https. Plain http to loopback needs an option of
    /// [`Network::dangerous`](crate::Network::dangerous).
    #[error(
        "\"{}\" does not use https; plain http is refused, except to this machine if an option allows it",
        escaped(url)
    )]
    NotHttps {
        /// The URL.
        url: String,
    },
    /// The host is, or resolves to, an address that is not public.
    /// [`Network::dangerous`](crate::Network::dangerous) has options that allow loopback and
    /// private addresses.
    #[error(
        "\"{}\" does not have a public address; this machine and private networks are refused, unless an \
         option allows them",
        escaped(host)
    )]
    PrivateAddress {
        /// The host.
        host: String,
    },
    /// The answer was a redirect. Redirects are not followed.
    #[error(
        "the answer was a redirect ({status}), and redirects are not followed; configure the final address"
    )]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// The body is too large.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer took too long.
    #[error("there was no complete answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The connection was not made, or it broke.
    #[error("the connection failed: {}", escaped(.0))]
    Connection(String),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {}", escaped(.0))]
    Tls(String),
}

impl HttpError {
    /// Returns whether the same request may succeed a moment later, for a host that retries on its
    /// own.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Connection(_))
    }
}
