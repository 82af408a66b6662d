//! Turns an issuer's error response (RFC 6749, section 5.2, and the variants of vendors) into an
//! [`OAuthError`].

use std::collections::BTreeSet;

use etdi_types::json::{self, Limits, Object, Value};
use etdi_types::trust::IssuerKind;

use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, HttpResponse};
use crate::redaction::redacted;
use crate::vendor::{scope_remedy, vendor};

const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);

/// The longest description of an issuer that is kept, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// The longest error code that is kept, in characters.
const LONGEST_CODE: usize = 100;

/// The parts of a refused request that its error names.
pub(crate) struct RefusedRequest<'a> {
    pub(crate) kind: IssuerKind,
    pub(crate) client: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) scopes: &'a BTreeSet<String>,
    /// The secrets of the request, which are removed from the issuer's text.
    pub(crate) secrets: &'a [&'a str],
}

/// Returns whether a body names an error, whatever the status of its answer is.
pub(crate) fn is_refusal(body: &[u8]) -> bool {
    document(body).is_some_and(|value| value.as_object().is_some_and(|it| code(it).is_some()))
}

/// Returns the error for a response that is not a success.
pub(crate) fn refusal(response: &HttpResponse, asked: &RefusedRequest<'_>) -> OAuthError {
    let status = response.status;
    let (code, description) = read(&response.body, asked.secrets);
    let client = asked.client.to_owned();
    match (status, code.as_str()) {
        (429, _) | (_, "too_many_requests" | "slow_down") => {
            OAuthError::RateLimited { retry_after: None }
        }
        (500.., _) => OAuthError::Unavailable { status, retry_after: None },
        // Auth0 answers `access_denied` with 401 if the secret is wrong.
        (_, "invalid_client") | (401, "access_denied" | "") => OAuthError::InvalidClient {
            client,
            description,
            status,
            remedy: vendor(asked.kind).secret_remedy(),
        },
        (_, "invalid_target" | "invalid_resource") => {
            wrong_audience(asked, code, description, status)
        }
        // Auth0 answers `access_denied` with 403 if it does not know the API.
        (_, "access_denied") if description.starts_with("Service not found") => {
            wrong_audience(asked, code, description, status)
        }
        // Auth0 answers `access_denied` for scopes that the client does not have. Other vendors
        // have codes of their own, such as `unauthorized_scope_error`.
        (_, named) if named.contains("scope") || description.contains("been granted scopes") => {
            let scopes: Vec<_> = asked.scopes.iter().cloned().collect();
            let remedy = scope_remedy(asked.kind, &scopes);
            OAuthError::InvalidScope { scopes, code, description, status, remedy }
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
        _ => OAuthError::Refused { code, description, status },
    }
}

fn wrong_audience(
    asked: &RefusedRequest<'_>,
    code: String,
    description: String,
    status: u16,
) -> OAuthError {
    OAuthError::WrongAudience {
        audience: asked.audience.unwrap_or_default().to_owned(),
        code,
        description,
        status,
        remedy: vendor(asked.kind).audience_remedy(),
    }
}

/// Reads the error code and the description; each is empty if it is missing. The description of an
/// answer that is not JSON is its first line.
fn read(body: &[u8], secrets: &[&str]) -> (String, String) {
    let bounded = |text: &str, longest: usize| -> String {
        redacted(text, secrets).chars().take(longest).collect()
    };
    let value = document(body);
    let Some(object) = value.as_ref().and_then(Value::as_object) else {
        return (String::new(), bounded(&first_line(body), LONGEST_DESCRIPTION));
    };
    let description = text(object, "error_description").or_else(|| text(object, "errorSummary"));
    (
        bounded(code(object).unwrap_or_default(), LONGEST_CODE),
        bounded(description.unwrap_or_default(), LONGEST_DESCRIPTION),
    )
}

/// Reads the whole body as JSON. Numbers do not matter here, so each integer is read.
fn document(body: &[u8]) -> Option<Value<'_>> {
    json::parse_any_integer(body, LIMITS).ok()
}

/// Returns `error`, or the `errorCode` of Okta's own form.
fn code<'v>(object: &'v Object<'_>) -> Option<&'v str> {
    text(object, "error").or_else(|| text(object, "errorCode"))
}

fn text<'v>(object: &'v Object<'_>, name: &str) -> Option<&'v str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Returns the first line of a text. A page of HTML is left out, because it does not explain the
/// refusal.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if line.starts_with(['<', '{', '[']) { String::new() } else { line.to_owned() }
}
