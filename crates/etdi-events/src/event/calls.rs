//! Events about chains of calls: a tool that calls a tool.

use serde::{Deserialize, Serialize};

use super::ToolRef;

/// A chain of calls broke a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallStackViolation {
    /// The tool whose call was refused.
    pub tool: ToolRef,
    /// The tool ids of the chain, outermost first.
    pub stack: Vec<String>,
    /// The rule, and how it was broken.
    pub reason: String,
}

constructor!(CallStackViolation { tool: ToolRef, stack: Vec<String>, reason: impl Into<String> });

/// A chain of calls was longer than allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallDepthExceeded {
    /// The tool whose call was refused.
    pub tool: ToolRef,
    /// The tool ids of the chain, outermost first.
    pub stack: Vec<String>,
    /// The depth that the call would have reached.
    pub depth: u32,
    /// The depth that is allowed.
    pub limit: u32,
}

constructor!(CallDepthExceeded { tool: ToolRef, stack: Vec<String>, depth: u32, limit: u32 });

/// A chain of calls came back to a tool that is already in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CircularCallDetected {
    /// The tool whose call was refused.
    pub tool: ToolRef,
    /// The tool ids of the circle. The tool whose call was refused is the first and the last of
    /// them.
    pub circle: Vec<String>,
}

constructor!(CircularCallDetected { tool: ToolRef, circle: Vec<String> });

/// A called tool would have had scopes that its caller lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrivilegeEscalationDetected {
    /// The tool whose call was refused.
    pub tool: ToolRef,
    /// The id of the calling tool, or the calling principal.
    pub caller: String,
    /// The scopes that the caller lacks.
    pub scopes: Vec<String>,
}

constructor!(PrivilegeEscalationDetected { tool: ToolRef, caller: impl Into<String>, scopes: Vec<String> });
