//! Real flows against a certified authorization server, npm `oidc-provider`, with the endpoints and
//! tokens of Auth0 and with its own. `cargo xtask test` installs it.

#![forbid(unsafe_code)]

mod attesting;
mod peer;
mod rotation;
mod serving;
mod tokens;

/// Runs each of these tests against both layouts.
macro_rules! in_both_layouts {
    ($($test:ident),* $(,)?) => {
        mod in_auth0s_layout {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::peer::Layout::Auth0).await;
            })*
        }

        mod in_the_plain_layout {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::peer::Layout::Plain).await;
            })*
        }
    };
}
pub(crate) use in_both_layouts;
