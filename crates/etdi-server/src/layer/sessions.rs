//! Whose session is whose. A session's event stream carries what its caller was answered and asked,
//! so it is for nobody else, and neither is its end.

use std::sync::Arc;

use etdi_oauth::Principal;
use http::{HeaderMap, HeaderName, Method, request::Parts};
use moka::sync::Cache;

/// MCP 2025-11-25, transports, session management.
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// How many sessions are remembered; the least recently used go first.
const MOST: u64 = 100_000;

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
        Self(Cache::new(MOST))
    }

    /// Whether a request may reach its session's stream, or end it. Requests of other kinds are judged
    /// by what they ask for.
    pub(super) fn admit(&self, parts: &Parts, principal: Option<&Principal>) -> bool {
        if parts.method != Method::GET && parts.method != Method::DELETE {
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
