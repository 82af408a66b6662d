//! What goes over the wire: rmcp's client over transports that keep the raw text of what is judged.

mod child;
mod gate;
mod handshake;
mod http;
mod link;
mod raw;
mod salvage;
mod sse;
mod stdio;
mod stop;

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::ResourceUri;
use secrecy::SecretString;

pub use child::kill_stdio_servers;
pub use gate::NotJudged;
pub(crate) use link::{Lifecycle, Link, ListChanges};

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
