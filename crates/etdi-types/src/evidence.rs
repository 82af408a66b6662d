//! The evidence of a definition, checked against keys: the cryptographic half of judging.

use time::OffsetDateTime;

use crate::definition::ToolDefinition;
use crate::jws::{DetachedJws, SignatureError};
use crate::keys::Jwk;
use crate::trust::TrustConfig;
use crate::verdict::{Binding, KeyTrust, UnknownReason};

/// The checked evidence of one definition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The signature.
    pub signature: SignatureEvidence,
    /// The attestation.
    pub attestation: AttestationEvidence,
}

impl Evidence {
    /// Returns the evidence, from the results of both checks.
    #[must_use]
    pub fn new(signature: SignatureEvidence, attestation: AttestationEvidence) -> Self {
        Self { signature, attestation }
    }
}

/// The result of the check of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureEvidence {
    /// The definition has no signature.
    Absent,
    /// A trusted key made the signature.
    Good {
        /// The key's id.
        kid: String,
        /// The key's RFC 7638 thumbprint.
        thumbprint: String,
        /// The reason why the key is trusted.
        trust: KeyTrust,
        /// The key itself, if it is pinned.
        pinned_key: Option<Jwk>,
    },
    /// The signature is refused.
    Bad(SignatureError),
    /// The signature's key was taken out of the provider's published key set.
    Revoked {
        /// The key id that the signature names.
        kid: String,
    },
    /// The signature is well-formed, but no key is available to check it.
    Unchecked {
        /// The key id that the signature names.
        kid: String,
        /// The reason why the key is not available.
        why: UnknownReason,
    },
}

/// The result of the check of an attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttestationEvidence {
    /// The definition has no attestation.
    Absent,
    /// A configured issuer made it for a configured client.
    Good {
        /// The issuer.
        issuer: String,
        /// The client.
        client: String,
        /// The binding of the attestation; `None` if it binds neither a key nor a digest.
        binding: Option<Binding>,
    },
    /// The attestation is refused.
    Bad(String),
    /// The key that signed the attestation was taken out of the issuer's key set. The text names
    /// the key.
    Revoked(String),
    /// The attestation was good, and has expired.
    Expired {
        /// The issuer.
        issuer: String,
        /// The time at which it expired.
        since: OffsetDateTime,
    },
    /// The attestation could not be checked.
    Unchecked(String),
}

/// The source of a provider's keys when its signature is checked.
#[derive(Clone, Copy, Debug)]
pub enum ProviderKeys<'a> {
    /// The keys that the trust entry itself lists.
    Listed,
    /// The keys that were fetched from the entry's `jwks_uri`.
    Fetched(&'a [Jwk]),
    /// The `jwks_uri` could not be fetched; the text says why.
    Unavailable(&'a str),
}

/// Checks the signature of `definition`.
///
/// Keys come only from the trust entry whose id equals the definition's provider. If the trust
/// configuration has no such entry, `pinned_key` may find a key that a person supplied.
pub fn check_signature<'k>(
    definition: &ToolDefinition,
    trust: &TrustConfig,
    keys: ProviderKeys<'_>,
    pinned_key: impl FnOnce(&str, &str) -> Option<&'k Jwk>,
) -> SignatureEvidence {
    let Some(part) = definition.signed() else {
        return SignatureEvidence::Absent;
    };
    let Some(signature) = &part.signature else {
        return SignatureEvidence::Absent;
    };
    let jws = match DetachedJws::parse(signature) {
        Ok(jws) => jws,
        Err(error) => return SignatureEvidence::Bad(error),
    };
    let provider = part.provider.id();
    let Some(entry) = trust.provider(provider) else {
        let Some(key) = pinned_key(provider, jws.kid()) else {
            let kid = jws.kid().to_owned();
            let why =
                UnknownReason::UntrustedKey { provider: provider.to_owned(), kid: kid.clone() };
            return SignatureEvidence::Unchecked { kid, why };
        };
        return verify(&jws, std::slice::from_ref(key), definition, KeyTrust::Pinned);
    };
    match keys {
        ProviderKeys::Fetched(fetched) => verify(&jws, fetched, definition, KeyTrust::Configured),
        ProviderKeys::Unavailable(reason) => SignatureEvidence::Unchecked {
            kid: jws.kid().to_owned(),
            why: UnknownReason::KeysUnavailable(reason.to_owned()),
        },
        ProviderKeys::Listed => verify(&jws, &entry.keys, definition, KeyTrust::Configured),
    }
}

fn verify(
    jws: &DetachedJws,
    keys: &[Jwk],
    definition: &ToolDefinition,
    trust: KeyTrust,
) -> SignatureEvidence {
    let checked = jws.select(keys).and_then(|key| {
        let verifying = key.verifying_key().map_err(|_| SignatureError::NoSuchKey {
            kid: jws.kid().to_owned(),
            alg: jws.algorithm(),
        })?;
        jws.verify(&verifying, definition.canonical().as_bytes())?;
        Ok(key)
    });
    match checked {
        Ok(key) => SignatureEvidence::Good {
            kid: jws.kid().to_owned(),
            thumbprint: key.thumbprint(),
            trust,
            pinned_key: (trust == KeyTrust::Pinned).then(|| key.clone()),
        },
        Err(error) => SignatureEvidence::Bad(error),
    }
}
