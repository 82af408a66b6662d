//! What every attack needs: a server that says anything, a publisher, a host, and what a host sees.

mod host;
mod issuer;
mod keys;
mod publisher;
mod server;
mod site;

pub use host::*;
pub use issuer::*;
pub use keys::*;
pub use publisher::*;
pub use server::*;
pub use site::*;

/// Runs each of these attacks on stdio and on HTTP.
macro_rules! on_both_transports {
    ($($attack:ident),* $(,)?) => {
        mod on_stdio {
            $(#[tokio::test]
            async fn $attack() {
                super::$attack($crate::support::Transport::Stdio).await;
            })*
        }

        mod on_http {
            $(#[tokio::test]
            async fn $attack() {
                super::$attack($crate::support::Transport::Http).await;
            })*
        }
    };
}
pub(crate) use on_both_transports;
