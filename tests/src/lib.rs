#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "peers")]
pub mod conformance;
pub mod corpus;
#[cfg(feature = "peers")]
pub mod rich;
pub mod scripted;
pub mod steps;

/// The pages of the book, and the READMEs whose examples serve tools. Their Rust compiles, and runs
/// if it does not need another program.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../../docs/architecture.md")]
    pub struct Architecture;
    #[doc = include_str!("../../docs/auth0.md")]
    pub struct Auth0;
    #[doc = include_str!("../../docs/events.md")]
    pub struct Events;
    #[doc = include_str!("../../docs/host.md")]
    pub struct Host;
    #[doc = include_str!("../../docs/oidc.md")]
    pub struct Oidc;
    #[doc = include_str!("../../docs/review.md")]
    pub struct Review;
    #[doc = include_str!("../../docs/server.md")]
    pub struct Server;
    #[doc = include_str!("../../docs/server-tokens.md")]
    pub struct ServerTokens;
    #[doc = include_str!("../../docs/stores.md")]
    pub struct Stores;
    #[doc = include_str!("../../docs/trust.md")]
    pub struct Trust;
    #[doc = include_str!("../../docs/verdicts.md")]
    pub struct Verdicts;

    #[doc = include_str!("../../crates/etdi/README.md")]
    pub struct Etdi;
    #[doc = include_str!("../../crates/etdi-server/README.md")]
    pub struct EtdiServer;
}
