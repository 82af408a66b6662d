//! The trust configuration: the keys and issuers that speak for each provider (wire format, section
//! 5). A server's messages never add to it.

mod revocation;

use std::collections::HashSet;

use serde::Deserialize;

use crate::keys::Jwk;
use crate::names::{NameError, Provider, is_a_label_host, is_http_url};
use crate::text::escaped;

pub use revocation::{Revocation, RevocationError};

/// The weakest evidence that a provider's definitions must carry to count as more than identified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MinBinding {
    /// A signature by a key of the entry.
    #[default]
    Signature,
    /// An attestation bound to the signing key.
    Key,
    /// An attestation bound to the definition's digest.
    Digest,
}

impl MinBinding {
    /// Every binding, the weakest first.
    pub const ALL: &[Self] = &[Self::Signature, Self::Key, Self::Digest];

    /// Returns the name that trust files and JSON use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Key => "key",
            Self::Digest => "digest",
        }
    }
}

/// The kinds of issuer, each with its own client claim (wire format, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuerKind {
    /// Auth0.
    Auth0,
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// Any other OIDC issuer.
    #[default]
    Generic,
}

impl IssuerKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Auth0, Self::Okta, Self::Entra, Self::Generic];

    /// Returns the name that trust files, JSON and events use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth0 => "auth0",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Generic => "generic",
        }
    }
}

/// An identity provider that vouches for a provider's definitions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustedIssuer {
    /// The issuer, compared as bytes.
    pub issuer: String,
    /// Its kind.
    #[serde(default)]
    pub kind: IssuerKind,
    /// The clients of this issuer that speak for the provider.
    pub clients: Vec<String>,
    /// The one audience of attestations.
    #[serde(default)]
    pub attestation_audience: Option<String>,
    /// The claim that binds definitions by digest.
    #[serde(default)]
    pub claim: Option<String>,
}

impl TrustedIssuer {
    /// Returns an issuer without clients, without an audience of attestations, and without a claim
    /// that binds definitions by digest. Add the clients that speak for the provider.
    #[must_use]
    pub fn new(issuer: impl Into<String>, kind: IssuerKind) -> Self {
        Self {
            issuer: issuer.into(),
            kind,
            clients: Vec::new(),
            attestation_audience: None,
            claim: None,
        }
    }

    /// Returns the same issuer with one more client that speaks for the provider.
    #[must_use]
    pub fn with_client(mut self, client: impl Into<String>) -> Self {
        self.clients.push(client.into());
        self
    }

    /// Returns the same issuer with this audience, the only one of its attestations.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.attestation_audience = Some(audience.into());
        self
    }

    /// Returns the same issuer with the claim that binds definitions by digest.
    #[must_use]
    pub fn with_claim(mut self, claim: impl Into<String>) -> Self {
        self.claim = Some(claim.into());
        self
    }
}

/// One provider that is trusted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustedProvider {
    /// The provider id, compared as bytes.
    pub id: String,
    /// The authorities whose tool ids the provider may sign.
    pub authorities: Vec<String>,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<Jwk>,
    /// The URI at which its keys are published; used instead of `keys`.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// The weakest evidence that counts.
    #[serde(default)]
    pub min_binding: MinBinding,
    /// The definitions, keys and versions that are revoked.
    #[serde(default)]
    pub revoked: Vec<Revocation>,
    /// The issuers that vouch for it.
    #[serde(default, rename = "issuer")]
    pub issuers: Vec<TrustedIssuer>,
}

impl TrustedProvider {
    /// Returns an entry with one key and one authority, the usual case.
    #[must_use]
    pub fn new(id: impl Into<String>, authority: impl Into<String>, key: Jwk) -> Self {
        Self { authorities: vec![authority.into()], keys: vec![key], ..Self::named(id) }
    }

    /// Returns an entry without authorities and without a source of keys: a trust configuration
    /// refuses such an entry.
    #[must_use]
    pub fn named(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            authorities: Vec::new(),
            keys: Vec::new(),
            jwks_uri: None,
            min_binding: MinBinding::default(),
            revoked: Vec::new(),
            issuers: Vec::new(),
        }
    }
}

/// Every provider that is trusted. Empty by default: then no provider is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustConfig {
    providers: Vec<TrustedProvider>,
}

