#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod attestation;
mod cache;
mod claims;
mod config;
pub mod contract;
mod convention;
mod discovery;
mod dpop;
mod error;
mod flight;
mod grant;
mod http;
mod introspection;
mod issuer_client;
pub mod jwks;
mod jwt;
mod network;
mod provider;
mod refusal;
mod registry;
mod remedy;
mod request;
mod retry;
mod token;
pub mod validation;

pub use attestation::{
    AttestationError, AttestationVerifier, Attested, AttestedDefinition, check_attestation,
};
pub use config::{
    AttestationConfig, AudienceParameter, Auth0Variables, ClientAuthentication, ConfigError,
    OAuthConfig,
};
pub use convention::{ACCESS_TOKEN_VARIABLE, INSUFFICIENT_SCOPE, UNAUTHENTICATED};
pub use discovery::{DiscoveryError, Endpoints};
pub use error::OAuthError;
pub use http::HttpError;
pub use introspection::Introspection;
pub use jwks::{JwksClient, JwksError, KeySet};
pub use network::{Network, danger};
pub use provider::{Auth0Provider, EntraProvider, GenericProvider, OAuthProvider, OktaProvider};
pub use registry::ProviderRegistry;
pub use request::{AttestationRequest, TokenRequest};
pub use retry::{Pause, RetryPolicy, TokioPause};
pub use token::{AccessToken, AttestationToken, BearerToken};
pub use validation::{Expectations, IssuerRules, Principal, TokenError, validate};
