//! Names and codes that a server and its clients must agree on, where no RFC defines them.

/// The environment variable that holds the access token of the user, for a server on stdio.
pub const ACCESS_TOKEN_VARIABLE: &str = "ETDI_ACCESS_TOKEN";

/// The JSON-RPC error code of a call that is refused because it has no valid access token.
pub const UNAUTHENTICATED: i32 = 5003;

/// The JSON-RPC error code of a call that is refused because the caller's access token lacks a
/// scope. The member `missing` of the error's data names all missing scopes.
pub const INSUFFICIENT_SCOPE: i32 = 5004;
