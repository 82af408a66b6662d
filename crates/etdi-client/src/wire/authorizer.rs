//! The source of the credentials of requests.

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::ResourceUri;
use secrecy::SecretString;

use super::headers::RequestHeaders;

/// The source of the bearer token (RFC 6750) and of other headers for requests to a server.
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

    /// Returns the headers that every request to `server` has. By default there are none. If there
    /// is a token, it takes the place of an `Authorization` among them.
    ///
    /// # Errors
    /// Any error; the request is not sent then.
    async fn headers(
        &self,
        server: &ResourceUri,
    ) -> Result<RequestHeaders, Box<dyn std::error::Error + Send + Sync>> {
        let _ = server;
        Ok(RequestHeaders::default())
    }

    /// Forgets `token`, because `server` refused it with 401 `invalid_token`. Returns whether
    /// [`bearer_token`](Self::bearer_token) gives another token now: the request is then sent once
    /// more. By default keeps the token and returns `false`.
    fn forget(&self, server: &ResourceUri, token: &SecretString) -> bool {
        let _ = (server, token);
        false
    }
}
