//! Checks the DPoP proofs of token requests (RFC 9449, section 4.3).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use etdi_types::keys::base64url_decode;
use etdi_types::{Jwk, SigAlg};
use serde_json::Value;

use crate::error::KeyError;
use crate::key::random_text;
use crate::request::Denial;

/// The largest difference between the time of a proof and the issuer's time, in seconds.
const WINDOW: u64 = 60;

/// The proofs that were used, and the nonce that each proof must have.
#[derive(Debug)]
pub(crate) struct Proofs {
    nonce: String,
    used: Mutex<BTreeSet<String>>,
}

impl Proofs {
    pub(crate) fn new() -> Result<Self, KeyError> {
        Ok(Self { nonce: random_text()?, used: Mutex::default() })
    }

    /// Returns the thumbprint of the key that the client has proven to hold; `None` if the request
    /// has no proof.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        endpoint: &str,
        now: i64,
    ) -> Result<Option<String>, Denial> {
        let mut proofs = headers.get_all("dpop").iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(bad("the request has more than one"));
        }
        let proof = Proof::verified(proof.to_str().unwrap_or_default())
            .ok_or_else(|| bad("it is malformed, or its signature does not verify"))?;
        let is = |name: &str, value: &str| proof.claim(name) == Some(value);
        if !is("htm", "POST") || !is("htu", endpoint) {
            return Err(bad("it is for another request"));
        }
        let issued = proof.claims.get("iat").and_then(Value::as_i64);
        if issued.is_none_or(|issued| now.abs_diff(issued) > WINDOW) {
            return Err(bad("its time is too old or too far ahead"));
        }
        if !is("nonce", &self.nonce) {
            return Err(Denial::use_nonce(&self.nonce));
        }
        let id =
            proof.claim("jti").filter(|id| !id.is_empty()).ok_or_else(|| bad("it has no jti"))?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.insert(id.to_owned()) {
            return Err(bad("it was used before"));
        }
        Ok(Some(proof.thumbprint))
    }
}

fn bad(why: &str) -> Denial {
    Denial::new(400, "invalid_dpop_proof", format!("the DPoP proof is refused: {why}"))
}

struct Proof {
    claims: Value,
    thumbprint: String,
}

impl Proof {
    fn verified(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let read = |part| serde_json::from_slice::<Value>(&base64url_decode(part)?).ok();
        let (head, claims) = (read(header)?, read(payload)?);
        let member = |name| head.get(name).and_then(Value::as_str);
        let algorithm = SigAlg::from_jose(member("alg")?)?;
        let key = Jwk::from_json(&head.get("jwk")?.to_string()).ok()?;
        let verifying = key.verifying_key().ok()?;
        let input = format!("{header}.{payload}");
        let good = member("typ") == Some("dpop+jwt")
            && verifying.algorithm() == algorithm
            && verifying.verifies(input.as_bytes(), &base64url_decode(signature)?);
        good.then(|| Self { claims, thumbprint: key.thumbprint() })
    }

    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use etdi_types::SigningKey;
    use etdi_types::keys::base64url_encode;
    use serde_json::json;

    use super::*;

    const ENDPOINT: &str = "http://127.0.0.1/oauth/token";
    const NOW: i64 = 1_800_000_000;

    fn proof(key: &SigningKey, claims: &Value) -> String {
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        jwk.as_object_mut().unwrap().retain(|name, _| ["crv", "kty", "x"].contains(&name.as_str()));
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk });
        let encoded = |value: &Value| base64url_encode(value.to_string().as_bytes());
        let input = format!("{}.{}", encoded(&header), encoded(claims));
        format!("{input}.{}", base64url_encode(&key.sign(input.as_bytes())))
    }

    #[test]
    fn a_proof_counts_for_a_minute_before_and_after_its_time() {
        let proofs = Proofs::new().unwrap();
        let key = SigningKey::generate().unwrap();
        let check = |claims: Value| {
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("dpop"),
                proof(&key, &claims).parse().unwrap(),
            )]);
            proofs.check(&headers, ENDPOINT, NOW)
        };
        let claims = |iat: Value| {
            json!({ "htm": "POST", "htu": ENDPOINT, "iat": iat, "nonce": proofs.nonce,
                "jti": iat.to_string() })
        };
        for apart in [-60, 0, 60] {
            let found = check(claims(json!(NOW + apart))).unwrap();
            assert_eq!(found, Some(key.public_jwk().thumbprint()), "{apart}");
        }
        for iat in [json!(NOW - 61), json!(NOW + 61), json!(i64::MIN), json!(i64::MAX)] {
            assert!(check(claims(iat.clone())).is_err(), "{iat}");
        }
        for iat in [json!(null), json!(NOW.to_string()), json!(0.5)] {
            assert!(check(claims(iat.clone())).is_err(), "{iat}");
        }
    }
}
