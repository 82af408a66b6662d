//! The definition's signature: a detached compact JWS (wire format, section 3; RFC 7515,
//! appendix F).

use crate::json::{self, JsonError, Limits, Value};
use crate::keys::{Jwk, SigAlg, SigningKey, VerifyingKey, base64url_decode, base64url_encode};

/// The `typ` of a definition signature.
pub(crate) const DEFINITION_TYP: &str = "etdi-definition+jws";

/// The reason why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not `header..signature`.
    #[error(
        "the signature is not a detached compact JWS, `header..signature` (RFC 7515, appendix F)"
    )]
    NotDetached,
    /// A part is not strict base64url.
    #[error("the signature's {part} is not base64url without padding or trailing bits")]
    Base64 {
        /// `header` or `signature`.
        part: &'static str,
    },
    /// The header is not strict JSON.
    #[error("the signature's header is refused: {0}")]
    Header(JsonError),
    /// The header is not an object of strings.
    #[error("the signature's header must be an object with the strings alg, kid and typ")]
    HeaderShape,
    /// The header has a member that is not allowed, such as `jwk`, `jku`, `x5u`, `x5c`, `b64` or
    /// `crit`.
    #[error("the signature's header has the member \"{}\"; only alg, kid and typ are allowed, \
             and a key never comes from the tool", crate::text::escaped(.0))]
    HeaderMember(String),
    /// The header lacks a member.
    #[error("the signature's header lacks `{0}`")]
    MissingHeader(&'static str),
    /// The `typ` is not the one of a definition signature.
    #[error("the signature's typ is \"{}\", not {DEFINITION_TYP}", crate::text::escaped(.0))]
    Typ(String),
    /// The algorithm is not supported, for example `none` or an HMAC algorithm.
    #[error("the signature's algorithm \"{}\" is not one of EdDSA, ES256, RS256",
        crate::text::escaped(.0))]
    Algorithm(String),
    /// The signature has a length that the algorithm never makes.
    #[error("the signature has {bytes} bytes, a length that {alg} never makes")]
    Length {
        /// The number of bytes.
        bytes: usize,
        /// The algorithm of the header.
        alg: SigAlg,
    },
    /// No key of the trust entry matches `kid` and the algorithm.
    #[error(
        "no key of the provider's trust entry has the kid \"{}\" and signs with {alg}",
        crate::text::escaped(kid)
    )]
    NoSuchKey {
        /// The header's `kid`.
        kid: String,
        /// The header's algorithm.
        alg: SigAlg,
    },
    /// Two keys of the trust entry match.
    #[error("two keys of the provider's trust entry have the kid \"{}\"; remove one",
        crate::text::escaped(.0))]
    AmbiguousKey(String),
    /// The key did not make this signature over this definition.
    #[error("the signature does not verify: the definition was changed, or another key made it")]
    Invalid,
}

/// A signature that is parsed and not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedJws {
    alg: SigAlg,
    kid: String,
    header: String,
    signature: Vec<u8>,
}

