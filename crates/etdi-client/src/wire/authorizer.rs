//! The bearer tokens of requests.

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::ResourceUri;
use secrecy::SecretString;

/// The source of the bearer token for requests to a server (RFC 6750).
///
/// It is called before every request, so it should answer from a cache.
#[async_trait]
pub trait HttpAuthorizer: Debug + Send + Sync {
    /// Returns the token for `server`; `None` to send no token.
    ///
    /// # Errors
    /// Any error; the request is not sent then.
    async fn bearer_token(
        &self,
        server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>>;
}
