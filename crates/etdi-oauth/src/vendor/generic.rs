//! The rules of any other issuer that follows the RFCs.

use etdi_types::SigAlg;
use etdi_types::json::Object;

use super::rules::{AudienceParameter, Vendor};
use crate::claims::{required_text, text};
use crate::token_error::TokenError;

pub(super) struct GenericRules;

impl Vendor for GenericRules {
    fn algorithms(&self) -> &'static [SigAlg] {
        &[SigAlg::RS256, SigAlg::ES256, SigAlg::EdDSA]
    }

    fn audience_parameter(&self) -> AudienceParameter {
        AudienceParameter::Resource
    }

    fn client(&self, claims: &Object<'_>) -> Result<Option<String>, TokenError> {
        text(claims, "client_id")
    }

    fn machine_client(&self, claims: &Object<'_>) -> Result<String, TokenError> {
        let subject = required_text(claims, "sub")?;
        let client = required_text(claims, "client_id")?;
        if subject == client {
            Ok(client)
        } else {
            Err(TokenError::ContradictoryClient { reason: "`sub` is not `client_id`" })
        }
    }
}
