//! Validates attestations (wire format, section 4), for the publisher and for clients. The
//! functions have no side effects.

use etdi_types::evidence::AttestationEvidence;
use etdi_types::json::{Object, Value};
use etdi_types::text::escaped;
use etdi_types::trust::TrustedIssuer;
use etdi_types::verdict::Binding;
use etdi_types::{Digest, ToolId, Version};
use time::OffsetDateTime;

use crate::claims::{self, Confirmation, Times};
use crate::instants::instant;
use crate::issuer_rules::IssuerRules;
use crate::jwks::KeySet;
use crate::jwt::{self, Jwt};
use crate::token_error::TokenError;
use crate::validation::verify_signature;
use crate::vendor::vendor;

/// The definition that carries the attestation to check.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttestedDefinition<'a> {
    /// The id of the definition.
    pub id: &'a ToolId,
    /// The version of the definition.
    pub version: &'a Version,
    /// The digest of the definition.
    pub digest: &'a Digest,
    /// The RFC 7638 thumbprint of the key that signed the definition; `None` without a valid
    /// signature.
    pub signing_key: Option<&'a str>,
}

impl<'a> AttestedDefinition<'a> {
    /// Returns the definition with this id, version and digest. `signing_key` is the thumbprint of
    /// the key that signed it.
    #[must_use]
    pub fn new(
        id: &'a ToolId,
        version: &'a Version,
        digest: &'a Digest,
        signing_key: Option<&'a str>,
    ) -> Self {
        Self { id, version, digest, signing_key }
    }
}

/// The contents of a valid attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attested {
    /// The issuer.
    pub issuer: String,
    /// The client that the attestation names, which is one of the clients in the issuer's trust
    /// entry.
    pub client: String,
    /// The binding; the stronger one if there are two, and `None` without a binding.
    pub binding: Option<Binding>,
    /// The time at which the attestation expires.
    pub expires_at: OffsetDateTime,
}

/// The reason why an attestation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// The token itself is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The issuer's entry has no audience for attestations.
    #[error("the trust entry of the issuer \"{}\" has no attestation_audience, so no attestation of it is accepted",
        escaped(.0))]
    NotConfigured(String),
    /// The attestation does not have exactly one audience. Another API might accept it as a
    /// credential.
    #[error(
        "the attestation has {0} audiences; it must have the attestation audience and no other"
    )]
    Audiences(usize),
    /// The attestation has a claim that would make it a credential.
    #[error(
        "the attestation carries `{0}`; an attestation is public and must not grant anything: remove all scopes \
             from the API for attestations and turn its RBAC off"
    )]
    Grants(&'static str),
    /// The attestation names a client that the issuer's trust entry does not list.
    #[error("the attestation is for the client \"{}\", which does not speak for the provider", escaped(.0))]
    ForeignClient(String),
    /// The claim that lists the definitions does not have the form of the wire format, section 4.
    #[error("the attestation's claim \"{}\" is malformed: {reason}", escaped(claim))]
    Claim {
        /// The claim.
        claim: String,
        /// The reason.
        reason: &'static str,
    },
    /// The attestation does not list this definition.
    #[error("the attestation does not list {id} version {version}")]
    NotListed {
        /// The id of the definition.
        id: ToolId,
        /// The version of the definition.
        version: Version,
    },
    /// The attestation lists another digest for this definition.
    #[error(
        "the attestation lists {id} version {version} with another digest: the definition is not the one that \
             the issuer vouched for"
    )]
    OtherDigest {
        /// The id of the definition.
        id: ToolId,
        /// The version of the definition.
        version: Version,
    },
    /// The attestation is bound to a key that did not sign the definition.
    #[error("the attestation is bound to a key that did not sign the definition")]
    OtherKey,
    /// The publisher asked the issuer for this binding, and the attestation does not have it.
    #[error("the issuer did not bind {}", match .0 {
        Binding::Digest => "the definitions: it must set the configured claim from the request (Auth0: in an Action on \
            credentials-exchange)",
        Binding::Key => "the signing key: turn on DPoP for the API of attestations",
    })]
    Unbound(Binding),
}

