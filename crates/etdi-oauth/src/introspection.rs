//! Introspection (RFC 7662) and revocation (RFC 7009), where the issuer offers them.

use std::collections::BTreeSet;

use etdi_events::TokenRevoked;
use etdi_types::json::{self, Limits, Value};
use secrecy::ExposeSecret;
use time::OffsetDateTime;

use crate::claims::instant;
use crate::error::OAuthError;
use crate::http::{BODY_LIMIT, Response};
use crate::issuer_client::IssuerClient;
use crate::refusal::{Asked, refusal};
use crate::token::BearerToken;

/// What the issuer says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether it is good now. Nothing else means anything if it is not.
    pub active: bool,
    /// Its scopes.
    pub scopes: BTreeSet<String>,
    /// The client that it was issued to.
    pub client: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// When it expires.
    pub expires_at: Option<OffsetDateTime>,
}

impl IssuerClient {
    pub(crate) async fn introspect(
        &self,
        token: &BearerToken,
    ) -> Result<Introspection, OAuthError> {
        let endpoint = self.endpoints.introspection.as_deref();
        let endpoint = endpoint.ok_or(OAuthError::NotOffered("introspection"))?;
        let response = self.post_token(endpoint, token).await?;
        let limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);
        let bad = |reason: String| OAuthError::BadAnswer(format!("the introspection {reason}"));
        let value = json::parse(&response.body, limits)
            .map_err(|error| bad(format!("is refused: {error}")))?;
        let answer = value.as_object();
        let active = answer.and_then(|answer| answer.get("active"));
        let (Some(answer), Some(active)) = (answer, active.and_then(Value::as_bool)) else {
            return Err(bad("lacks the boolean `active`".to_owned()));
        };
        let text = |name| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let scopes = text("scope").unwrap_or_default();
        let split = scopes.split(' ').filter(|scope| !scope.is_empty());
        tracing::debug!(issuer = self.issuer(), active, "introspected a token");
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

    pub(crate) async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        // Whatever the issuer says, this program does not use it any more.
        self.forget(token);
        let endpoint = self.endpoints.revocation.as_deref();
        let endpoint = endpoint.ok_or(OAuthError::NotOffered("revocation"))?;
        self.post_token(endpoint, token).await?;
        tracing::debug!(issuer = self.issuer(), "revoked a token");
        self.emit(|| TokenRevoked {
            issuer: self.issuer().to_owned(),
            client: self.config.client_id().map(str::to_owned),
            ..TokenRevoked::default()
        });
        Ok(())
    }

    async fn post_token(
        &self,
        endpoint: &str,
        token: &BearerToken,
    ) -> Result<Response, OAuthError> {
        let form = [("token", token.expose()), ("token_type_hint", "access_token")];
        let response = self.post(endpoint, &form, || Ok(Vec::new())).await?;
        if response.status == 200 {
            return Ok(response);
        }
        let client = self.client()?;
        let asked = Asked {
            kind: self.kind(),
            client: &client.id,
            audience: None,
            scopes: &BTreeSet::new(),
        };
        let secret = client.secret.expose_secret();
        let error = refusal(&response, &asked, secret, self.config.clock.now());
        Err(self.failed(error))
    }
}
