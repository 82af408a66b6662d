//! A DPoP proof for a token request (RFC 9449, section 4).

use etdi_types::SigningKey;
use etdi_types::keys::base64url_encode;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::error::OAuthError;

/// The proof that `key` is held, for one POST to `endpoint`.
pub(crate) fn proof(
    key: &SigningKey,
    algorithm: &str,
    endpoint: &str,
    nonce: Option<&str>,
    now: OffsetDateTime,
) -> Result<String, OAuthError> {
    let mut jwk = serde_json::to_value(key.public_jwk()).unwrap_or(Value::Null);
    if let Some(members) = jwk.as_object_mut() {
        members.retain(|name, _| matches!(name.as_str(), "crv" | "kty" | "x"));
    }
    let header = json!({ "typ": "dpop+jwt", "alg": algorithm, "jwk": jwk });
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id)
        .map_err(|_| OAuthError::BadAnswer("the system gives no random numbers".to_owned()))?;
    // `htu` is the target without query and fragment.
    let target = endpoint.split(['?', '#']).next().unwrap_or_default();
    let mut claims = json!({
        "jti": base64url_encode(&id),
        "htm": "POST",
        "htu": target,
        "iat": now.unix_timestamp(),
    });
    if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    let encoded = |value: &Value| base64url_encode(value.to_string().as_bytes());
    let input = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = base64url_encode(&key.sign(input.as_bytes()));
    Ok(format!("{input}.{signature}"))
}

/// The name under which the issuer takes an Ed25519 proof; `EdDSA` if it does not say.
pub(crate) fn algorithm(supported: Option<&[String]>) -> Result<&'static str, OAuthError> {
    let Some(supported) = supported else {
        return Ok("EdDSA");
    };
    ["EdDSA", "Ed25519"]
        .into_iter()
        .find(|name| supported.iter().any(|one| one == name))
        .ok_or_else(|| OAuthError::DpopAlgorithm(supported.to_vec()))
}
