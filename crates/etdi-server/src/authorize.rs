//! Authorizes callers of tools.

use std::sync::Arc;

use etdi_oauth::{
    ACCESS_TOKEN_VARIABLE, BearerToken, Expectations, INSUFFICIENT_SCOPE, OAuthError,
    OAuthProvider, Principal, ProviderRegistry, UNAUTHENTICATED,
};
use etdi_types::Clock;
use etdi_types::text::escaped;
use rmcp::model::ErrorCode;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use crate::requirement::Requirement;
use crate::server::SecureServer;

/// The identity providers that judge access tokens.
#[derive(Clone, Debug)]
pub(crate) enum Authorizer {
    One(Arc<dyn OAuthProvider>),
    Any(ProviderRegistry),
}

/// The rules by which one server authorizes calls.
#[derive(Debug)]
pub(crate) struct Authorization {
    pub(crate) authorizer: Authorizer,
    /// The configured audience for calls. Over HTTP, tokens for the resource that they are
    /// presented to are accepted too.
    pub(crate) audience: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The principal of the calls on stdio.
    pub(crate) process: Option<Principal>,
}

/// The principal of an HTTP request, in the request's extensions. Only the layer of the same server
/// adds it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) server: SecureServer,
}

impl Authorizer {
    pub(crate) async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError> {
        match self {
            Self::One(provider) => provider.validate(token, expected).await,
            Self::Any(registry) => registry.validate(token, expected).await,
        }
    }

    pub(crate) fn issuers(&self) -> Vec<String> {
        match self {
            Self::One(provider) => vec![provider.issuer().to_owned()],
            Self::Any(registry) => registry.issuers(),
        }
    }
}

/// Reads the access token from the environment of this process.
pub(crate) fn access_token_from_env() -> Option<BearerToken> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the variable")]
    let text = std::env::var(ACCESS_TOKEN_VARIABLE).ok()?;
    Some(BearerToken::new(text))
}

/// The reason why a call is refused.
enum CallDenial {
    NoToken,
    Expired,
    Missing(Vec<String>),
}

impl SecureServer {
    /// Returns the principal of the request in `context`, or fails if the request may not call the
    /// tool `name`. Checks expiry and scopes again behind the HTTP layer.
    pub(crate) fn authorize(
        &self,
        name: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<Option<Principal>, ErrorData> {
        let caller = self.caller(context);
        let Some(requirement) = self.catalog().requirement(name) else { return Ok(caller) };
        match self.judge(caller, &requirement) {
            Ok(principal) => {
                self.reporter().authenticated(&principal);
                Ok(Some(principal))
            }
            Err((refusal, principal)) => {
                let missing = refusal.missing(&requirement);
                let error = refusal.error(name, &requirement, &missing);
                self.reporter().call_denied(principal.as_ref(), &error.message, missing);
                Err(error)
            }
        }
    }

    fn judge(
        &self,
        caller: Option<Principal>,
        requirement: &Requirement,
    ) -> Result<Principal, (CallDenial, Option<Principal>)> {
        let (Some(principal), Some(authorization)) = (caller, self.authorization()) else {
            return Err((CallDenial::NoToken, None));
        };
        if !principal.is_current(authorization.clock.now()) {
            return Err((CallDenial::Expired, Some(principal)));
        }
        let missing = requirement.missing(&principal);
        if missing.is_empty() {
            Ok(principal)
        } else {
            Err((CallDenial::Missing(missing), Some(principal)))
        }
    }

    /// Returns the principal of a request. A request over HTTP has only the principal that this
    /// server's layer added, and never the principal of the process.
    fn caller(&self, context: &RequestContext<RoleServer>) -> Option<Principal> {
        let Some(parts) = context.extensions.get::<http::request::Parts>() else {
            return self.authorization()?.process.clone();
        };
        let caller = parts.extensions.get::<Caller>()?;
        caller.server.is(self).then(|| caller.principal.clone())
    }
}

impl CallDenial {
    fn missing(&self, requirement: &Requirement) -> Vec<String> {
        match self {
            Self::Missing(missing) => missing.clone(),
            Self::NoToken | Self::Expired => requirement.scopes().iter().cloned().collect(),
        }
    }

    fn error(&self, tool: &str, requirement: &Requirement, missing: &[String]) -> ErrorData {
        let name = escaped(tool);
        let (code, reason, message) = match self {
            Self::NoToken => (
                UNAUTHENTICATED,
                "unauthenticated",
                format!(
                    "the tool `{name}` can only be called with a valid access token: send it as \
                     `Authorization: Bearer …`, or on stdio start the server with it in \
                     {ACCESS_TOKEN_VARIABLE}"
                ),
            ),
            Self::Expired => (
                UNAUTHENTICATED,
                "token_expired",
                format!(
                    "the access token has expired, so the tool `{name}` cannot be called: get a new \
                     token, and on stdio start the server again with it"
                ),
            ),
            Self::Missing(missing) => (
                INSUFFICIENT_SCOPE,
                "insufficient_scope",
                format!(
                    "the access token lacks \"{}\", which the tool `{name}` requires: get a token \
                     with all of \"{}\"",
                    missing.join(" "),
                    requirement.scope_text()
                ),
            ),
        };
        let data = json!({
            "tool": tool,
            "reason": reason,
            "required": requirement.scopes(),
            "missing": missing,
        });
        ErrorData::new(ErrorCode(code), message, Some(data))
    }
}
