#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "peers")]
pub mod counting;
pub mod scripted;
pub mod steps;

/// The pages of `docs/`, whose code compiles.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../../docs/auth0.md")]
    pub struct Auth0;
    #[doc = include_str!("../../docs/oidc.md")]
    pub struct Oidc;
}
