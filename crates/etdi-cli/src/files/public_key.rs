//! Public keys from files: a JWK, a JWKS, or a PEM text.

use std::fmt::Display;

use etdi::Jwk;
use etdi::keys::base64url_encode;
use etdi::oauth::KeySet;
use pkcs8::ObjectIdentifier;
use pkcs8::der::Decode;
use pkcs8::spki::SubjectPublicKeyInfoRef;

use crate::exit::CliError;

/// RFC 8410, section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480, section 2.1.1: an EC key on any curve.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 5480, section 2.1.1.1: P-256.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Reads the public keys in `text`.
pub(crate) fn read(text: &str) -> Result<Vec<Jwk>, CliError> {
    if text.contains("-----BEGIN") {
        return pem_key(text).map(|jwk| vec![jwk]);
    }
    if let Ok(set) = KeySet::parse(text.as_bytes()) {
        if let Some(skipped) = set.skipped().first() {
            return Err(CliError::new(format!(
                "cannot use key number {} of the set: {}",
                skipped.index + 1,
                skipped.why
            )));
        }
        return Ok(set.jwks().to_vec());
    }
    Jwk::from_json(text).map(|jwk| vec![jwk]).map_err(unreadable)
}

fn unreadable(error: impl Display) -> CliError {
    CliError::new(error).cannot("read the public key")
}

fn pem_key(text: &str) -> Result<Jwk, CliError> {
    let refuse = || {
        unreadable("the PEM text has no Ed25519 or P-256 public key").next("give the key as a JWK")
    };
    let block = pem::parse(text).map_err(|_| refuse())?;
    if block.tag().contains("PRIVATE KEY") {
        return Err(unreadable("the file has a private key").next("etdi keys export"));
    }
    let info = SubjectPublicKeyInfoRef::from_der(block.contents()).map_err(|_| refuse())?;
    let bits = info.subject_public_key.as_bytes().ok_or_else(refuse)?;
    let curve = info.algorithm.parameters.and_then(|any| ObjectIdentifier::try_from(any).ok());
    match (info.algorithm.oid, bits) {
        (ED25519, bits) => bits.try_into().map(|key| Jwk::ed25519(&key)).map_err(|_| refuse()),
        // SEC 1, section 2.3.3: an uncompressed point starts with 4.
        (EC, [4, point @ ..]) if curve == Some(P256) && point.len() == 64 => {
            let (x, y) = point.split_at(32);
            let (x, y) = (base64url_encode(x), base64url_encode(y));
            let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
            Jwk::from_json(&jwk).map_err(unreadable)
        }
        _ => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `openssl pkey -pubout` of RFC 8410, section 10.3's key.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn jwk_set_and_pem_give_the_same_key() {
        let jwk = read(PEM).unwrap().remove(0);
        assert_eq!(jwk.algorithm(), Some(etdi::SigAlg::EdDSA));
        let text = serde_json::to_string(&jwk).unwrap();
        assert_eq!(read(&format!(r#"{{"keys":[{text}]}}"#)).unwrap(), read(&text).unwrap());
        assert_eq!(read(&text).unwrap(), [jwk]);
    }

    #[test]
    fn private_keys_are_refused() {
        let key = etdi::SigningKey::generate().unwrap().to_pem().unwrap();
        assert!(read(&key).unwrap_err().what().contains("private key"));
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}"#;
        assert!(read(jwk).unwrap_err().what().contains("private key"));
    }
}