impl AttestationError {
    /// Returns the evidence for this error, for a host that calls [`check_attestation`] with its
    /// own keys.
    #[must_use]
    pub fn into_evidence(self, issuer: &str) -> AttestationEvidence {
        match self {
            Self::Token(TokenError::Expired { since }) => {
                AttestationEvidence::Expired { issuer: issuer.to_owned(), since }
            }
            Self::Token(TokenError::KeyWithdrawn { kid }) => {
                let kid = escaped(&kid);
                AttestationEvidence::Revoked(format!(
                    "the issuer has withdrawn its key \"{kid}\", which signed the attestation"
                ))
            }
            Self::NotConfigured(_) => AttestationEvidence::Unchecked(self.to_string()),
            _ => AttestationEvidence::Bad(self.to_string()),
        }
    }
}

impl From<Attested> for AttestationEvidence {
    fn from(attested: Attested) -> Self {
        Self::Good { issuer: attested.issuer, client: attested.client, binding: attested.binding }
    }
}

/// Validates an attestation by `issuer` for `definition`, with the issuer's `keys`, at `now`.
///
/// The algorithms are those of the issuer's kind. Expiry is checked last, so that only an
/// attestation that was valid before is reported as expired.
///
/// # Errors
/// An [`AttestationError`] with the reason why the attestation is refused.
pub fn check_attestation(
    token: &str,
    issuer: &TrustedIssuer,
    keys: &KeySet,
    definition: &AttestedDefinition<'_>,
    now: OffsetDateTime,
) -> Result<Attested, AttestationError> {
    let rules = IssuerRules::new(&issuer.issuer, issuer.kind);
    check_with(token, issuer, &rules, keys, definition, now)
}

pub(crate) fn check_with(
    token: &str,
    issuer: &TrustedIssuer,
    rules: &IssuerRules,
    keys: &KeySet,
    definition: &AttestedDefinition<'_>,
    now: OffsetDateTime,
) -> Result<Attested, AttestationError> {
    let jwt = Jwt::parse(token)?;
    let value = jwt.claims()?;
    let claims = jwt::object(&value)?;
    let client = check_unbound(&jwt, claims, issuer, rules, keys)?;
    let by_digest = match &issuer.claim {
        Some(claim) => check_digest(claims, claim, definition)?,
        None => false,
    };
    let by_key = check_key(claims, definition.signing_key)?;
    let times = Times::read(claims)?;
    times.check(now)?;
    Ok(Attested {
        issuer: issuer.issuer.clone(),
        client,
        binding: strongest(by_digest, by_key),
        expires_at: instant(times.expires),
    })
}

/// The bindings that a publisher wants in its attestation.
pub(crate) struct WantedBindings<'a> {
    /// The digests to bind, if the issuer's entry has a claim.
    pub(crate) definitions: &'a [(ToolId, Version, Digest)],
    /// The thumbprint of the key to bind.
    pub(crate) key: Option<&'a str>,
}

/// Validates an attestation before it is published, with the checks of clients. Fails if a binding
/// that the publisher asked for is missing.
pub(crate) fn check_own(
    token: &str,
    issuer: &TrustedIssuer,
    rules: &IssuerRules,
    keys: &KeySet,
    wanted: &WantedBindings<'_>,
    now: OffsetDateTime,
) -> Result<Attested, AttestationError> {
    let jwt = Jwt::parse(token)?;
    let value = jwt.claims()?;
    let claims = jwt::object(&value)?;
    let client = check_unbound(&jwt, claims, issuer, rules, keys)?;
    if let Some(claim) = &issuer.claim {
        for (id, version, digest) in wanted.definitions {
            let definition = AttestedDefinition { id, version, digest, signing_key: wanted.key };
            if !check_digest(claims, claim, &definition)? {
                return Err(AttestationError::Unbound(Binding::Digest));
            }
        }
    }
    if !check_key(claims, wanted.key)? && wanted.key.is_some() {
        return Err(AttestationError::Unbound(Binding::Key));
    }
    let times = Times::read(claims)?;
    times.check(now)?;
    Ok(Attested {
        issuer: issuer.issuer.clone(),
        client,
        binding: strongest(issuer.claim.is_some(), wanted.key.is_some()),
        expires_at: instant(times.expires),
    })
}

