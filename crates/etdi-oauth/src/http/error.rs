//! The errors of a request without a usable answer.

use std::time::Duration;

use etdi_types::text::escaped;

/// An identity provider's server gave no usable answer, or must not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The text is not an absolute URL without credentials and fragment.
    #[error("\"{}\" is not a URL that can be requested; give an absolute https URL", escaped(url))]
    InvalidUrl {
        /// The text.
        url: String,
    },
    /// Not https. Loopback is exempt with [`Network::dangerous`](crate::Network::dangerous).
    #[error(
        "\"{}\" is not https; plain http is possible to this machine only, if it is allowed expressly",
        escaped(url)
    )]
    NotHttps {
        /// The URL.
        url: String,
    },
    /// The host is, or resolves to, an address that is not public. Use
    /// [`Network::dangerous`](crate::Network::dangerous) to allow such addresses.
    #[error(
        "\"{}\" is not at a public address, so it is not contacted; a private network must be allowed \
         expressly",
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
