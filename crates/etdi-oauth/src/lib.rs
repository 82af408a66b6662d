#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]
// Times and sizes come from issuers, servers and callers. `instants` has the arithmetic on times.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod attestation;
mod attestation_verifier;
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
mod instants;
mod introspection;
mod issuer_client;
mod issuer_http;
mod issuer_provider;
mod issuer_rules;
pub mod jwks;
mod jwt;
mod limiter;
mod presented;
mod provider;
mod redaction;
mod refusal;
mod registry;
mod remedy;
mod request;
mod retry;
mod retry_after;
mod token;
mod token_error;
pub mod validation;
mod vendor;

pub use attestation::{AttestationError, Attested, AttestedDefinition, check_attestation};
pub use attestation_verifier::AttestationVerifier;
pub use config::{
    AttestationConfig, Auth0Variables, ClientAuthentication, ConfigError, OAuthConfig,
};
pub use convention::{ACCESS_TOKEN_VARIABLE, INSUFFICIENT_SCOPE, UNAUTHENTICATED};
pub use discovery::{DiscoveryError, Endpoints};
pub use error::OAuthError;
pub use http::{HttpError, Network, danger};
pub use introspection::Introspection;
pub use issuer_provider::{
    Auth0Provider, EntraProvider, GenericProvider, IssuerProvider, OktaProvider,
};
pub use issuer_rules::IssuerRules;
pub use jwks::{JwksClient, JwksError, KeySet};
pub use provider::OAuthProvider;
pub use registry::ProviderRegistry;
pub use request::{AttestationRequest, TokenRequest};
pub use retry::RetryPolicy;
pub use token::{AccessToken, AttestationToken, BearerToken};
pub use token_error::TokenError;
pub use validation::{Expectations, Principal, validate};
pub use vendor::AudienceParameter;
