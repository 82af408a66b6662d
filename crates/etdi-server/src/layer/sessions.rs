//! The callers of sessions. A session's event stream carries the answers and questions to its
//! caller, so only the same caller may read it or end the session.

use std::sync::Arc;

use etdi_oauth::Principal;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::asked::Asked;

/// The session header (MCP 2025-11-25, transports, session management).
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The number of sessions that are remembered, including ended ones. The least recently used are
/// dropped first.
const MOST: u64 = 20_000;

/// The callers of the sessions that were begun behind this layer with a token.
#[derive(Clone, Debug)]
pub(super) struct Sessions(Cache<Box<str>, Arc<Holder>>);

#[derive(Debug, PartialEq, Eq)]
struct Holder {
    issuer: String,
    subject: String,
    client: Option<String>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        let lru = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(MOST).eviction_policy(lru).build())
    }

    /// Returns whether a request may read its session's stream, end the session, or send a message
    /// in it that is not a request: an answer to the server, or the cancellation of a call.
    /// Requests always pass here. They are judged by the tool that they call, in any session.
    pub(super) fn admit(
        &self,
        parts: &Parts,
        asked: Option<&Asked>,
        principal: Option<&Principal>,
    ) -> bool {
        if matches!(asked, Some(Asked::Call(_) | Asked::Request)) {
            return true;
        }
        let holder = session_of(&parts.headers).and_then(|session| self.0.get(session));
        holder.is_none_or(|holder| principal.is_some_and(|one| *holder == Holder::of(one)))
    }

    /// Remembers the principal for which a session was begun.
    pub(super) fn begun(&self, headers: &HeaderMap, principal: &Principal) {
        if let Some(session) = session_of(headers) {
            self.0.insert(session.into(), Arc::new(Holder::of(principal)));
        }
    }
}

impl Holder {
    fn of(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer().to_owned(),
            subject: principal.subject().to_owned(),
            client: principal.client().map(str::to_owned),
        }
    }
}

/// Returns whether a request names a session.
pub(super) fn has_session(headers: &HeaderMap) -> bool {
    headers.contains_key(SESSION_ID)
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID)?.to_str().ok()
}
