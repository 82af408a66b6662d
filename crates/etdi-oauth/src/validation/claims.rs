//! The claims of an access token that validation uses.

use std::collections::BTreeSet;

use etdi_types::json::Object;

use crate::claims::{Confirmation, Times, audience, required_text};
use crate::issuer_rules::IssuerRules;
use crate::token_error::TokenError;
use crate::vendor::vendor;

/// The claims of a token, before they are compared with the expected ones.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) client: Option<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) times: Times,
    pub(crate) binding: Confirmation,
}

impl Claims {
    pub(crate) fn read(claims: &Object<'_>, rules: &IssuerRules) -> Result<Self, TokenError> {
        Ok(Self {
            issuer: required_text(claims, "iss")?,
            subject: required_text(claims, "sub")?,
            client: vendor(rules.kind()).client(claims)?,
            audience: audience(claims)?,
            scopes: rules.scopes(claims)?,
            times: Times::read(claims)?,
            binding: Confirmation::read(claims)?,
        })
    }
}
