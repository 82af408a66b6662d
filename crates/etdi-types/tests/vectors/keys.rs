//! Vectors of keys and signatures.

use etdi_types::jws::DetachedJws;
use etdi_types::keys::base64url_decode;
use etdi_types::{Jwk, KeyError, SignatureError};
use serde::Deserialize;

use crate::files::{File, Head, json_refusal, load_as, run, same};

#[derive(Deserialize)]
struct Key {
    #[serde(flatten)]
    head: Head,
    jwk: String,
    thumbprint: Option<String>,
    algorithm: Option<String>,
    refused: Option<String>,
}

#[test]
fn keys_are_read_or_refused() {
    run::<Key>(
        "keys.json",
        |v| &v.head,
        |v| match (Jwk::from_json(&v.jwk), &v.refused) {
            (Ok(jwk), None) => {
                same(&Some(jwk.thumbprint()), &v.thumbprint)?;
                let algorithm = jwk.algorithm().map(|alg| alg.to_string());
                same(&algorithm, &v.algorithm)?;
                // A written key is read back as the same key.
                let written = serde_json::to_string(&jwk).map_err(|e| e.to_string())?;
                same(&Jwk::from_json(&written), &Ok(jwk))
            }
            (Err(error), Some(refused)) => same(key_refusal(&error), refused.as_str()),
            (got, want) => Err(format!("got {got:?}, want {want:?}")),
        },
    );
}

fn key_refusal(error: &KeyError) -> &'static str {
    match error {
        KeyError::NotAJwk(_) => "not_a_jwk",
        KeyError::Unsupported => "unsupported",
        KeyError::Symmetric => "symmetric",
        KeyError::Private => "private",
        KeyError::NotForSignatures => "not_for_signatures",
        KeyError::Member(_) => "member",
        KeyError::SmallOrder => "small_order",
        KeyError::RsaSize => "rsa_size",
        _ => "?",
    }
}

#[derive(Deserialize)]
struct Primitive {
    #[serde(flatten)]
    head: Head,
    jwk: String,
    signing_input: String,
    signature: String,
    valid: bool,
}

#[test]
fn signatures_verify_only_the_signed_bytes() {
    run::<Primitive>(
        "primitives.json",
        |v| &v.head,
        |v| {
            let key = Jwk::from_json(&v.jwk).unwrap().verifying_key().unwrap();
            let signature = base64url_decode(&v.signature).unwrap();
            same(&key.verifies(v.signing_input.as_bytes(), &signature), &v.valid)
        },
    );
}

#[derive(Deserialize)]
struct JwsFile {
    keys: Vec<Jwk>,
    canonical: String,
    #[serde(flatten)]
    file: File<Jws>,
}

#[derive(Deserialize)]
struct Jws {
    #[serde(flatten)]
    head: Head,
    keys: Option<Vec<Jwk>>,
    canonical: Option<String>,
    jws: String,
    expect: String,
}

#[test]
fn detached_signatures_verify_or_are_refused() {
    let defaults: JwsFile = load_as("jws.json");
    assert!(defaults.file.vectors.len() > 100);
    run::<Jws>(
        "jws.json",
        |v| &v.head,
        |v| {
            let keys = v.keys.as_ref().unwrap_or(&defaults.keys);
            let canonical = v.canonical.as_ref().unwrap_or(&defaults.canonical);
            let verified = DetachedJws::parse(&v.jws).and_then(|jws| {
                let key = jws.select(keys)?.verifying_key().unwrap();
                jws.verify(&key, canonical.as_bytes())
            });
            let got = match verified {
                Ok(()) => "valid".to_owned(),
                Err(error) => signature_refusal(&error),
            };
            same(&got, &v.expect)
        },
    );
}

/// Returns the name that the vectors use for a refusal of a signature.
pub fn signature_refusal(error: &SignatureError) -> String {
    match error {
        SignatureError::NotDetached => "not_detached",
        SignatureError::Base64 { part: "header" } => "base64_header",
        SignatureError::Base64 { .. } => "base64_signature",
        SignatureError::Header(error) => {
            return format!("header_json:{}", json_refusal(&error.kind));
        }
        SignatureError::HeaderShape => "header_shape",
        SignatureError::HeaderMember(_) => "header_member",
        SignatureError::MissingHeader(_) => "missing_header",
        SignatureError::Typ(_) => "typ",
        SignatureError::Algorithm(_) => "algorithm",
        SignatureError::Length { .. } => "length",
        SignatureError::NoSuchKey { .. } => "no_such_key",
        SignatureError::AmbiguousKey(_) => "ambiguous_key",
        SignatureError::Invalid => "invalid",
        _ => "?",
    }
    .to_owned()
}
