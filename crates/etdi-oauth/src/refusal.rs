//! Turns an issuer's error response (RFC 6749, section 5.2, and the variants of vendors) into an
//! [`OAuthError`].

use std::collections::BTreeSet;

use etdi_types::json::{self, Limits, Value};
use etdi_types::trust::IssuerKind;
use time::OffsetDateTime;

use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, HttpResponse};
use crate::retry::retry_after;
use crate::vendor::{scope_remedy, vendor};

/// The number of characters that are kept of an issuer's error code and of its description.
const LONGEST_DESCRIPTION: usize = 500;

/// The parts of a refused request that its error names.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) kind: IssuerKind,
    pub(crate) client: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) scopes: &'a BTreeSet<String>,
}

/// Returns the error for a response that is not a success. `secret` is removed from the issuer's
/// description.
pub(crate) fn refusal(
    response: &HttpResponse,
    asked: &RefusedRequest<'_>,
    secret: &str,
    now: OffsetDateTime,
) -> OAuthError {
    let status = response.status;
    let (code, description) = read(&response.body, secret);
    let client = asked.client.to_owned();
    match (status, code.as_str()) {
        (429, _) | (_, "too_many_requests") => {
            OAuthError::RateLimited { retry_after: retry_after(response, now) }
        }
        (500.., _) => OAuthError::Unavailable { status },
        // Auth0 answers `access_denied` with 401 if the secret is wrong.
        (_, "invalid_client") | (401, "access_denied" | "") => {
            OAuthError::InvalidClient { client, status, remedy: vendor(asked.kind).secret_remedy() }
        }
        (_, "invalid_target" | "invalid_resource") => wrong_audience(asked, code, status),
        // Auth0 answers `access_denied` with 403 if it does not know the API.
        (_, "access_denied") if description.starts_with("Service not found") => {
            wrong_audience(asked, code, status)
        }
        (_, "access_denied" | "unauthorized_client" | "unsupported_grant_type") => {
            OAuthError::UnauthorizedClient {
                client,
                code,
                description,
                status,
                remedy: vendor(asked.kind).grant_remedy(),
            }
        }
        (_, "invalid_scope") => {
            let scopes: Vec<_> = asked.scopes.iter().cloned().collect();
            OAuthError::InvalidScope { status, remedy: scope_remedy(asked.kind, &scopes), scopes }
        }
        _ => OAuthError::Refused { code, description, status },
    }
}

fn wrong_audience(asked: &RefusedRequest<'_>, code: String, status: u16) -> OAuthError {
    OAuthError::WrongAudience {
        audience: asked.audience.unwrap_or_default().to_owned(),
        code,
        status,
        remedy: vendor(asked.kind).audience_remedy(),
    }
}

/// Reads `error` and `error_description`; both are empty if they are missing.
fn read(body: &[u8], secret: &str) -> (String, String) {
    let limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);
    let Ok(Value::Object(object)) = json::parse(body, limits) else {
        return Default::default();
    };
    let text = |name| {
        let text = object.get(name).and_then(Value::as_str).unwrap_or_default();
        let text = match secret {
            "" => text.to_owned(),
            secret => text.replace(secret, "[redacted]"),
        };
        text.chars().take(LONGEST_DESCRIPTION).collect::<String>()
    };
    (text("error"), text("error_description"))
}
