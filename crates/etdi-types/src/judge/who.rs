//! The publisher of a definition, as far as it is proven.

use super::Case;
use crate::definition::SignedPart;
use crate::evidence::{AttestationEvidence, SignatureEvidence};
use crate::trust::{MinBinding, TrustedProvider};
use crate::verdict::{Binding, ImpostorReason, UnknownReason, Who};

pub(super) fn who(case: &Case<'_>) -> Who {
    if let Some(what) = revocation(case) {
        return Who::Revoked { what };
    }
    let Some(part) = case.definition.signed() else {
        return Who::Anonymous;
    };
    if let Some(why) = false_claim(case, part) {
        return Who::Impostor { why };
    }
    let entry = case.trust.provider(part.provider.id());
    // Failing evidence outweighs good evidence, so look for failures first.
    failing(case).unwrap_or_else(|| passing(case, entry))
}

fn revocation(case: &Case<'_>) -> Option<String> {
    let kid = match &case.evidence.signature {
        SignatureEvidence::Good { kid, .. } | SignatureEvidence::Unchecked { kid, .. } => {
            Some(kid.as_str())
        }
        _ => None,
    };
    let provider = case.definition.signed().map(|part| part.provider.id());
    case.trust.providers().iter().find_map(|entry| {
        // A key id means a key only within its provider; a digest and a tool id mean the same
        // everywhere.
        let kid = kid.filter(|_| provider == Some(entry.id.as_str()));
        entry.revoked.iter().find(|r| r.covers(case.definition, kid)).map(ToString::to_string)
    })
}

/// Returns a claim of the definition that is false, whichever evidence the definition has.
fn false_claim(case: &Case<'_>, part: &SignedPart) -> Option<ImpostorReason> {
    let provider = part.provider.id();
    let owner = case.trust.authority_owner(part.id.authority());
    let may_sign = match (owner, case.trust.provider(provider)) {
        (Some(owner), _) => owner.id == provider,
        (None, Some(_)) => false,
        (None, None) => true,
    };
    if !may_sign {
        return Some(ImpostorReason::ForeignAuthority {
            authority: part.id.authority().to_owned(),
            provider: provider.to_owned(),
        });
    }
    match &part.servers {
        Some(listed) if !listed.iter().any(|s| s == case.server.listed_as()) => {
            Some(ImpostorReason::ServerNotListed { listed: listed.clone() })
        }
        _ => None,
    }
}

fn failing(case: &Case<'_>) -> Option<Who> {
    let impostor = |why| Some(Who::Impostor { why });
    match (&case.evidence.signature, &case.evidence.attestation) {
        (SignatureEvidence::Absent, AttestationEvidence::Absent) => {
            impostor(ImpostorReason::NoEvidence)
        }
        (SignatureEvidence::Revoked { kid }, _) => {
            Some(Who::Revoked { what: format!("kid:{kid}, no longer in the provider's key set") })
        }
        (_, AttestationEvidence::Revoked(what)) => Some(Who::Revoked { what: what.clone() }),
        (SignatureEvidence::Bad(error), _) => impostor(ImpostorReason::Signature(error.clone())),
        (_, AttestationEvidence::Bad(why)) => impostor(ImpostorReason::Attestation(why.clone())),
        // An unchecked signature or attestation makes the answer `Unknown`, with the reason. A
        // missing signature with a token that binds neither key nor digest is not a failure:
        // `passing` judges it.
        (SignatureEvidence::Unchecked { why, .. }, _) => Some(Who::Unknown { why: why.clone() }),
        (_, AttestationEvidence::Unchecked(why)) => {
            Some(Who::Unknown { why: UnknownReason::AttestationUnchecked(why.clone()) })
        }
        (_, AttestationEvidence::Expired { issuer, since }) => {
            Some(Who::Expired { issuer: issuer.clone(), since: *since })
        }
        _ => None,
    }
}

/// Returns the best of the good evidence, or `Identified` if the evidence is weaker than the entry
/// demands.
fn passing(case: &Case<'_>, entry: Option<&TrustedProvider>) -> Who {
    let demanded = entry.map(|entry| entry.min_binding).unwrap_or_default();
    if let AttestationEvidence::Good { issuer, client, binding } = &case.evidence.attestation {
        let reached = match binding {
            Some(Binding::Digest) => Some(MinBinding::Digest),
            // An attestation of a key counts only if that key also signed the definition.
            Some(Binding::Key) => matches!(case.evidence.signature, SignatureEvidence::Good { .. })
                .then_some(MinBinding::Key),
            None => None,
        };
        if let (Some(binding), true) = (binding, reached >= Some(demanded)) {
            return Who::Attested {
                issuer: issuer.clone(),
                client: client.clone(),
                binding: *binding,
            };
        }
    }
    match &case.evidence.signature {
        SignatureEvidence::Good { kid, thumbprint, trust, .. } => {
            if demanded == MinBinding::Signature {
                Who::Signed { kid: kid.clone(), thumbprint: thumbprint.clone(), trust: *trust }
            } else {
                Who::Identified {
                    by: format!("signed by {kid}, but the trust entry demands an attestation"),
                }
            }
        }
        _ => Who::Identified {
            by: "the identity provider names a client, but does not vouch for this definition"
                .to_owned(),
        },
    }
}
