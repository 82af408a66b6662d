//! The rules of Okta.

use etdi_types::json::Object;

use super::rules::{AudienceParameter, Vendor};
use crate::claims::{required_text, text};
use crate::token_error::TokenError;

pub(super) struct OktaRules;

impl Vendor for OktaRules {
    fn audience_parameter(&self) -> AudienceParameter {
        AudienceParameter::Implied
    }

    fn client(&self, claims: &Object<'_>) -> Result<Option<String>, TokenError> {
        text(claims, "cid")
    }

    fn machine_client(&self, claims: &Object<'_>) -> Result<String, TokenError> {
        let subject = required_text(claims, "sub")?;
        let client = required_text(claims, "cid")?;
        if claims.get("uid").is_some() {
            Err(TokenError::ContradictoryClient { reason: "`uid` names a user" })
        } else if subject == client {
            Ok(client)
        } else {
            Err(TokenError::ContradictoryClient { reason: "`sub` is not `cid`" })
        }
    }

    fn scope_remedy(&self, scopes: &str) -> String {
        format!(
            "add this scope to the authorization server and to an access policy rule for the client: {scopes}"
        )
    }
}
