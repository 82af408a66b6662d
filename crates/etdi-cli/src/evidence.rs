//! Gathering the evidence of a definition in a file: keys that the trust configuration lists or names
//! an address of, and attestations of the issuers in it. What is gathered is judged in `etdi-types`.

use std::collections::HashMap;
use std::sync::Arc;

use etdi::evidence::{
    AttestationEvidence, Evidence, ProviderKeys, SignatureEvidence, check_signature,
};
use etdi::oauth::{AttestationVerifier, AttestedDefinition, JwksClient, KeySet, Network};
use etdi::trust::TrustedProvider;
use etdi::{Clock, SignedPart, ToolDefinition, TrustConfig};

use crate::exit::CliError;

/// What was fetched, each address once.
pub(crate) struct Gatherer<'t> {
    trust: &'t TrustConfig,
    network: Network,
    clock: Arc<dyn Clock>,
    attestations: AttestationVerifier,
    key_sets: HashMap<String, Result<Arc<KeySet>, String>>,
}

impl<'t> Gatherer<'t> {
    pub(crate) fn new(
        trust: &'t TrustConfig,
        network: Network,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CliError> {
        let attestations =
            AttestationVerifier::new(network.clone(), Arc::clone(&clock)).map_err(CliError::new)?;
        Ok(Self { trust, network, clock, attestations, key_sets: HashMap::new() })
    }

    pub(crate) async fn gather(&mut self, definition: &ToolDefinition) -> Evidence {
        let part = definition.signed();
        let entry = part.and_then(|part| self.trust.provider(part.provider.id()));
        let signature = self.signature(definition, entry).await;
        let attestation = match part.and_then(|part| Some((part, part.attestation.as_ref()?))) {
            Some((part, token)) => {
                self.attestation(token, part, definition, entry, &signature).await
            }
            None => AttestationEvidence::Absent,
        };
        Evidence { signature, attestation }
    }

    async fn signature(
        &mut self,
        definition: &ToolDefinition,
        entry: Option<&TrustedProvider>,
    ) -> SignatureEvidence {
        // Pins belong to servers, and a file is on none.
        let nobody = |_: &str, _: &str| None;
        let trust = self.trust;
        let Some(uri) = entry.and_then(|entry| entry.jwks_uri.as_deref()) else {
            return check_signature(definition, trust, ProviderKeys::Listed, nobody);
        };
        match self.keys_at(uri).await {
            Ok(keys) => {
                check_signature(definition, trust, ProviderKeys::Fetched(keys.jwks()), nobody)
            }
            Err(why) => check_signature(definition, trust, ProviderKeys::Unavailable(&why), nobody),
        }
    }

    async fn keys_at(&mut self, uri: &str) -> Result<Arc<KeySet>, String> {
        if let Some(keys) = self.key_sets.get(uri) {
            return keys.clone();
        }
        let client = JwksClient::new(uri, self.network.clone(), Arc::clone(&self.clock));
        let keys = match client {
            Ok(client) => client.fresh_keys().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.key_sets.insert(uri.to_owned(), keys.clone());
        keys
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
                "no trust entry is for the provider, so no issuer may vouch for it".to_owned(),
            );
        };
        let signing_key = match signature {
            SignatureEvidence::Good { thumbprint, .. } => Some(thumbprint.as_str()),
            _ => None,
        };
        let attested = AttestedDefinition {
            id: &part.id,
            version: &part.version,
            digest: &definition.digest(),
            signing_key,
        };
        self.attestations.evidence(token, entry, &attested).await
    }
}
