//! The publishers that a person may trust, and the identity providers that speak for them.

pub(crate) mod identity_provider;
pub(crate) mod proposal;
