//! Makes the DPoP proof of a token request (RFC 9449, section 4).

use etdi_types::SigningKey;
use etdi_types::keys::base64url_encode;
use reqwest::Url;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::error::OAuthError;

/// Returns a proof that this program holds `key`, for one POST to `endpoint`.
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
    aws_lc_rs::rand::fill(&mut id).map_err(|_| {
        OAuthError::BadAnswer("the system does not return random numbers".to_owned())
    })?;
    let mut target = Url::parse(endpoint)
        .map_err(|_| OAuthError::BadAnswer("the token endpoint is not a URL".to_owned()))?;
    // `htu` is the target without query and fragment.
    target.set_query(None);
    target.set_fragment(None);
    let mut claims = json!({
        "jti": base64url_encode(&id),
        "htm": "POST",
        "htu": target.as_str(),
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

/// Returns the `alg` of a proof by an Ed25519 key: `EdDSA` or `Ed25519`, as the issuer supports it.
/// Returns `EdDSA` if the issuer's metadata does not list algorithms.
pub(crate) fn algorithm(supported: Option<&[String]>) -> Result<&'static str, OAuthError> {
    let Some(supported) = supported else {
        return Ok("EdDSA");
    };
    ["EdDSA", "Ed25519"]
        .into_iter()
        .find(|name| supported.iter().any(|one| one == name))
        .ok_or_else(|| OAuthError::DpopAlgorithm(supported.to_vec()))
}

#[cfg(test)]
mod tests {
    use etdi_types::keys::base64url_decode;

    use super::*;

    #[test]
    fn a_proof_names_the_endpoint_without_query_and_fragment() {
        let key = SigningKey::generate().unwrap();
        for (endpoint, target) in [
            ("https://a.example/token?api=1", "https://a.example/token"),
            ("https://a.example/token#x?y", "https://a.example/token"),
            ("https://a.example?x=/token", "https://a.example/"),
        ] {
            let now = OffsetDateTime::UNIX_EPOCH;
            let proof = proof(&key, "EdDSA", endpoint, None, now).unwrap();
            let claims = base64url_decode(proof.split('.').nth(1).unwrap()).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims["htu"], target);
        }
        let now = OffsetDateTime::UNIX_EPOCH;
        assert!(proof(&key, "EdDSA", "token", None, now).is_err());
    }
}