/// The reason why a trust configuration must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The text is not the TOML that section 5 describes; the message says where.
    #[error("the trust configuration is malformed: {0}")]
    Toml(String),
    /// Two entries have one id.
    #[error("two [[provider]] entries have the id \"{}\"; merge them", escaped(.0))]
    DuplicateProvider(String),
    /// One authority is in two entries, so two providers could sign one tool id.
    #[error("the authority \"{}\" is in two [[provider]] entries; it can belong to one only",
        escaped(.0))]
    DuplicateAuthority(String),
    /// An authority that no tool id can have.
    #[error("the authority \"{}\" is not a lower-case host of A-labels", escaped(.0))]
    Authority(String),
    /// The id of an entry is not a provider id, so no definition could have it.
    #[error(transparent)]
    ProviderId(#[from] NameError),
    /// A `jwks_uri` or an issuer that is not an http or https URL, or that has user information or a
    /// fragment. In front of the host, user information looks like another host.
    #[error(
        "the {member} \"{}\" of the provider \"{}\" is not an http or https URL without user \
             information and fragment",
        escaped(url),
        escaped(provider)
    )]
    Url {
        /// The member: `jwks_uri` or `issuer`.
        member: &'static str,
        /// The text of the member.
        url: String,
        /// The provider.
        provider: String,
    },
    /// The entry has both keys and `jwks_uri`, or no key, no `jwks_uri` and no issuer.
    #[error("the provider \"{}\" needs either keys or a jwks_uri, or at least one issuer",
        escaped(.0))]
    KeySource(String),
    /// A key has no `kid`, so a signature could not name it.
    #[error("a key of the provider \"{}\" has no kid; add one, its RFC 7638 thumbprint for instance",
        escaped(.0))]
    MissingKid(String),
    /// An issuer lists no clients. Without a list, every client of the issuer would speak for the
    /// provider.
    #[error("the issuer \"{}\" lists no clients; name the clients that speak for the provider",
        escaped(.0))]
    NoClients(String),
    /// The file could not be read.
    #[error("cannot read the trust configuration {path}: {reason}")]
    File {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustTable {
    #[serde(default, rename = "provider")]
    providers: Vec<TrustedProvider>,
}

impl TrustConfig {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// A [`TrustError`] that says what is wrong and where. Unknown members are refused.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let file: TrustTable = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map(|before| before.matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            TrustError::Toml(format!("{place}{}", escaped(error.message())))
        })?;
        Self::new(file.providers)
    }

    /// Returns a configuration of these entries.
    ///
    /// # Errors
    /// As [`TrustConfig::parse`].
    pub fn new(providers: Vec<TrustedProvider>) -> Result<Self, TrustError> {
        let mut ids = HashSet::new();
        let mut authorities = HashSet::new();
        for provider in &providers {
            Provider::new(&provider.id, "")?;
            if !ids.insert(&provider.id) {
                return Err(TrustError::DuplicateProvider(provider.id.clone()));
            }
            for authority in &provider.authorities {
                if !is_a_label_host(authority) {
                    return Err(TrustError::Authority(authority.clone()));
                }
                if !authorities.insert(authority) {
                    return Err(TrustError::DuplicateAuthority(authority.clone()));
                }
            }
            check_sources(provider)?;
        }
        Ok(Self { providers })
    }

    /// Returns the entries, in the order of the file.
    #[must_use]
    pub fn providers(&self) -> &[TrustedProvider] {
        &self.providers
    }

    /// Returns the entry whose id equals `id`, byte for byte.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<&TrustedProvider> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// Returns the entry that may sign tool ids of `authority`.
    #[must_use]
    pub(crate) fn authority_owner(&self, authority: &str) -> Option<&TrustedProvider> {
        self.providers.iter().find(|p| p.authorities.iter().any(|a| a == authority))
    }
}

