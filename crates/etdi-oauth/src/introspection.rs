//! Introspection (RFC 7662) and revocation (RFC 7009), where the issuer offers them.

use std::collections::BTreeSet;

use etdi_events::TokenRevoked;
use etdi_types::json::{self, Limits, Value};
use time::OffsetDateTime;

use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, HttpResponse};
use crate::instants::instant;
use crate::issuer_http::{Asked, IssuerHttp};
use crate::token::BearerToken;

/// The issuer's answer about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token is valid now. If it is not valid, ignore the other fields.
    pub active: bool,
    /// The scopes of the token.
    pub scopes: BTreeSet<String>,
    /// The client that the token was issued to.
    pub client: Option<String>,
    /// The subject of the token.
    pub subject: Option<String>,
    /// The time at which the token expires.
    pub expires_at: Option<OffsetDateTime>,
}

/// Asks `issuer` about a token (RFC 7662).
pub(crate) async fn introspect(
    issuer: &IssuerHttp,
    token: &BearerToken,
) -> Result<Introspection, OAuthError> {
    let endpoint = issuer.endpoints.introspection.as_deref();
    let endpoint = endpoint.ok_or(OAuthError::NotOffered("introspection"))?;
    let response = post_token(issuer, endpoint, token).await?;
    let limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);
    let bad = |reason: String| OAuthError::BadAnswer(format!("the introspection {reason}"));
    let value = json::parse_any_integer(&response.body, limits)
        .map_err(|error| bad(format!("is refused: {error}")))?;
    let answer = value.as_object();
    let active = answer.and_then(|answer| answer.get("active"));
    let (Some(answer), Some(active)) = (answer, active.and_then(Value::as_bool)) else {
        return Err(bad("lacks the boolean `active`".to_owned()));
    };
    let text = |name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let scopes = text("scope").unwrap_or_default();
    let split = scopes.split(' ').filter(|scope| !scope.is_empty());
    tracing::debug!(issuer = issuer.issuer(), active, "introspected a token");
    Ok(Introspection {
        active,
        scopes: split.map(str::to_owned).collect(),
        client: text("client_id"),
        subject: text("sub"),
        expires_at: match answer.get("exp") {
            Some(Value::Number(number)) => Some(instant(number.value)),
            _ => None,
        },
    })
}

/// Revokes a token at `issuer` (RFC 7009).
pub(crate) async fn revoke(issuer: &IssuerHttp, token: &BearerToken) -> Result<(), OAuthError> {
    let endpoint = issuer.endpoints.revocation.as_deref();
    let endpoint = endpoint.ok_or(OAuthError::NotOffered("revocation"))?;
    post_token(issuer, endpoint, token).await?;
    tracing::debug!(issuer = issuer.issuer(), "revoked a token");
    issuer.emit(|| {
        let mut revoked = TokenRevoked::new(issuer.issuer());
        revoked.client = issuer.config.client_id().map(str::to_owned);
        revoked
    });
    Ok(())
}

async fn post_token(
    issuer: &IssuerHttp,
    endpoint: &str,
    token: &BearerToken,
) -> Result<HttpResponse, OAuthError> {
    let form = [("token", token.expose()), ("token_type_hint", "access_token")];
    let response = issuer.post(endpoint, &form, || Ok(Vec::new())).await?;
    let asked = Asked { audience: None, scopes: &BTreeSet::new(), token: Some(token.expose()) };
    issuer.accepted(response, &asked).map_err(|error| issuer.failed(error))
}
