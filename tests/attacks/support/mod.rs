//! The parts that every attack uses: a server with scripted answers, a publisher, a host, and checks.

mod host;
mod server;
mod site;
mod tampering;

pub use etdi_testkit::handler::CountingHandler;
pub use etdi_testkit::issuer::{API, ATTESTATIONS, CLAIM, CLIENT, Issuer, Jwks, attested, network};
pub use etdi_testkit::keys::{EcKey, FIRST, KID, SECOND, changed, signing_input};
pub use etdi_testkit::publisher::{Publisher, tool, trust};
pub use host::*;
pub use server::*;
pub use site::*;
pub use tampering::*;

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
