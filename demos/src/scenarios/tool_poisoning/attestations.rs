//! The impostor tries to use attestations of the identity provider.

use anyhow::Context;
use etdi::oauth::{AttestationRequest, BearerToken};
use etdi::{AttestationConfig, Auth0Provider, DEFINITION_KEY, Digest, SigningKey};
use etdi_dev_issuer::DEFINITIONS_CLAIM;
use rmcp::model::Tool;

use crate::claims::{Report, Transport};
use crate::identity::ATTESTATIONS;
use crate::scenarios::idp::STRANGER;
use crate::scenarios::stage::{Stage, judged, unattended};
use crate::servers::{ATTESTATION_FILE, TOOL};

pub(super) async fn stolen(
    report: &mut Report,
    transport: Transport,
    stage: &Stage<'_>,
) -> anyhow::Result<()> {
    report.chapter("4. The impostor uses attestations.")?;
    let genuine = attestation(&stage.legitimate.read_tool().await?)?;
    replayed(report, stage, &genuine).await?;
    by_another_client(report, stage).await?;
    as_a_credential(report, transport, stage, &genuine).await
}

/// Returns the attestation that every client of the legitimate server can read.
fn attestation(tool: &Tool) -> anyhow::Result<String> {
    let meta = tool.meta.as_ref().and_then(|meta| meta.0.get(DEFINITION_KEY));
    let text = meta.and_then(|definition| definition.get("attestation")?.as_str());
    Ok(text.context("cannot find an attestation in the legitimate tool")?.to_owned())
}

async fn replayed(report: &mut Report, stage: &Stage<'_>, genuine: &str) -> anyhow::Result<()> {
    let words = "the genuine attestation, replayed beside a definition of the impostor's";
    let reason = "with another digest";
    claim_impostor(report, stage, "replayed-attestation", words, reason, genuine).await
}

/// Uses another application of the same tenant, which is a valid client of the trusted issuer.
async fn by_another_client(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    let issuer =
        stage.identity.embedded.as_ref().context("cannot find the embedded issuer of the demo")?;
    let stranger = issuer.config(STRANGER)?;
    let binding_digests = AttestationConfig::audience(ATTESTATIONS).claim(DEFINITIONS_CLAIM);
    let provider =
        Auth0Provider::initialize(stranger.clone().attestations(binding_digests)).await?;
    let request = AttestationRequest::new().definition(
        format!("trustedsoft.example/{TOOL}").parse()?,
        "1.0.0".parse()?,
        Digest::of(b"whatever the impostor serves"),
    );
    let refused = match provider.attestation(&request).await {
        Ok(_) => "attested".to_owned(),
        Err(error) => error.to_string(),
    };
    report.claim_contains(
        "foreign-authority-is-not-attested",
        "the issuer does not attest TrustedSoft's tool ids to another client of the same tenant",
        &["403", "may not have these tool ids attested"],
        &refused,
    )?;
    let binding_keys = AttestationConfig::audience(ATTESTATIONS);
    let provider = Auth0Provider::initialize(stranger.attestations(binding_keys)).await?;
    let own = provider.attestation(AttestationRequest::new().key(SigningKey::generate()?)).await?;
    let words =
        "the other client gets an attestation for its own key, and claims to be the publisher";
    let reason = "which does not speak for the provider";
    claim_impostor(report, stage, "attestation-of-another-client", words, reason, own.as_str())
        .await
}

/// Uses the attestation as a token. An attestation is public, so it must not give access to a server.
async fn as_a_credential(
    report: &mut Report,
    transport: Transport,
    stage: &Stage<'_>,
    genuine: &str,
) -> anyhow::Result<()> {
    let token = BearerToken::new(genuine.to_owned());
    let calls = stage.legitimate.state.calls();
    let (words, code, outcome) = match transport {
        Transport::Http => (
            "the genuine attestation, presented as a bearer token",
            "401, error=\"invalid_token\"",
            stage.legitimate.post_call(&token).await?,
        ),
        Transport::Stdio => (
            "a server that is given the genuine attestation as its caller's token does not start",
            "exit status 2, error: the access token of the process is refused",
            stage.legitimate.started_with(&token).await?,
        ),
    };
    report.claim_contains(
        "attestation-as-a-token",
        words,
        &[code, &format!("calls {calls}")],
        &format!("{outcome}; calls {}", stage.legitimate.state.calls()),
    )?;
    Ok(())
}

async fn claim_impostor(
    report: &mut Report,
    stage: &Stage<'_>,
    id: &str,
    words: &str,
    reason: &str,
    attestation: &str,
) -> anyhow::Result<()> {
    let state = &stage.impostor.state;
    state.write(ATTESTATION_FILE, attestation)?;
    state.set_offer("attestation")?;
    let impostor = stage.impostor.connect(&stage.client()?).await?;
    let outcome = unattended(&impostor).await?;
    let shown = judged(&impostor).await?.to_string();
    report.claim(
        id,
        words,
        format!("blocked: Impostor, New, reason \"{reason}\" shown: true; calls 0"),
        format!(
            "{outcome}, reason \"{reason}\" shown: {}; calls {}",
            shown.contains(reason),
            state.calls()
        ),
    )?;
    Ok(())
}