fn strongest(by_digest: bool, by_key: bool) -> Option<Binding> {
    match (by_digest, by_key) {
        (true, _) => Some(Binding::Digest),
        (false, true) => Some(Binding::Key),
        (false, false) => None,
    }
}

/// Checks everything except the bindings and the time. Returns the client.
fn check_unbound(
    jwt: &Jwt<'_>,
    claims: &Object<'_>,
    issuer: &TrustedIssuer,
    rules: &IssuerRules,
    keys: &KeySet,
) -> Result<String, AttestationError> {
    verify_signature(jwt, claims, rules, keys)?;
    check_audience(claims, issuer)?;
    for grant in ["scope", "scp", "permissions", "roles"] {
        if claims.get(grant).is_some() {
            return Err(AttestationError::Grants(grant));
        }
    }
    let client = vendor(issuer.kind).machine_client(claims)?;
    if issuer.clients.contains(&client) {
        Ok(client)
    } else {
        Err(AttestationError::ForeignClient(client))
    }
}

fn check_audience(claims: &Object<'_>, issuer: &TrustedIssuer) -> Result<(), AttestationError> {
    let Some(expected) = &issuer.attestation_audience else {
        return Err(AttestationError::NotConfigured(issuer.issuer.clone()));
    };
    let found = claims::audience(claims)?;
    match found.as_slice() {
        [one] if one == expected => Ok(()),
        [_] => Err(AttestationError::Token(TokenError::WrongAudience {
            expected: expected.clone(),
            found,
        })),
        many => Err(AttestationError::Audiences(many.len())),
    }
}

/// Returns `true` if the claim lists the definition with its digest, and `false` if the attestation
/// does not have the claim. Fails if the claim lists another digest or does not list the
/// definition.
fn check_digest(
    claims: &Object<'_>,
    claim: &str,
    definition: &AttestedDefinition<'_>,
) -> Result<bool, AttestationError> {
    let Some(listed) = claims.get(claim) else {
        return Ok(false);
    };
    let malformed = |reason| AttestationError::Claim { claim: claim.to_owned(), reason };
    let entries = listed
        .as_array()
        .ok_or_else(|| malformed("it is not an array"))?
        .iter()
        .map(entry)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| malformed("an entry lacks the strings id, version and digest"))?;
    let mut names: Vec<_> = entries.iter().map(|(id, version, _)| (*id, *version)).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(malformed("two entries have one id and version"));
    }
    let version = definition.version.to_string();
    let found = entries.iter().find(|(id, v, _)| *id == definition.id.as_str() && *v == version);
    let (id, version) = (definition.id.clone(), definition.version.clone());
    match found {
        None => Err(AttestationError::NotListed { id, version }),
        Some((_, _, digest)) if *digest == definition.digest.to_string() => Ok(true),
        Some(_) => Err(AttestationError::OtherDigest { id, version }),
    }
}

fn entry<'v>(value: &'v Value<'_>) -> Option<(&'v str, &'v str, &'v str)> {
    let object = value.as_object()?;
    let text = |name| object.get(name).and_then(Value::as_str);
    Some((text("id")?, text("version")?, text("digest")?))
}

/// Returns whether the attestation is bound to the key that signed the definition. Fails if it is
/// bound to another key. A `cnf` without a thumbprint does not count as a binding.
fn check_key(claims: &Object<'_>, signing_key: Option<&str>) -> Result<bool, AttestationError> {
    match Confirmation::read(claims)? {
        Confirmation::Thumbprint(bound) if signing_key == Some(bound.as_str()) => Ok(true),
        Confirmation::Thumbprint(_) => Err(AttestationError::OtherKey),
        Confirmation::None | Confirmation::Other => Ok(false),
    }
}
