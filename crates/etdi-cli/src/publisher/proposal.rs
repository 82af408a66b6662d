//! A provider that a person may decide to trust. The person confirms the thumbprints of its keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use etdi::oauth::{AttestationVerifier, JwksClient, KeySet};
use etdi::text::escaped;
use etdi::trust::{IssuerKind, MinBinding, TrustedIssuer, TrustedProvider};
use etdi::{Jwk, Provider};
use serde_json::json;

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::files::public_key;
use crate::servers::network::{NetworkOptions, unasked};
use crate::terminal::line::Line;

/// The flags that say where a provider's keys come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeySource {
    /// An authority of tool ids that the provider may sign. Without this flag: the host of its id. Any
    /// number of times.
    #[arg(long, value_name = "HOST")]
    pub(crate) authority: Vec<String>,
    /// A public key in a file: a JWK, a JWKS, or PEM. Any number of times.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub(crate) key: Vec<PathBuf>,
    /// The address of the provider's keys. The keys are fetched when they are needed.
    #[arg(long, value_name = "URL")]
    pub(crate) jwks_uri: Option<String>,
    /// With --jwks-uri: store the keys that the address has now, and do not fetch keys later.
    #[arg(long, requires = "jwks_uri")]
    pub(crate) pin: bool,
    /// An identity provider that vouches for the provider, exactly as it calls itself.
    #[arg(long, value_name = "ISSUER", requires = "client")]
    pub(crate) issuer: Option<String>,
    /// The kind of the issuer.
    #[arg(long, value_parser = issuer_kind(), default_value = "generic", value_name = "KIND")]
    pub(crate) kind: IssuerKind,
    /// A client of the issuer that speaks for the provider. Any number of times.
    #[arg(long, value_name = "CLIENT", requires = "issuer")]
    pub(crate) client: Vec<String>,
    /// The audience of the issuer's attestations.
    #[arg(long, value_name = "URI", requires = "issuer")]
    pub(crate) attestation_audience: Option<String>,
    /// The claim in which attestations list definitions.
    #[arg(long, value_name = "NAME", requires = "issuer")]
    pub(crate) claim: Option<String>,
    /// The weakest evidence that counts.
    #[arg(long, value_enum, default_value_t, value_name = "BINDING")]
    pub(crate) min_binding: MinBindingArg,
    /// Confirm a key by its RFC 7638 thumbprint, without a question. Once for each key.
    // One in 64 base64url texts begins with a hyphen.
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true)]
    pub(crate) thumbprint: Vec<String>,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

/// The weakest evidence that counts.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum MinBindingArg {
    /// A signature by one of the provider's keys.
    #[default]
    Signature,
    /// An attestation of the signing key.
    Key,
    /// An attestation of the definition.
    Digest,
}

/// Reads the kind of an issuer by its name.
pub(crate) fn issuer_kind() -> impl TypedValueParser<Value = IssuerKind> {
    let names = IssuerKind::ALL.iter().map(|kind| kind.as_str());
    PossibleValuesParser::new(names).map(|name| {
        let named = IssuerKind::ALL.iter().find(|kind| kind.as_str() == name);
        named.copied().unwrap_or_default()
    })
}

/// A key that would be trusted after the confirmation, and its source.
struct ProposedKey {
    jwk: Jwk,
    from: String,
}

/// An entry that is not trusted yet.
pub(crate) struct Proposal {
    provider: TrustedProvider,
    keys: Vec<ProposedKey>,
}

impl KeySource {
    /// Returns whether the flags name a source of keys.
    pub(crate) fn is_given(&self) -> bool {
        !self.key.is_empty() || self.jwks_uri.is_some() || self.issuer.is_some()
    }

    /// Reads and fetches the keys that the provider `id` would be trusted with.
    pub(crate) async fn propose(&self, id: &str, context: &Context) -> Result<Proposal, CliError> {
        let named = Provider::new(id, "")
            .map_err(|error| CliError::new(error).cannot("add the provider"))?;
        if !self.is_given() {
            return Err(CliError::new(
                "cannot find the provider's keys: their source is not given",
            )
            .next("give --jwks-uri URL, --key FILE, or --issuer ISSUER with --client"));
        }
        let mut authorities = self.authority.clone();
        if authorities.is_empty() {
            authorities.extend(named.host());
        }
        let mut provider = TrustedProvider::named(id);
        provider.authorities = authorities;
        provider.min_binding = match self.min_binding {
            MinBindingArg::Signature => MinBinding::Signature,
            MinBindingArg::Key => MinBinding::Key,
            MinBindingArg::Digest => MinBinding::Digest,
        };
        let mut proposal = Proposal { provider, keys: Vec::new() };
        for path in &self.key {
            proposal.read(path)?;
        }
        self.fetch(&mut proposal, context).await?;
        if proposal.keys.is_empty() {
            return Err(CliError::new("cannot add the provider: it has no usable key"));
        }
        Ok(proposal)
    }

