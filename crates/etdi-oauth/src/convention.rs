//! What a server and its clients have to agree on where no RFC says it.

/// The environment variable in which a server on stdio finds the access token of its user.
pub const ACCESS_TOKEN_VARIABLE: &str = "ETDI_ACCESS_TOKEN";

/// The JSON-RPC error code of a call that is refused because it came without a valid access token.
pub const UNAUTHENTICATED: i32 = 5003;

/// The JSON-RPC error code of a call that is refused because the caller's access token lacks a
/// scope. The member `missing` of the error's data names all of them.
pub const INSUFFICIENT_SCOPE: i32 = 5004;
