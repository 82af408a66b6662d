//! The events: each has one struct, one variant of the enum, and one name.

/// Writes `new` for a struct. The members before the semicolon are its arguments; those after it are
/// empty until they are set.
macro_rules! constructor {
    ($name:ident { $($given:ident: $kind:ty),+ $(; $($unset:ident),+)? }) => {
        impl $name {
            /// Makes the event from the members that are always known. The other members are
            /// public, and empty until they are set.
            #[must_use]
            pub fn new($($given: $kind),+) -> Self {
                Self { $($given: $given.into(),)+ $($($unset: Default::default(),)+)? }
            }
        }
    };
}

mod access;
mod calls;
mod connections;
mod tools;

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use access::{
    AuthFailure, AuthSuccess, TokenAcquired, TokenExpired, TokenRefreshed, TokenRevoked,
    TokenValidated,
};
pub use calls::{
    CallDepthExceeded, CallStackViolation, CircularCallDetected, PrivilegeEscalationDetected,
};
pub use connections::{
    ClientConnected, ClientDisconnected, ClientInitialized, ProviderError, ProviderRegistered,
    ProviderUpdated,
};
pub use tools::{
    Expired, PermissionChanged, SecurityViolation, SignatureFailed, SignatureVerified,
    ToolApproved, ToolDiscovered, ToolExpired, ToolInvoked, ToolReapprovalRequested, ToolRef,
    ToolRemoved, ToolUpdated, ToolVerified, VersionChanged,
};

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $wire:literal,)+) => {
        /// Every event that ETDI reports. In JSON: `{"type": "<snake_case name>", "data": {…}}`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data")]
        #[non_exhaustive]
        pub enum Event {
            $($(#[doc = $doc])+ #[serde(rename = $wire)] $name($name),)+
        }

        impl Event {
            /// Returns the type of the event.
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name(_) => EventType::$name,)+
                }
            }
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Self {
                Self::$name(event)
            }
        })+

        /// The kind of an [`Event`], to filter by. Its text form is the name on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum EventType {
            $($(#[doc = $doc])+ #[serde(rename = $wire)] $name,)+
        }

        impl EventType {
            /// Every event type.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the name on the wire, in snake case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)+
                }
            }
        }
    };
}

events! {
    /// A tool is in a listing of this connection for the first time.
    ToolDiscovered = "tool_discovered",
    /// A definition was judged.
    ToolVerified = "tool_verified",
    /// One digest of one tool was approved, by a person or by a policy.
    ToolApproved = "tool_approved",
    /// A tool was called.
    ToolInvoked = "tool_invoked",
    /// A known tool now has another definition.
    ToolUpdated = "tool_updated",
    /// A tool of an earlier listing of this connection is missing from a complete one.
    ToolRemoved = "tool_removed",
    /// The approval of a tool does not cover the served definition any longer; a person must be
    /// asked again.
    ToolReapprovalRequested = "tool_reapproval_requested",
    /// An approval, or the evidence behind a tool, has expired.
    ToolExpired = "tool_expired",
    /// The signature of a definition is good.
    SignatureVerified = "signature_verified",
    /// The signature of a definition is not good.
    SignatureFailed = "signature_failed",
    /// A tool is served under another version than before.
    VersionChanged = "version_changed",
    /// A tool asks for other permissions than before.
    PermissionChanged = "permission_changed",
    /// An attempt to break a security rule was refused.
    SecurityViolation = "security_violation",
    /// A caller was authenticated and had the required scopes.
    AuthSuccess = "auth_success",
    /// A caller was refused, or a token could not be obtained.
    AuthFailure = "auth_failure",
    /// An identity provider issued a token.
    TokenAcquired = "token_acquired",
    /// A token passed validation.
    TokenValidated = "token_validated",
    /// A token was replaced before it expired.
    TokenRefreshed = "token_refreshed",
    /// A token has expired.
    TokenExpired = "token_expired",
    /// A token was revoked.
    TokenRevoked = "token_revoked",
    /// A chain of calls broke a rule.
    CallStackViolation = "call_stack_violation",
    /// A chain of calls was longer than allowed.
    CallDepthExceeded = "call_depth_exceeded",
    /// A chain of calls came back to a tool that is already in it.
    CircularCallDetected = "circular_call_detected",
    /// A called tool would have had scopes that its caller lacks.
    PrivilegeEscalationDetected = "privilege_escalation_detected",
    /// A client was built and is ready to connect.
    ClientInitialized = "client_initialized",
    /// A client connected to a server.
    ClientConnected = "client_connected",
    /// A connection ended.
    ClientDisconnected = "client_disconnected",
    /// An identity provider was added to a registry.
    ProviderRegistered = "provider_registered",
    /// The known data of an identity provider changed, for example its keys.
    ProviderUpdated = "provider_updated",
    /// An identity provider could not be reached, gave a bad answer, or did not attest a server's
    /// definitions.
    ProviderError = "provider_error",
}

impl Event {
    /// Returns whether this event reports an attack, a refusal or a failure, so that a person
    /// should look at it.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::SecurityViolation(_)
                | Self::SignatureFailed(_)
                | Self::AuthFailure(_)
                | Self::ProviderError(_)
                | Self::CallStackViolation(_)
                | Self::CallDepthExceeded(_)
                | Self::CircularCallDetected(_)
                | Self::PrivilegeEscalationDetected(_)
        )
    }
}

impl Display for EventType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a name that is not the name of an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an event name; the names are: {}", etdi_types::text::escaped(.name), names())]
pub struct UnknownEventType {
    name: String,
}

fn names() -> String {
    let names: Vec<_> = EventType::ALL.iter().map(|event| event.as_str()).collect();
    names.join(", ")
}

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == name)
            .ok_or_else(|| UnknownEventType { name: name.to_owned() })
    }
}