impl DetachedJws {
    /// Parses `header..signature` with every refusal of section 3.
    ///
    /// # Errors
    /// A [`SignatureError`] for each refusal.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let (header, signature) = text.split_once("..").ok_or(SignatureError::NotDetached)?;
        if header.contains('.') || signature.contains('.') {
            return Err(SignatureError::NotDetached);
        }
        let signature =
            base64url_decode(signature).ok_or(SignatureError::Base64 { part: "signature" })?;
        let json = base64url_decode(header).ok_or(SignatureError::Base64 { part: "header" })?;
        let (alg, kid) = header_members(&json)?;
        let length_fits = match alg {
            SigAlg::EdDSA | SigAlg::ES256 => signature.len() == 64,
            SigAlg::RS256 => (256..=1024).contains(&signature.len()),
        };
        if !length_fits {
            return Err(SignatureError::Length { bytes: signature.len(), alg });
        }
        Ok(Self { alg, kid, header: header.to_owned(), signature })
    }

    /// Returns the key id that the header names.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the algorithm that the header names. [`verify`](Self::verify) accepts it only if the
    /// key is for this algorithm.
    #[must_use]
    pub fn algorithm(&self) -> SigAlg {
        self.alg
    }

    /// Checks that `key` made this signature over `canonical`.
    ///
    /// # Errors
    /// [`SignatureError::NoSuchKey`] if the key is for another algorithm,
    /// [`SignatureError::Invalid`] if the key did not make the signature.
    pub fn verify(&self, key: &VerifyingKey, canonical: &[u8]) -> Result<(), SignatureError> {
        if key.algorithm() != self.alg {
            return Err(SignatureError::NoSuchKey { kid: self.kid.clone(), alg: self.alg });
        }
        let input = signing_input(&self.header, canonical);
        if key.verifies(&input, &self.signature) { Ok(()) } else { Err(SignatureError::Invalid) }
    }

    /// Returns the one key of `keys` that this signature names, by `kid`, type, curve and
    /// algorithm.
    ///
    /// # Errors
    /// [`SignatureError::NoSuchKey`] or [`SignatureError::AmbiguousKey`].
    pub fn select<'k>(&self, keys: &'k [Jwk]) -> Result<&'k Jwk, SignatureError> {
        let mut matching = keys
            .iter()
            .filter(|key| key.kid() == Some(self.kid()) && key.algorithm() == Some(self.alg));
        match (matching.next(), matching.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(SignatureError::AmbiguousKey(self.kid.clone())),
            (None, _) => Err(SignatureError::NoSuchKey { kid: self.kid.clone(), alg: self.alg }),
        }
    }
}

/// Signs the canonical form of a definition: `header..signature`.
#[must_use]
pub(crate) fn sign_detached(key: &SigningKey, canonical: &[u8]) -> String {
    let mut header = String::from("{\"alg\":\"EdDSA\",\"kid\":");
    json::write_string(&mut header, key.kid());
    header.push_str(",\"typ\":\"");
    header.push_str(DEFINITION_TYP);
    header.push_str("\"}");
    let header = base64url_encode(header.as_bytes());
    let signature = key.sign(&signing_input(&header, canonical));
    format!("{header}..{}", base64url_encode(&signature))
}

/// Returns the bytes to sign (RFC 7515, section 5.1, step 8).
fn signing_input(header: &str, payload: &[u8]) -> Vec<u8> {
    let mut input = String::with_capacity(header.len() + 1 + payload.len() * 4 / 3 + 4);
    input.push_str(header);
    input.push('.');
    input.push_str(&base64url_encode(payload));
    input.into_bytes()
}

fn header_members(header: &[u8]) -> Result<(SigAlg, String), SignatureError> {
    let value = json::parse(header, Limits::TOOL).map_err(SignatureError::Header)?;
    let object = value.as_object().ok_or(SignatureError::HeaderShape)?;
    if let Some((name, _)) = object.iter().find(|(name, _)| !matches!(*name, "alg" | "kid" | "typ"))
    {
        return Err(SignatureError::HeaderMember(name.to_owned()));
    }
    let member = |name: &'static str| match object.get(name) {
        Some(Value::String(text)) => Ok(text.as_ref()),
        Some(_) => Err(SignatureError::HeaderShape),
        None => Err(SignatureError::MissingHeader(name)),
    };
    let (alg, kid, typ) = (member("alg")?, member("kid")?, member("typ")?);
    let lower = typ.to_ascii_lowercase();
    if lower.strip_prefix("application/").unwrap_or(&lower) != DEFINITION_TYP {
        return Err(SignatureError::Typ(typ.to_owned()));
    }
    let alg = SigAlg::from_jose(alg).ok_or_else(|| SignatureError::Algorithm(alg.to_owned()))?;
    Ok((alg, kid.to_owned()))
}
