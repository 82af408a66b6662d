//! The kinds of issuer, and the rules in which they differ.
//!
//! To add a kind, add a variant of [`IssuerKind`], a file here with its [`Vendor`], and a line in
//! [`vendor`]. A constructor of [`OAuthConfig`](crate::OAuthConfig) with its name is optional.

mod auth0;
mod entra;
mod generic;
mod okta;
mod rules;

use etdi_types::text::escaped;
use etdi_types::trust::IssuerKind;

pub use rules::AudienceParameter;
pub(crate) use rules::Vendor;

/// Returns the rules of this kind.
pub(crate) fn vendor(kind: IssuerKind) -> &'static dyn Vendor {
    match kind {
        IssuerKind::Auth0 => &auth0::Auth0Rules,
        IssuerKind::Okta => &okta::OktaRules,
        IssuerKind::Entra => &entra::EntraRules,
        IssuerKind::Generic => &generic::GenericRules,
    }
}

/// Returns the advice for scopes that the issuer does not grant.
pub(crate) fn scope_remedy(kind: IssuerKind, scopes: &[String]) -> String {
    vendor(kind).scope_remedy(&escaped(&scopes.join(" ")).to_string())
}
