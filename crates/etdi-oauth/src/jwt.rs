//! Reads the compact form of a JWT (RFC 7519, RFC 7515 section 7.1) strictly. This module does not
//! verify signatures or claims.

use etdi_types::json::{self, Limits, Object, Value};
use etdi_types::keys::base64url_decode;

use crate::claims;
use crate::token_error::TokenError;

/// The limits of a token. The largest tokens are attestations of many tools.
pub(crate) const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(256 * 1024);

/// A token, split into its parts.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    pub(crate) header: Header,
    /// The JSON text of the claims.
    pub(crate) payload: Vec<u8>,
    /// The text that the signature covers.
    pub(crate) signing_input: &'a str,
    pub(crate) signature: Vec<u8>,
}

/// The members of a header that this crate uses. Keys and addresses of keys (`jwk`, `jku`, `x5u`,
/// `x5c`) are left out, because a key must never come from the token itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > LIMITS.bytes {
            return Err(TokenError::Malformed("the token is larger than 256 KiB".to_owned()));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::NotAJwt);
        };
        let decode = |part: &str, name: &str| {
            base64url_decode(part).ok_or_else(|| {
                TokenError::Malformed(format!(
                    "its {name} is not base64url without padding or trailing bits"
                ))
            })
        };
        let header = Header::read(&decode(header, "header")?)?;
        let payload = decode(payload, "payload")?;
        let signing_input = text.rsplit_once('.').map(|(input, _)| input).unwrap_or_default();
        let signature = decode(signature, "signature")?;
        Ok(Self { header, payload, signing_input, signature })
    }

    /// Reads the claims as strict JSON. Integers beyond 2^53 are read too, because issuers put their
    /// own ids into claims that nobody here reads; a date beyond 2^53 is refused where it is read.
    pub(crate) fn claims(&self) -> Result<Value<'_>, TokenError> {
        let value = json::parse_any_integer(&self.payload, LIMITS)
            .map_err(|error| TokenError::Malformed(format!("its claims are refused: {error}")))?;
        match value {
            Value::Object(_) => Ok(value),
            other => Err(TokenError::Malformed(format!(
                "its claims are {}, not an object",
                other.kind()
            ))),
        }
    }
}

/// Returns the claims as an object. This does not fail for claims that [`Jwt::claims`] returned.
pub(crate) fn object<'v, 'a>(claims: &'v Value<'a>) -> Result<&'v Object<'a>, TokenError> {
    claims
        .as_object()
        .ok_or_else(|| TokenError::Malformed("its claims are not an object".to_owned()))
}

/// Returns the issuer that a token names, and the `kid` of its header. Both are unverified: use
/// them only to find the keys.
pub(crate) fn claimed_issuer(token: &str) -> Result<(String, Option<String>), TokenError> {
    let jwt = Jwt::parse(token)?;
    let claims = jwt.claims()?;
    let issuer = claims::issuer(object(&claims)?)?;
    Ok((issuer, jwt.header.kid))
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let malformed = |reason: String| TokenError::Malformed(reason);
        let value = json::parse_any_integer(bytes, LIMITS)
            .map_err(|error| malformed(format!("its header is refused: {error}")))?;
        let object = value
            .as_object()
            .ok_or_else(|| malformed(format!("its header is {}, not an object", value.kind())))?;
        // RFC 7515, section 4.1.11: refuse a critical extension that is not understood. This crate
        // understands no extension.
        if object.get("crit").is_some() {
            return Err(TokenError::Critical);
        }
        let text = |name: &str| optional_text(object, name);
        let alg = text("alg")?.ok_or_else(|| malformed("its header lacks `alg`".to_owned()))?;
        Ok(Self { alg, kid: text("kid")?, typ: text("typ")? })
    }
}

fn optional_text(object: &Object<'_>, name: &str) -> Result<Option<String>, TokenError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone().into_owned())),
        Some(other) => Err(TokenError::Malformed(format!(
            "its header's `{name}` is {}, not a string",
            other.kind()
        ))),
    }
}
