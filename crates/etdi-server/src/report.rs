//! What is told to listeners.

use etdi_events::{
    AuthFailure, AuthSuccess, Emitter, ProviderError, SecurityViolation, ToolInvoked, ToolRef,
    VersionChanged,
};
use etdi_oauth::{OAuthError, Principal};
use etdi_types::text::escaped;

use crate::{
    ToolProblem,
    catalog::{Catalog, Standing},
    sign::Origin,
};

/// Speaks to the emitter, if there is one, and to the log.
#[derive(Debug)]
pub(crate) struct Reporter {
    emitter: Option<Emitter>,
}

impl Reporter {
    pub(crate) fn new(emitter: Option<Emitter>) -> Self {
        Self { emitter: emitter.map(|emitter| emitter.with_source("etdi-server")) }
    }

    /// A tool was not served, or not called.
    pub(crate) fn refused(&self, tool: ToolRef, problem: &ToolProblem) {
        tracing::error!(reason = problem.reason(), "{problem}");
        if let Some(emitter) = &self.emitter {
            emitter.emit(SecurityViolation {
                server: tool.server.clone(),
                tool: Some(tool),
                violation: problem.reason().to_owned(),
                detail: problem.to_string(),
            });
        }
    }

    pub(crate) fn invoked(&self, tool: ToolRef, principal: Option<&Principal>, succeeded: bool) {
        if let Some(emitter) = &self.emitter {
            let principal = principal.map(|principal| principal.subject().to_owned());
            emitter.emit(ToolInvoked { tool, principal, succeeded, duration_ms: None });
        }
    }

    /// Somebody reached for another caller's session.
    pub(crate) fn session_refused(&self, principal: Option<&Principal>) {
        let reason = "the session was begun by another caller".to_owned();
        self.auth_failure(AuthFailure {
            issuer: principal.map(|principal| principal.issuer().to_owned()),
            client: principal.and_then(|principal| principal.client()).map(str::to_owned),
            audience: None,
            code: "foreign_session".to_owned(),
            reason,
            missing_scopes: Vec::new(),
            remedy: None,
        });
    }

    /// A caller may call a tool that requires something.
    pub(crate) fn authenticated(&self, principal: &Principal) {
        tracing::debug!(
            issuer = principal.issuer(),
            subject = principal.subject(),
            "a caller is authenticated"
        );
        if let Some(emitter) = &self.emitter {
            emitter.emit(AuthSuccess {
                issuer: principal.issuer().to_owned(),
                subject: principal.subject().to_owned(),
                client: principal.client().map(str::to_owned),
                audience: principal.audience().join(" "),
                scopes: principal.scopes().iter().cloned().collect(),
            });
        }
    }

    /// A call came with a valid token, or none, that does not do.
    pub(crate) fn call_denied(
        &self,
        principal: Option<&Principal>,
        reason: &str,
        missing: Vec<String>,
    ) {
        let code = if principal.is_some() { "insufficient_scope" } else { "no_token" };
        self.auth_failure(AuthFailure {
            issuer: principal.map(|principal| principal.issuer().to_owned()),
            client: principal.and_then(|principal| principal.client()).map(str::to_owned),
            audience: None,
            code: code.to_owned(),
            reason: reason.to_owned(),
            missing_scopes: missing,
            remedy: None,
        });
    }

    /// A token was presented and is refused.
    pub(crate) fn token_refused(&self, expected: &str, reason: &str, error: Option<&OAuthError>) {
        self.auth_failure(AuthFailure {
            issuer: None,
            client: None,
            audience: Some(expected.to_owned()),
            code: match error {
                Some(error) if error.is_unavailable() => "temporarily_unavailable",
                _ => "invalid_token",
            }
            .to_owned(),
            reason: error.map_or_else(|| reason.to_owned(), ToString::to_string),
            missing_scopes: Vec::new(),
            remedy: error.and_then(OAuthError::remedy),
        });
    }

    fn auth_failure(&self, failure: AuthFailure) {
        tracing::info!(code = failure.code, "access is refused: {}", failure.reason);
        if let Some(emitter) = &self.emitter {
            emitter.emit(failure);
        }
    }

    /// Definitions go out signed only, since the identity provider is not configured for more.
    pub(crate) fn unattested(&self, issuer: &str) {
        let reason = "definitions are published signed and unattested: the identity provider is not \
                      configured for attestations (`OAuthConfig::attestations` with an \
                      attestation_audience)";
        tracing::warn!(issuer, "{reason}");
        self.provider_error(issuer, "unattested", None, reason.to_owned());
    }

    pub(crate) fn not_attested(&self, issuer: &str, error: &OAuthError) {
        tracing::error!(issuer, "the definitions are not attested and so not served: {error}");
        self.provider_error(issuer, "not_attested", Some(error), error.to_string());
    }

    pub(crate) fn not_renewed(&self, issuer: &str, error: &OAuthError) {
        tracing::warn!(
            issuer,
            "the attestation is not renewed, and the old one is served on: {error}"
        );
        self.provider_error(issuer, "not_renewed", Some(error), error.to_string());
    }

    fn provider_error(&self, issuer: &str, code: &str, error: Option<&OAuthError>, reason: String) {
        if let Some(emitter) = &self.emitter {
            emitter.emit(ProviderError {
                issuer: issuer.to_owned(),
                code: Some(code.to_owned()),
                status: error.and_then(OAuthError::status),
                reason,
                retry_after_seconds: error
                    .and_then(OAuthError::retry_after)
                    .map(|after| after.as_secs()),
            });
        }
    }

    pub(crate) fn replaced(&self, tool: ToolRef, from: String) {
        tracing::info!(
            tool = %escaped(&tool.name), from, to = tool.version, "another version is published"
        );
        if let Some(emitter) = &self.emitter {
            let to = tool.version.clone();
            emitter.emit(VersionChanged { tool, from, to });
        }
    }
}

/// The tool as events name it.
pub(crate) fn tool_ref(catalog: &Catalog, name: &str) -> ToolRef {
    let server = catalog.servers().first().cloned().unwrap_or_default();
    let (id, version, provider) = match catalog.origin(name) {
        Some(Origin::Live(spec)) => {
            (spec.id.to_string(), Some(&spec.version), Some(&spec.provider))
        }
        Some(Origin::Presigned(signed)) => {
            let part = signed.part();
            (part.id.to_string(), Some(&part.version), Some(&part.provider))
        }
        None => (format!("local:{server}/{name}"), None, None),
    };
    ToolRef {
        id,
        name: name.to_owned(),
        version: version.map(ToString::to_string),
        digest: match catalog.standing(name) {
            Standing::Published(digest) => Some(digest.to_string()),
            _ => None,
        },
        provider: provider.map(|provider| provider.id().to_owned()),
        server,
    }
}
