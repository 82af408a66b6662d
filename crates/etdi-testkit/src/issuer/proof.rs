//! Reads DPoP proofs as an issuer does.

use etdi_types::Jwk;
use etdi_types::keys::base64url_decode;
use serde_json::{Value, json};

/// A DPoP proof with a verified signature.
pub struct Proof {
    pub thumbprint: String,
    pub claims: Value,
}

/// Returns a DPoP proof. Panics if the checks of RFC 9449, section 4.3 fail; the time, the nonce
/// and the id are not checked.
pub fn read_proof(proof: &str, endpoint: &str) -> Proof {
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let value = |text| serde_json::from_slice::<Value>(&base64url_decode(text).unwrap()).unwrap();
    let (header, claims) = (value(header), value(claims));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("EdDSA")));
    assert_eq!(header["jwk"].as_object().unwrap().len(), 3, "public members only");
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(endpoint)));
    let jwk = Jwk::from_json(&header["jwk"].to_string()).unwrap();
    let signature = base64url_decode(signature).unwrap();
    assert!(jwk.verifying_key().unwrap().verifies(input.as_bytes(), &signature));
    Proof { thumbprint: jwk.thumbprint(), claims }
}
