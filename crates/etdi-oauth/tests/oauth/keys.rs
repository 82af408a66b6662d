//! Key sets and claims for the tests.

use etdi_oauth::KeySet;
use etdi_testkit::keys::{changed, jwks};
use serde_json::Value;

pub fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(jwks(keys).to_string().as_bytes()).unwrap()
}

/// Returns `value` with these members set; `null` removes a member.
pub fn with(value: Value, changes: &Value) -> Value {
    changed(&value, changes.clone())
}