fn check_sources(provider: &TrustedProvider) -> Result<(), TrustError> {
    let issuers = provider.issuers.iter().map(|issuer| ("issuer", &issuer.issuer));
    for (member, url) in provider.jwks_uri.iter().map(|uri| ("jwks_uri", uri)).chain(issuers) {
        if !is_http_url(url) {
            let (url, provider) = (url.clone(), provider.id.clone());
            return Err(TrustError::Url { member, url, provider });
        }
    }
    let keyed = !provider.keys.is_empty();
    if keyed == provider.jwks_uri.is_some() && (keyed || provider.issuers.is_empty()) {
        return Err(TrustError::KeySource(provider.id.clone()));
    }
    if provider.keys.iter().any(|key| key.kid().is_none()) {
        return Err(TrustError::MissingKid(provider.id.clone()));
    }
    match provider.issuers.iter().find(|issuer| issuer.clients.is_empty()) {
        Some(issuer) => Err(TrustError::NoClients(issuer.issuer.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    fn entry(id: &str, authority: &str) -> TrustedProvider {
        let key = SigningKey::generate().unwrap();
        TrustedProvider::new(id, authority, key.public_jwk().clone())
    }

    #[test]
    fn one_authority_in_two_entries_is_refused() {
        let both =
            vec![entry("https://a.example", "x.example"), entry("https://b.example", "x.example")];
        assert_eq!(
            TrustConfig::new(both).unwrap_err(),
            TrustError::DuplicateAuthority("x.example".to_owned())
        );
    }

    #[test]
    fn an_id_or_a_url_that_looks_like_another_host_is_refused() {
        let evil = "https://trustedsoft.example@evil.example";
        let refused = |entry| TrustConfig::new(vec![entry]).unwrap_err();
        let error = refused(entry(evil, "evil.example"));
        assert_eq!(error, TrustError::ProviderId(NameError::Provider(evil.to_owned())));
        assert!(matches!(refused(entry("mine", "a.example")), TrustError::ProviderId(_)));
        for url in [
            evil,
            "https://a.example/#@b.example",
            "https:a.example",
            "https://a.example\\@b.example",
            "ftp://a.example/k",
            "urn:a",
            "",
        ] {
            let mut by_address = TrustedProvider::named("https://a.example");
            by_address.jwks_uri = Some(url.to_owned());
            assert!(
                matches!(refused(by_address), TrustError::Url { member: "jwks_uri", .. }),
                "{url}"
            );
            let mut by_issuer = TrustedProvider::named("https://a.example");
            let issuer = TrustedIssuer::new(url, IssuerKind::Generic).with_client("c");
            by_issuer.issuers.push(issuer);
            assert!(
                matches!(refused(by_issuer), TrustError::Url { member: "issuer", .. }),
                "{url}"
            );
        }
    }

    #[test]
    fn a_key_that_anyone_can_sign_for_is_refused() {
        let file = |x: &str| {
            format!(
                "[[provider]]\nid='https://a.example'\nauthorities=['a.example']\n\
                 keys=[{{kty='OKP', crv='Ed25519', kid='k', x='{x}'}}]"
            )
        };
        let zeros = "A".repeat(43);
        let error = TrustConfig::parse(&file(&zeros)).unwrap_err().to_string();
        assert!(error.contains("small order"), "{error}");
    }

    #[test]
    fn unknown_members_and_revocations_are_refused() {
        for text in [
            "[[provider]]\nid='https://a.example'\nauthorities=[]\njwks_uri='https://a.example/k'\nverified=true",
            "[[provider]]\nid='https://a.example'\nauthorities=[]\njwks_uri='https://a.example/k'\nrevoked=['everything']",
            "[[provider]]\nid='https://a.example'\nauthorities=[]\nkeys=[{kty='oct', k='AA'}]",
            "[[providers]]\n",
        ] {
            assert!(matches!(TrustConfig::parse(text), Err(TrustError::Toml(_))), "{text}");
        }
    }

    #[test]
    fn the_names_in_files_stay() {
        let kinds: Vec<_> = IssuerKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(kinds, ["auth0", "okta", "entra", "generic"]);
        let bindings: Vec<_> = MinBinding::ALL.iter().map(|binding| binding.as_str()).collect();
        assert_eq!(bindings, ["signature", "key", "digest"]);
        // A trust file with one of these names gives the value with that name.
        for kind in IssuerKind::ALL {
            let text = format!("issuer='https://i.example'\nclients=[]\nkind='{}'", kind.as_str());
            assert_eq!(toml::from_str::<TrustedIssuer>(&text).unwrap().kind, *kind);
        }
        for binding in MinBinding::ALL {
            let text = format!("id='a'\nauthorities=[]\nmin_binding='{}'", binding.as_str());
            assert_eq!(toml::from_str::<TrustedProvider>(&text).unwrap().min_binding, *binding);
        }
    }

    #[test]
    fn the_error_for_a_malformed_file_names_its_line() {
        let text = "[[provider]]\nid = 'https://a.example'\nverified = \"\\u001b\"\n";
        let error = TrustConfig::parse(text).unwrap_err().to_string();
        assert!(error.contains("line 3: ") && !error.contains(['\n', '\u{1b}']), "{error}");
    }

    #[test]
    fn an_entry_needs_exactly_one_source_of_keys() {
        let text = "[[provider]]\nid='https://a.example'\nauthorities=['a.example']";
        assert!(matches!(TrustConfig::parse(text), Err(TrustError::KeySource(_))));
        let mut both = entry("https://a.example", "a.example");
        both.jwks_uri = Some("https://a.example/jwks.json".to_owned());
        assert!(matches!(TrustConfig::new(vec![both]), Err(TrustError::KeySource(_))));
    }
}
