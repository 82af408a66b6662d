//! Gathers evidence: checks signatures and attestations, and fetches the key sets that a trust
//! configuration only names. Another module judges the evidence.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_oauth::{
    AttestationVerifier, AttestedDefinition, HttpError, JwksClient, JwksError, KeySet, Network,
};
use etdi_types::evidence::{
    AttestationEvidence, Evidence, ProviderKeys, SignatureEvidence, check_signature,
};
use etdi_types::trust::TrustedProvider;
use etdi_types::{Clock, Known, SignatureError, SignedPart, ToolDefinition, TrustConfig};
use parking_lot::Mutex;

/// A gatherer of evidence. It uses only the keys, the key sets and the issuers that a trust
/// configuration names. A client makes its own gatherer. Make one for a [`Judge`](crate::Judge), or
/// for definitions that are not on a connection, such as a file of definitions.
#[derive(Debug)]
pub struct EvidenceGatherer {
    network: Network,
    clock: Arc<dyn Clock>,
    attestations: AttestationVerifier,
    key_sets: Mutex<HashMap<String, JwksClient>>,
}

impl EvidenceGatherer {
    /// Makes a gatherer that may contact the hosts that `network` allows.
    ///
    /// # Errors
    /// [`HttpError`] if TLS cannot be set up.
    pub fn new(network: Network, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        Ok(Self {
            attestations: AttestationVerifier::new(network.clone(), clock.clone())?,
            network,
            clock,
            key_sets: Mutex::default(),
        })
    }

    /// Returns the evidence of a definition: its signature and its attestation, checked with the
    /// available keys. `known` holds the keys that persons pinned. If a key set cannot be fetched
    /// or an attestation cannot be checked, the evidence says so, and the call still succeeds.
    pub async fn gather(
        &self,
        definition: &ToolDefinition,
        trust: &TrustConfig,
        known: &Known,
    ) -> Evidence {
        let part = definition.signed();
        let entry = part.and_then(|part| trust.provider(part.provider.id()));
        let signature = self.signature(definition, trust, entry, known).await;
        let attestation = match part.and_then(|part| Some((part, part.attestation.as_ref()?))) {
            Some((part, token)) => {
                self.attestation(token, part, definition, entry, &signature).await
            }
            None => AttestationEvidence::Absent,
        };
        Evidence::new(signature, attestation)
    }

    async fn signature(
        &self,
        definition: &ToolDefinition,
        trust: &TrustConfig,
        entry: Option<&TrustedProvider>,
        known: &Known,
    ) -> SignatureEvidence {
        let pinned = |provider: &str, kid: &str| known.pinned_key(provider, kid);
        let Some(uri) = entry.and_then(|entry| entry.jwks_uri.as_deref()) else {
            return check_signature(definition, trust, ProviderKeys::Listed, pinned);
        };
        let keys = match self.keys(uri, definition).await {
            Ok(keys) => keys,
            Err(error) => {
                let why = error.to_string();
                return check_signature(definition, trust, ProviderKeys::Unavailable(&why), pinned);
            }
        };
        let fetched = ProviderKeys::Fetched(keys.jwks());
        match check_signature(definition, trust, fetched, pinned) {
            SignatureEvidence::Bad(SignatureError::NoSuchKey { kid, .. })
                if keys.withdrawn().any(|gone| gone == kid) || was_good(definition, known) =>
            {
                SignatureEvidence::Revoked { kid }
            }
            evidence => evidence,
        }
    }

    /// Returns fresh keys. Stale keys never count here, because an approved definition has a grace
    /// period of its own.
    async fn keys(&self, uri: &str, definition: &ToolDefinition) -> Result<Arc<KeySet>, JwksError> {
        let client = self.key_set(uri)?;
        let keys = client.fresh_keys().await?;
        let signature = definition.signed().and_then(|part| part.signature.as_deref());
        let jws = signature.and_then(|text| etdi_types::jws::DetachedJws::parse(text).ok());
        match jws {
            Some(jws) if !keys.has_kid(jws.kid()) => client.keys_with(Some(jws.kid())).await,
            _ => Ok(keys),
        }
    }

    fn key_set(&self, uri: &str) -> Result<JwksClient, JwksError> {
        let mut key_sets = self.key_sets.lock();
        if let Some(client) = key_sets.get(uri) {
            return Ok(client.clone());
        }
        let client = JwksClient::new(uri, self.network.clone(), self.clock.clone())?;
        key_sets.insert(uri.to_owned(), client.clone());
        Ok(client)
    }

    async fn attestation(
        &self,
        token: &str,
        part: &SignedPart,
        definition: &ToolDefinition,
        entry: Option<&TrustedProvider>,
        signature: &SignatureEvidence,
    ) -> AttestationEvidence {
        let Some(entry) = entry else {
            return AttestationEvidence::Unchecked(
                "the trust configuration names no issuer for the provider".to_owned(),
            );
        };
        let signing_key = match signature {
            SignatureEvidence::Good { thumbprint, .. } => Some(thumbprint.as_str()),
            _ => None,
        };
        let digest = definition.digest();
        let attested = AttestedDefinition::new(&part.id, &part.version, &digest, signing_key);
        self.attestations.evidence(token, entry, &attested).await
    }
}

/// The source of evidence for definitions. Tests give evidence as values.
#[async_trait]
pub(crate) trait Gather: Debug + Send + Sync {
    async fn gather(
        &self,
        definition: &ToolDefinition,
        trust: &TrustConfig,
        known: &Known,
    ) -> Evidence;
}

#[async_trait]
impl Gather for EvidenceGatherer {
    async fn gather(
        &self,
        definition: &ToolDefinition,
        trust: &TrustConfig,
        known: &Known,
    ) -> Evidence {
        Self::gather(self, definition, trust, known).await
    }
}

/// Returns whether exactly this definition is on record with a good signature. If so, its key was
/// in the provider's key set once, even if an earlier process saw it.
fn was_good(definition: &ToolDefinition, known: &Known) -> bool {
    let approved = known.approvals.iter().map(|approval| &approval.pin);
    known
        .pins
        .iter()
        .chain(approved)
        .any(|pin| pin.digest == definition.digest() && pin.evidence.is_proven())
}
