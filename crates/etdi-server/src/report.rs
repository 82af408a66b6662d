//! Reports to the emitter and to the log.

use etdi_events::{
    AuthFailure, AuthSuccess, Emitter, ProviderError, SecurityViolation, ToolInvoked, ToolRef,
    VersionChanged,
};
use etdi_oauth::{OAuthError, Principal};
use etdi_types::text::escaped;

use crate::catalog::{Catalog, ToolStanding};
use crate::problem::ToolProblem;
use crate::sign::DefinitionSource;

/// Reports to the emitter, if there is one, and to the log.
#[derive(Debug)]
pub(crate) struct ServerReporter {
    emitter: Option<Emitter>,
}

impl ServerReporter {
    pub(crate) fn new(emitter: Option<Emitter>) -> Self {
        Self { emitter: emitter.map(|emitter| emitter.with_source("etdi-server")) }
    }

    /// Reports that a tool was not served, or not called.
    pub(crate) fn refused(&self, tool: ToolRef, problem: &ToolProblem) {
        tracing::error!(reason = problem.reason(), "{problem}");
        if let Some(emitter) = &self.emitter {
            let (server, detail) = (tool.server.clone(), problem.to_string());
            let mut violation = SecurityViolation::new(server, problem.reason(), detail);
            violation.tool = Some(tool);
            emitter.emit(violation);
        }
    }

    pub(crate) fn invoked(&self, tool: ToolRef, principal: Option<&Principal>, succeeded: bool) {
        if let Some(emitter) = &self.emitter {
            let mut invoked = ToolInvoked::new(tool, succeeded);
            invoked.principal = principal.map(|principal| principal.subject().to_owned());
            emitter.emit(invoked);
        }
    }

    /// Reports that a caller used the session of another caller.
    pub(crate) fn session_refused(&self, principal: Option<&Principal>) {
        let reason = "the session was begun by another caller";
        self.auth_failure(failure_of(principal, "foreign_session", reason));
    }

    /// Reports that a caller is authorized for a tool that requires a token.
    pub(crate) fn authenticated(&self, principal: &Principal) {
        tracing::debug!(
            issuer = principal.issuer(),
            subject = principal.subject(),
            "a caller is authenticated"
        );
        if let Some(emitter) = &self.emitter {
            let audience = principal.audience().join(" ");
            let mut success = AuthSuccess::new(principal.issuer(), principal.subject(), audience);
            success.client = principal.client().map(str::to_owned);
            success.scopes = principal.scopes().iter().cloned().collect();
            emitter.emit(success);
        }
    }

    /// Reports a call without a token, or with a token that has expired or lacks scopes.
    pub(crate) fn call_denied(
        &self,
        principal: Option<&Principal>,
        reason: &str,
        missing: Vec<String>,
    ) {
        let code = if principal.is_some() { "insufficient_scope" } else { "no_token" };
        let mut failure = failure_of(principal, code, reason);
        failure.missing_scopes = missing;
        self.auth_failure(failure);
    }

    /// Reports a token that was presented and is refused.
    pub(crate) fn token_refused(&self, expected: &str, reason: &str, error: Option<&OAuthError>) {
        let code = match error {
            Some(error) if error.is_unavailable() => "temporarily_unavailable",
            _ => "invalid_token",
        };
        let reason = error.map_or_else(|| reason.to_owned(), ToString::to_string);
        let mut failure = AuthFailure::new(code, reason);
        failure.audience = Some(expected.to_owned());
        failure.remedy = error.and_then(OAuthError::remedy);
        self.auth_failure(failure);
    }

    fn auth_failure(&self, failure: AuthFailure) {
        tracing::info!(code = failure.code, "access is refused: {}", failure.reason);
        if let Some(emitter) = &self.emitter {
            emitter.emit(failure);
        }
    }

    /// Reports that definitions are signed only, because the identity provider is not configured
    /// for attestations.
    pub(crate) fn unattested(&self, issuer: &str) {
        let reason = "definitions are published signed and unattested: the identity provider is not \
                      configured for attestations (`OAuthConfig::attestations` with an \
                      attestation_audience)";
        tracing::warn!(issuer, "{reason}");
        self.provider_error(issuer, "unattested", None, reason.to_owned());
    }

    pub(crate) fn not_attested(&self, issuer: &str, error: &OAuthError) {
        tracing::error!(
            issuer,
            "the definitions are not served, because they are not attested: {error}"
        );
        self.provider_error(issuer, "not_attested", Some(error), error.to_string());
    }

    pub(crate) fn not_renewed(&self, issuer: &str, error: &OAuthError) {
        tracing::warn!(
            issuer,
            "the attestation is not renewed, and the old one stays in use: {error}"
        );
        self.provider_error(issuer, "not_renewed", Some(error), error.to_string());
    }

    fn provider_error(&self, issuer: &str, code: &str, error: Option<&OAuthError>, reason: String) {
        if let Some(emitter) = &self.emitter {
            let mut event = ProviderError::new(issuer, reason);
            event.code = Some(code.to_owned());
            event.status = error.and_then(OAuthError::status);
            let after = error.and_then(OAuthError::retry_after);
            event.retry_after_seconds = after.map(|after| after.as_secs());
            emitter.emit(event);
        }
    }

    pub(crate) fn replaced(&self, tool: ToolRef, from: String) {
        tracing::info!(
            tool = %escaped(&tool.name), from, to = tool.version, "another version is published"
        );
        if let Some(emitter) = &self.emitter {
            let to = tool.version.clone();
            let mut changed = VersionChanged::new(tool, from);
            changed.to = to;
            emitter.emit(changed);
        }
    }
}

/// Returns the refusal of a caller, with its known properties.
fn failure_of(principal: Option<&Principal>, code: &str, reason: &str) -> AuthFailure {
    let mut failure = AuthFailure::new(code, reason);
    failure.issuer = principal.map(|principal| principal.issuer().to_owned());
    failure.client = principal.and_then(|principal| principal.client()).map(str::to_owned);
    failure
}

/// Returns the tool as events name it.
pub(crate) fn tool_ref(catalog: &Catalog, name: &str) -> ToolRef {
    let server = catalog.servers().first().cloned().unwrap_or_default();
    let (id, version, provider) = match catalog.origin(name) {
        Some(DefinitionSource::Live(spec)) => {
            (spec.id.to_string(), Some(&spec.version), Some(&spec.provider))
        }
        Some(DefinitionSource::Presigned(signed)) => {
            let part = signed.part();
            (part.id.to_string(), Some(&part.version), Some(&part.provider))
        }
        None => (format!("local:{server}/{name}"), None, None),
    };
    let mut tool = ToolRef::new(server, id, name);
    tool.version = version.map(ToString::to_string);
    if let ToolStanding::Published(digest) = catalog.standing(name) {
        tool.digest = Some(digest.to_string());
    }
    tool.provider = provider.map(|provider| provider.id().to_owned());
    tool
}
