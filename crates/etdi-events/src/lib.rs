#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

pub mod contract;
mod emitter;
pub mod event;
mod json_lines;
mod listener;
mod record;
mod registry;
mod sink;
mod subscription;
mod tracing_sink;
mod worker;

pub use emitter::{Emitter, ListenerError};
pub use event::{
    AuthFailure, AuthSuccess, CallDepthExceeded, CallStackViolation, CircularCallDetected,
    ClientConnected, ClientDisconnected, ClientInitialized, Event, EventType, Expired,
    PermissionChanged, PrivilegeEscalationDetected, ProviderError, ProviderRegistered,
    ProviderUpdated, SecurityViolation, SignatureFailed, SignatureVerified, TokenAcquired,
    TokenExpired, TokenRefreshed, TokenRevoked, TokenValidated, ToolApproved, ToolDiscovered,
    ToolExpired, ToolInvoked, ToolReapprovalRequested, ToolRef, ToolRemoved, ToolUpdated,
    ToolVerified, UnknownEventType, VersionChanged,
};
pub use json_lines::JsonLinesSink;
pub use listener::ListenerId;
pub use record::{CorrelationId, EventRecord};
pub use sink::{EventSink, SinkError};
pub use subscription::Subscription;
pub use tracing_sink::TracingSink;
