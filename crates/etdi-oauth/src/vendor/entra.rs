//! The rules of Microsoft Entra ID.

use std::collections::BTreeSet;

use etdi_types::json::{Object, Value};

use super::rules::{AudienceParameter, Vendor, scope_and_scp};
use crate::claims::{required_text, scope_claim, text};
use crate::token_error::TokenError;

pub(super) struct EntraRules;

impl Vendor for EntraRules {
    fn audience_parameter(&self) -> AudienceParameter {
        AudienceParameter::DefaultScope
    }

    /// Reads `azp` in tokens of version 2, `appid` in tokens of version 1.
    fn client(&self, claims: &Object<'_>) -> Result<Option<String>, TokenError> {
        match (text(claims, "azp")?, text(claims, "appid")?) {
            (Some(azp), Some(appid)) if azp != appid => {
                Err(TokenError::ContradictoryClient { reason: "`azp` and `appid` differ" })
            }
            (azp, appid) => Ok(azp.or(appid)),
        }
    }

    fn machine_client(&self, claims: &Object<'_>) -> Result<String, TokenError> {
        required_text(claims, "sub")?;
        let client = self.client(claims)?.ok_or(TokenError::MissingClaim("azp"))?;
        if is_app_only(claims) {
            Ok(client)
        } else {
            Err(TokenError::ContradictoryClient { reason: "it is not an app-only token" })
        }
    }

    /// Reads `scope` and `scp`, and also the `roles` of app-only tokens. Leaves out `.default`.
    fn scopes(&self, claims: &Object<'_>, _rbac: bool) -> Result<BTreeSet<String>, TokenError> {
        let mut scopes = scope_and_scp(claims)?;
        if is_app_only(claims) {
            scopes.append(&mut scope_claim(claims, "roles")?);
        }
        scopes.retain(|scope| scope != ".default" && !scope.ends_with("/.default"));
        Ok(scopes)
    }

    fn scope_remedy(&self, scopes: &str) -> String {
        format!("add this application permission to the client and grant admin consent: {scopes}")
    }
}

/// Returns whether the token has no delegated scopes and its subject is the application itself.
fn is_app_only(claims: &Object<'_>) -> bool {
    let member = |name| claims.get(name).and_then(Value::as_str);
    let itself = match (member("idtyp"), member("oid"), member("sub")) {
        (Some(kind), _, _) => kind == "app",
        (None, Some(object), Some(subject)) => object == subject,
        _ => false,
    };
    claims.get("scp").is_none() && itself
}
