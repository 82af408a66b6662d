//! Why a request gave no usable answer.

use std::time::Duration;

use etdi_types::text::escaped;

/// An identity provider's server gave no usable answer, or may not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Not an absolute URL without credentials and fragment.
    #[error("\"{}\" is not a URL that can be requested; give an absolute https URL", escaped(url))]
    InvalidUrl {
        /// The text.
        url: String,
    },
    /// Not https. Loopback is exempt with [`Network::dangerous`](crate::Network::dangerous).
    #[error(
        "\"{}\" is not https; plain http goes to this machine only, where that is allowed expressly",
        escaped(url)
    )]
    NotHttps {
        /// The URL.
        url: String,
    },
    /// The host is, or resolves to, an address that is not public. Such addresses are let through
    /// by [`Network::dangerous`](crate::Network::dangerous).
    #[error(
        "\"{}\" is not at a public address, so it is not asked; a private network has to be allowed \
         expressly",
        escaped(host)
    )]
    PrivateAddress {
        /// The host.
        host: String,
    },
    /// The answer was a redirect, and redirects are not followed.
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
    /// No connection, or it broke.
    #[error("the connection failed: {}", escaped(.0))]
    Connection(String),
    /// TLS cannot be set up.
    #[error("TLS could not be set up: {}", escaped(.0))]
    Tls(String),
}

impl HttpError {
    /// Whether the same request may succeed a moment later, for a host that retries on its own.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Connection(_))
    }
}
