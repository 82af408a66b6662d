//! Errors of the issuer.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

/// The issuer cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not on the loopback interface.
    #[error(
        "cannot start the issuer at {0}: it is for development and answers only on the loopback \
         interface; use 127.0.0.1 or ::1"
    )]
    NotLoopback(SocketAddr),
    /// The system does not let the issuer listen on the address.
    #[error("cannot start the issuer at {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The first key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A key or a secret cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system does not return random numbers.
    #[error("cannot make a secret: the system does not return random numbers")]
    NoRandomNumbers,
    /// The library did not make an RSA key.
    #[error("cannot make an RSA key of 2048 bits")]
    NotGenerated,
    /// The bytes are not a private key of 2048 bits in PKCS #8.
    #[error("cannot read the RSA key: it must be of 2048 bits, in PKCS #8 and DER")]
    NotRead,
    /// The library did not write the key.
    #[error("cannot write the RSA key")]
    NotWritten,
    /// The library did not sign.
    #[error("cannot sign with the RSA key")]
    NotSigned,
}
