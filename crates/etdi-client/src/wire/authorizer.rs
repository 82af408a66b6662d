//! The bearer tokens of requests.

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::ResourceUri;
use secrecy::SecretString;

/// Gives the bearer token for requests to a server (RFC 6750).
///
/// It is asked before every request, so it should answer from a cache.
#[async_trait]
pub trait HttpAuthorizer: Debug + Send + Sync {
    /// The token for `server`; `None` to send none.
    ///
    /// # Errors
    /// Anything: the request is not sent then.
    async fn bearer_token(
        &self,
        server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>>;
}