    async fn fetch(&self, proposal: &mut Proposal, context: &Context) -> Result<(), CliError> {
        let network = self.network.network()?;
        let _progress = context.out.progress("fetching keys");
        if let Some(uri) = &self.jwks_uri {
            let client = JwksClient::new(uri, network.clone(), Arc::clone(&context.clock))
                .map_err(|error| unfetched(unasked(error)).at(uri))?;
            let refreshed = client.refresh().await;
            let keys = refreshed.map_err(|error| unfetched(unasked(error)).at(uri))?;
            proposal.show(&keys, uri, context);
            if self.pin {
                let named = keys.jwks().iter().filter(|jwk| jwk.kid().is_some());
                proposal.provider.keys.extend(named.cloned());
            } else {
                proposal.provider.jwks_uri = Some(uri.clone());
            }
        }
        if let Some(name) = &self.issuer {
            let mut issuer = TrustedIssuer::new(name, self.kind);
            issuer.clients.clone_from(&self.client);
            issuer.attestation_audience.clone_from(&self.attestation_audience);
            issuer.claim.clone_from(&self.claim);
            let verifier = AttestationVerifier::new(network, Arc::clone(&context.clock))
                .map_err(|error| unfetched(CliError::new(error)))?;
            let found = verifier.keys_of(&issuer).await;
            let client = found.map_err(|error| unfetched(unasked(error)).at(name))?;
            let refreshed = client.refresh().await;
            let keys = refreshed.map_err(|error| unfetched(unasked(error)).at(name))?;
            proposal.show(&keys, client.uri(), context);
            proposal.provider.issuers.push(issuer);
        }
        Ok(())
    }
}

fn unfetched(error: CliError) -> CliError {
    error.cannot("fetch the keys")
}

impl Proposal {
    fn read(&mut self, path: &Path) -> Result<(), CliError> {
        for jwk in
            public_key::read(&files::read(path)?).map_err(|error| error.at(path.display()))?
        {
            let jwk =
                if jwk.kid().is_some() { jwk } else { jwk.clone().with_kid(jwk.thumbprint()) };
            self.provider.keys.push(jwk.clone());
            self.keys.push(ProposedKey { jwk, from: path.display().to_string() });
        }
        Ok(())
    }

    fn show(&mut self, keys: &KeySet, from: &str, context: &Context) {
        for skipped in keys.skipped() {
            let remark = format!("key number {} is left out: {}", skipped.index + 1, skipped.why);
            context.out.remark(Line::new().warn("note: ").text(remark));
        }
        let jwks = keys.jwks().iter();
        self.keys.extend(jwks.map(|jwk| ProposedKey { jwk: jwk.clone(), from: from.to_owned() }));
    }

    /// Shows the keys, and returns the entry after a person has confirmed every key.
    pub(crate) fn confirmed(
        self,
        source: &KeySource,
        context: &Context,
    ) -> Result<TrustedProvider, CliError> {
        let out = &context.out;
        out.line(Line::new().text("The provider ").bold(escaped(&self.provider.id)).text(format!(
            " would sign tools of {}",
            escaped(&self.provider.authorities.join(", "))
        )));
        for key in &self.keys {
            let name = key.jwk.kid().map_or_else(|| "(no kid)".to_owned(), str::to_owned);
            out.line(Line::new().text("  key ").theirs(&name).text("  ").dim(alg(&key.jwk)));
            out.fields([
                ("  thumbprint", Line::new().bold(key.jwk.thumbprint())),
                ("  from", Line::new().theirs(&key.from)),
            ]);
        }
        let open: Vec<_> = self.keys.iter().map(|key| key.jwk.thumbprint()).collect();
        let unknown = source.thumbprint.iter().find(|given| !open.contains(given));
        if let Some(unknown) = unknown {
            return Err(CliError::new(
                "cannot confirm the thumbprint: the provider has no key with this thumbprint",
            )
            .at(unknown)
            .next(
                "the provider may have changed its keys: ask the provider, over another channel",
            ));
        }
        let open: Vec<_> =
            open.into_iter().filter(|one| !source.thumbprint.contains(one)).collect();
        let sure = open.is_empty()
            || (source.thumbprint.is_empty()
                && context.prompt.is_interactive()
                && context
                    .prompt
                    .confirm("Are these the thumbprints that the provider gives elsewhere?", "")?);
        match (sure, context.prompt.is_interactive() && source.thumbprint.is_empty()) {
            (true, _) => Ok(self.provider),
            (false, true) => {
                let what = "cannot add the provider: the answer was no; no changes were made";
                Err(CliError::new(what))
            }
            (false, false) => Err(CliError::new(format!(
                "cannot add the provider: these keys are not confirmed: {}",
                open.join(" ")
            ))
            .next("compare them with the provider's keys over another channel, then add --thumbprint for each")),
        }
    }

    /// Returns the keys as JSON.
    pub(crate) fn keys_json(&self) -> serde_json::Value {
        self.keys
            .iter()
            .map(|key| {
                json!({ "kid": key.jwk.kid(), "thumbprint": key.jwk.thumbprint(), "from": key.from })
            })
            .collect()
    }
}

fn alg(jwk: &Jwk) -> String {
    jwk.algorithm().map_or_else(|| "no usable algorithm".to_owned(), |alg| alg.to_string())
}
