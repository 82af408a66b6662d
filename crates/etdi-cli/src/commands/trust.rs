//! `etdi trust`.

use clap::{Args, Subcommand};
use etdi::trust::{MinBinding, TrustedProvider};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::trust_file::{self, TrustFile};
use crate::publisher::proposal::KeySource;
use crate::terminal::line::Line;

/// Add, list and remove trusted providers.
///
/// A server cannot add a provider.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi trust add https://trustedsoft.example --jwks-uri https://trustedsoft.example/jwks.json
  etdi trust add https://trustedsoft.example --key publisher.jwk --thumbprint …
  etdi trust add https://trustedsoft.example --issuer https://tenant.auth0.com/ --kind auth0 \\
      --client … --attestation-audience https://attestations.trustedsoft.example
  etdi trust list
  etdi trust remove https://trustedsoft.example")]
pub(crate) struct TrustArgs {
    #[command(subcommand)]
    action: TrustAction,
}

#[derive(Debug, Subcommand)]
enum TrustAction {
    /// Fetch or read a provider's keys, show their thumbprints, and trust them after confirmation.
    Add {
        /// The provider's id: a URI, compared as bytes.
        id: String,
        #[command(flatten)]
        source: Box<KeySource>,
    },
    /// List the trusted providers and their keys.
    List,
    /// Stop trusting a provider.
    Remove {
        /// The provider's id.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

impl TrustArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        match self.action {
            TrustAction::Add { id, source } => add(&id, &source, context).await,
            TrustAction::List => list(context),
            TrustAction::Remove { id, yes } => remove(&id, yes, context),
        }
    }
}

async fn add(id: &str, source: &KeySource, context: &Context) -> Ending {
    let shown = TrustFile::open(context)?;
    let proposal = source.propose(id, context).await?;
    let keys = proposal.keys_json();
    let provider = proposal.confirmed(source, context)?;
    TrustFile::change(context, |file| {
        // The provider may have been removed while the person was asked: do not trust it again.
        file.is_still_as_in(&shown, id)?;
        file.add(&provider)
    })?;
    context.out.json(&json!({ "added": id, "keys": keys, "config": context.config }));
    context.out.line(
        Line::new()
            .good("added ")
            .theirs(id)
            .text(" to ")
            .theirs(&context.config.display().to_string()),
    );
    Ok(Exit::Ok)
}

fn list(context: &Context) -> Ending {
    let trust = trust_file::read(context)?;
    let answer: Vec<_> = trust.providers().iter().map(to_json).collect();
    context.out.json(&json!({ "config": context.config, "providers": answer }));
    if trust.providers().is_empty() {
        context.out.line("No provider is trusted.");
        context.out.next("etdi trust add URI --jwks-uri URL");
    }
    for provider in trust.providers() {
        show(provider, context);
    }
    Ok(Exit::Ok)
}

fn show(provider: &TrustedProvider, context: &Context) {
    let theirs = |text: &str| Line::new().theirs(text);
    context.out.line(Line::new().bold(etdi::text::escaped(&provider.id)));
    let mut fields = vec![("signs", theirs(&provider.authorities.join(", ")))];
    for key in &provider.keys {
        fields.push(("key", theirs(key.kid().unwrap_or_default())));
        if key.kid() != Some(&key.thumbprint()) {
            fields.push(("", Line::new().dim(format!("thumbprint {}", key.thumbprint()))));
        }
    }
    if let Some(uri) = &provider.jwks_uri {
        fields.push(("keys at", theirs(uri)));
    }
    for issuer in &provider.issuers {
        let kind = format!(" ({})", issuer.kind.as_str());
        fields.push(("issuer", theirs(&issuer.issuer).text(kind)));
        fields.push(("clients", theirs(&issuer.clients.join(", "))));
        match &issuer.attestation_audience {
            Some(audience) => fields.push(("audience", theirs(audience))),
            None => {
                fields.push(("audience", Line::new().warn("missing: its attestations are refused")))
            }
        }
    }
    fields.push(("needs", Line::from(needs(provider.min_binding))));
    for revoked in &provider.revoked {
        fields.push(("revoked", Line::new().warn(revoked)));
    }
    context.out.fields(fields);
    context.out.blank();
}

fn needs(binding: MinBinding) -> &'static str {
    match binding {
        MinBinding::Signature => "a signature",
        MinBinding::Key => "an attestation of the signing key",
        MinBinding::Digest => "an attestation of the definition",
    }
}

fn to_json(provider: &TrustedProvider) -> Value {
    let issuers: Vec<_> = provider
        .issuers
        .iter()
        .map(|issuer| {
            json!({
                "issuer": issuer.issuer, "clients": issuer.clients,
                "kind": issuer.kind.as_str(),
                "attestation_audience": issuer.attestation_audience, "claim": issuer.claim,
            })
        })
        .collect();
    let keys: Vec<_> = provider
        .keys
        .iter()
        .map(|key| json!({ "kid": key.kid(), "thumbprint": key.thumbprint() }))
        .collect();
    let revoked: Vec<_> = provider.revoked.iter().map(ToString::to_string).collect();
    json!({
        "id": provider.id, "authorities": provider.authorities, "keys": keys,
        "jwks_uri": provider.jwks_uri, "issuers": issuers, "revoked": revoked,
        "min_binding": provider.min_binding.as_str(),
    })
}

fn remove(id: &str, yes: bool, context: &Context) -> Ending {
    let unknown = || {
        CliError::new("cannot remove the provider: it has no entry").at(id).next("etdi trust list")
    };
    if !TrustFile::open(context)?.has(id)? {
        return Err(unknown());
    }
    let question =
        format!("Stop trusting {}? Its tools are then not trusted", etdi::text::escaped(id));
    if !yes && !context.prompt.confirm(&question, "give --yes")? {
        return Err(CliError::new(
            "cannot remove the provider: the answer was no; no changes were made",
        ));
    }
    TrustFile::change(context, |file| match file.remove(id)? {
        true => Ok(()),
        false => Err(unknown()),
    })?;
    context.out.json(&json!({ "removed": id, "config": context.config }));
    context.out.line(Line::new().good("removed ").theirs(id));
    Ok(Exit::Ok)
}
