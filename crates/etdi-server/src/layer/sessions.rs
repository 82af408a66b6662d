//! Whose session is whose. A session's event stream carries what its caller was answered and asked,
//! so it is for nobody else, and neither is its end.

use std::sync::Arc;

use etdi_oauth::Principal;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::asked::Asked;

/// MCP 2025-11-25, transports, session management.
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// How many sessions are remembered, ended ones among them; the least recently used go first.
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

    /// Whether a request may reach its session's stream, end it, or say something in it that is no
    /// request: an answer to what the caller was asked, or that a call is cancelled. A request is
    /// judged by what it asks for, in whose session it may be.
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

    /// Remembers whom a session was begun for.
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

/// Whether a request is for a session that exists.
pub(super) fn has_session(headers: &HeaderMap) -> bool {
    headers.contains_key(SESSION_ID)
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID)?.to_str().ok()
}
