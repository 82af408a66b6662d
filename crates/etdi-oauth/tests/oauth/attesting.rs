//! Attestations: requested, checked by their publisher, checked by clients.

use std::sync::Arc;
use std::time::Duration;

use etdi_oauth::{
    AttestationConfig, AttestationError, AttestationRequest, AttestationVerifier, Attested,
    AttestedDefinition, Auth0Provider, BearerToken, ConfigError, Expectations, OAuthError,
    TokenError, check_attestation,
};
use etdi_testkit::issuer::{
    API, ATTESTATIONS, CLAIM, CLIENT, Issuer, NOW, Reply, network, read_proof,
};
use etdi_testkit::keys::{FIRST, SECOND, jwks};
use etdi_types::evidence::AttestationEvidence;
use etdi_types::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use etdi_types::verdict::Binding;
use etdi_types::{Digest, SigningKey, ToolId, Version};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::keys::{key_set, with};

const ISSUER: &str = "https://tenant.auth0.com/";
const TOKEN: &str = "/oauth/token";

struct Definition {
    id: ToolId,
    version: Version,
    digest: Digest,
    key: SigningKey,
}

impl Definition {
    fn new() -> Self {
        Self {
            id: "trustedsoft.example/scan".parse().unwrap(),
            version: "1.2.0".parse().unwrap(),
            digest: Digest::of(b"the definition"),
            key: SigningKey::generate().unwrap(),
        }
    }

    fn entry(&self) -> Value {
        json!({ "id": self.id, "version": self.version, "digest": self.digest })
    }

    fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "sub": format!("{CLIENT}@clients"), "azp": CLIENT, "aud": ATTESTATIONS,
            "iat": NOW, "exp": NOW + 600, CLAIM: [self.entry()],
        })
    }

    fn check(&self, claims: &Value) -> Result<Attested, AttestationError> {
        self.check_at(claims, NOW, &trusted(ISSUER))
    }

    fn check_at(
        &self,
        claims: &Value,
        now: i64,
        issuer: &TrustedIssuer,
    ) -> Result<Attested, AttestationError> {
        let thumbprint = self.key.public_jwk().thumbprint();
        let definition = self.attested(&thumbprint);
        let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
        check_attestation(&FIRST.sign(claims), issuer, &key_set(&[FIRST.jwk()]), &definition, now)
    }

    fn attested<'a>(&'a self, thumbprint: &'a str) -> AttestedDefinition<'a> {
        AttestedDefinition::new(&self.id, &self.version, &self.digest, Some(thumbprint))
    }

    fn request(&self) -> AttestationRequest {
        AttestationRequest::new().definition(self.id.clone(), self.version.clone(), self.digest)
    }
}

fn trusted(issuer: &str) -> TrustedIssuer {
    TrustedIssuer::new(issuer, IssuerKind::Auth0)
        .with_client(CLIENT)
        .with_audience(ATTESTATIONS)
        .with_claim(CLAIM)
}

fn with_kind(kind: IssuerKind) -> TrustedIssuer {
    let mut issuer = trusted(ISSUER);
    issuer.kind = kind;
    issuer
}

#[test]
fn each_binding_is_reported_under_its_own_name() {
    let definition = Definition::new();
    let jkt = json!({ "cnf": { "jkt": definition.key.public_jwk().thumbprint() } });
    let by_digest = definition.claims();
    let by_both = with(by_digest.clone(), &jkt);
    let by_key = with(by_both.clone(), &json!({ CLAIM: null }));
    let bare = with(by_digest.clone(), &json!({ CLAIM: null }));
    for (claims, binding) in [
        (by_digest, Some(Binding::Digest)),
        (by_both, Some(Binding::Digest)),
        (by_key, Some(Binding::Key)),
        (bare, None),
    ] {
        let attested = definition.check(&claims).unwrap();
        assert_eq!((attested.binding, attested.client.as_str()), (binding, CLIENT));
    }
}

// Attack 27.
#[test]
fn an_attestation_of_another_definition_is_refused() {
    let definition = Definition::new();
    let (id, version) = (definition.id.clone(), definition.version.clone());
    let listing =
        |change| with(definition.claims(), &json!({ CLAIM: [with(definition.entry(), &change)] }));
    for change in [json!({ "id": "trustedsoft.example/other" }), json!({ "version": "1.2.1" })] {
        assert_eq!(
            definition.check(&listing(change)).unwrap_err(),
            AttestationError::NotListed { id: id.clone(), version: version.clone() }
        );
    }
    assert_eq!(
        definition.check(&listing(json!({ "digest": Digest::of(b"poisoned") }))).unwrap_err(),
        AttestationError::OtherDigest { id: id.clone(), version: version.clone() }
    );
    let none = with(definition.claims(), &json!({ CLAIM: [] }));
    assert_eq!(definition.check(&none).unwrap_err(), AttestationError::NotListed { id, version });
    let other = SigningKey::generate().unwrap().public_jwk().thumbprint();
    let bound = with(definition.claims(), &json!({ "cnf": { "jkt": other } }));
    assert_eq!(definition.check(&bound).unwrap_err(), AttestationError::OtherKey);
}

#[test]
fn an_attestation_by_another_client_of_the_tenant_is_refused() {
    let definition = Definition::new();
    let claims = with(definition.claims(), &json!({ "azp": "another", "sub": "another@clients" }));
    assert_eq!(
        definition.check(&claims).unwrap_err(),
        AttestationError::ForeignClient("another".to_owned())
    );
}

// Attack 28, the client's side.
#[test]
fn an_attestation_that_would_be_a_credential_is_refused() {
    let definition = Definition::new();
    for grant in ["scope", "scp", "permissions", "roles"] {
        for value in [json!("execute:tools"), json!(["execute:tools"]), json!([]), json!("")] {
            let claims = with(definition.claims(), &json!({ grant: value }));
            assert_eq!(definition.check(&claims).unwrap_err(), AttestationError::Grants(grant));
        }
    }
    for aud in [json!([ATTESTATIONS, API]), json!([ATTESTATIONS, ATTESTATIONS])] {
        let claims = with(definition.claims(), &json!({ "aud": aud }));
        assert_eq!(definition.check(&claims).unwrap_err(), AttestationError::Audiences(2));
    }
    let claims = with(definition.claims(), &json!({ "aud": API }));
    assert_eq!(
        definition.check(&claims).unwrap_err(),
        AttestationError::Token(TokenError::WrongAudience {
            expected: ATTESTATIONS.to_owned(),
            found: vec![API.to_owned()],
        })
    );
    assert!(
        definition.check(&with(definition.claims(), &json!({ "aud": [ATTESTATIONS] }))).is_ok()
    );
}

#[test]
fn the_claim_of_definitions_is_read_strictly() {
    let definition = Definition::new();
    let entry = definition.entry();
    for bad in [
        json!("text"),
        json!({}),
        json!([7]),
        json!([with(entry.clone(), &json!({ "digest": null }))]),
        json!([with(entry.clone(), &json!({ "version": 1 }))]),
        json!([entry, entry]),
        json!([entry, with(entry.clone(), &json!({ "digest": Digest::of(b"other") }))]),
    ] {
        let claims = with(definition.claims(), &json!({ CLAIM: bad }));
        let error = definition.check(&claims).unwrap_err();
        assert!(matches!(error, AttestationError::Claim { .. }), "{bad}: {error}");
    }
    let more = with(entry.clone(), &json!({ "note": "unknown members are ignored" }));
    let other = with(entry, &json!({ "version": "1.3.0" }));
    let claims = with(definition.claims(), &json!({ CLAIM: [more, other] }));
    assert_eq!(definition.check(&claims).unwrap().binding, Some(Binding::Digest));
}

#[test]
fn the_client_is_read_from_the_claim_of_the_issuers_kind() {
    use IssuerKind::{Auth0, Entra, Generic, Okta};
    let definition = Definition::new();
    let base = with(definition.claims(), &json!({ "azp": null, "sub": null }));
    let check = |kind, changes: Value| {
        definition.check_at(&with(base.clone(), &changes), NOW, &with_kind(kind))
    };
    for (kind, good) in [
        (Auth0, json!({ "azp": CLIENT, "sub": format!("{CLIENT}@clients") })),
        (Okta, json!({ "cid": CLIENT, "sub": CLIENT })),
        (Entra, json!({ "azp": CLIENT, "sub": "object", "oid": "object" })),
        (Entra, json!({ "appid": CLIENT, "sub": "object", "idtyp": "app" })),
        (Generic, json!({ "client_id": CLIENT, "sub": CLIENT })),
    ] {
        assert_eq!(check(kind, good).unwrap().client, CLIENT);
    }
    for (kind, missing, claim) in [
        (Auth0, json!({ "sub": format!("{CLIENT}@clients") }), "azp"),
        (Auth0, json!({ "azp": CLIENT }), "sub"),
        (Okta, json!({ "sub": CLIENT }), "cid"),
        (Entra, json!({ "sub": "object", "oid": "object" }), "azp"),
        (Generic, json!({ "sub": CLIENT, "azp": CLIENT }), "client_id"),
    ] {
        assert_eq!(
            check(kind, missing).unwrap_err(),
            AttestationError::Token(TokenError::MissingClaim(claim))
        );
    }
    for (kind, contradictory) in [
        (Auth0, json!({ "azp": CLIENT, "sub": CLIENT })),
        (Auth0, json!({ "azp": CLIENT, "sub": "auth0|alice" })),
        (Okta, json!({ "cid": CLIENT, "sub": CLIENT, "uid": "alice" })),
        (Okta, json!({ "cid": CLIENT, "sub": "alice" })),
        (Entra, json!({ "azp": CLIENT, "appid": "other", "sub": "o", "oid": "o" })),
        (Entra, json!({ "azp": CLIENT, "sub": "alice", "oid": "object" })),
        (Entra, json!({ "azp": CLIENT, "sub": "o", "oid": "o", "idtyp": "user" })),
        (Generic, json!({ "client_id": CLIENT, "sub": "alice" })),
    ] {
        let error = check(kind, contradictory.clone()).unwrap_err();
        assert!(
            matches!(error, AttestationError::Token(TokenError::ContradictoryClient { .. })),
            "{kind:?} {contradictory}: {error}"
        );
    }
}

#[test]
fn an_attestation_is_called_expired_only_if_it_was_good_before() {
    let definition = Definition::new();
    let error = definition.check_at(&definition.claims(), NOW + 660, &trusted(ISSUER)).unwrap_err();
    let since = OffsetDateTime::from_unix_timestamp(NOW + 600).unwrap();
    assert_eq!(error, AttestationError::Token(TokenError::Expired { since }));
    assert_eq!(
        error.into_evidence(ISSUER),
        AttestationEvidence::Expired { issuer: ISSUER.to_owned(), since }
    );
    // The token is expired and names another client: it must be refused, and not be reported as
    // expired.
    let claims = with(definition.claims(), &json!({ "azp": "another", "sub": "another@clients" }));
    let error = definition.check_at(&claims, NOW + 660, &trusted(ISSUER)).unwrap_err();
    assert!(matches!(error.into_evidence(ISSUER), AttestationEvidence::Bad(_)));
}

#[test]
fn an_attestation_needs_an_issuer_with_an_attestation_audience() {
    let definition = Definition::new();
    let mut issuer = trusted(ISSUER);
    issuer.attestation_audience = None;
    let error = definition.check_at(&definition.claims(), NOW, &issuer).unwrap_err();
    assert_eq!(error, AttestationError::NotConfigured(ISSUER.to_owned()));
}

async fn attesting(issuer: &Issuer) -> Auth0Provider {
    let attestations = AttestationConfig::audience(ATTESTATIONS).claim(CLAIM);
    Auth0Provider::initialize(issuer.config().attestations(attestations)).await.unwrap()
}

fn entry(issuer: &Issuer, definition: &Definition) -> TrustedProvider {
    let key = definition.key.public_jwk().clone();
    let mut entry = TrustedProvider::new("https://trustedsoft.example", "trustedsoft.example", key);
    entry.issuers = vec![trusted(&issuer.issuer)];
    entry
}

#[tokio::test]
async fn a_publisher_gets_an_attestation_that_a_client_verifies() {
    let (issuer, definition) = (Issuer::start().await, Definition::new());
    let auth0 = attesting(&issuer).await;
    let attestation = auth0.attestation(definition.request()).await.unwrap();
    assert_eq!(attestation.binding(), Binding::Digest);
    assert_eq!(
        auth0.attestation(definition.request()).await.unwrap().as_str(),
        attestation.as_str()
    );
    assert_eq!(issuer.count(TOKEN), 1);
    assert!(!issuer.seen(TOKEN)[0].form.contains_key("scope"));

    let verifier = AttestationVerifier::new(network(), Arc::clone(&issuer.clock)).unwrap();
    let thumbprint = definition.key.public_jwk().thumbprint();
    let trust = entry(&issuer, &definition);
    let evidence =
        verifier.evidence(attestation.as_str(), &trust, &definition.attested(&thumbprint)).await;
    assert_eq!(
        evidence,
        AttestationEvidence::Good {
            issuer: issuer.issuer.clone(),
            client: CLIENT.to_owned(),
            binding: Some(Binding::Digest),
        }
    );
    // Attack 29, in this crate.
    let error = auth0
        .validate(&BearerToken::new(attestation.as_str()), Expectations::audience(API))
        .await
        .unwrap_err();
    assert!(matches!(error, OAuthError::Token(TokenError::WrongAudience { .. })), "{error}");
    assert_eq!(error.status(), Some(401));
}

#[tokio::test]
async fn a_key_is_bound_by_dpop_with_the_nonce_of_the_issuer() {
    let (issuer, definition) = (Issuer::start().await, Definition::new());
    let (this, endpoint) = (issuer.clone(), issuer.url(TOKEN));
    issuer.on(TOKEN, move |seen| {
        let proof = read_proof(seen.headers["dpop"].to_str().unwrap(), &endpoint);
        if proof.claims.get("nonce") == Some(&json!("fresh")) {
            this.grant(seen, &[], &FIRST)
        } else {
            Reply::error(400, "use_dpop_nonce", "").header("dpop-nonce", "fresh")
        }
    });
    let config = issuer.config().attestations(AttestationConfig::audience(ATTESTATIONS));
    let auth0 = Auth0Provider::initialize(config).await.unwrap();
    let request = AttestationRequest::new().key(definition.key.clone());
    let attestation = auth0.attestation(&request).await.unwrap();
    assert_eq!(attestation.binding(), Binding::Key);
    assert_eq!(issuer.count(TOKEN), 2);
    // The first attempt of a later request has the nonce, and each proof has its own id.
    issuer.clock.advance(Duration::from_secs(4000));
    auth0.attestation(&request).await.unwrap();
    assert_eq!(issuer.count(TOKEN), 3);
    let id = |seen: &etdi_testkit::issuer::Seen| {
        read_proof(seen.headers["dpop"].to_str().unwrap(), &issuer.url(TOKEN)).claims["jti"].clone()
    };
    let ids: Vec<_> = issuer.seen(TOKEN).iter().map(id).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn a_proof_is_sent_again_with_a_nonce_only_once() {
    let (issuer, definition) = (Issuer::start().await, Definition::new());
    let reply = Reply::error(400, "use_dpop_nonce", "").header("dpop-nonce", "again");
    issuer.reply(TOKEN, reply);
    let auth0 = attesting(&issuer).await;
    let error = auth0.attestation(definition.request().key(definition.key.clone())).await;
    assert!(matches!(error, Err(OAuthError::Refused { .. })));
    assert_eq!(issuer.count(TOKEN), 2);
}

// Attack 28, the publisher's side.
#[tokio::test]
async fn a_publisher_refuses_an_attestation_that_would_be_a_credential() {
    let definition = Definition::new();
    for (changes, expected) in [
        (json!({ "scope": "execute:tools" }), AttestationError::Grants("scope")),
        (json!({ "permissions": [] }), AttestationError::Grants("permissions")),
        (json!({ "aud": [ATTESTATIONS, API] }), AttestationError::Audiences(2)),
        (
            json!({ "aud": API }),
            AttestationError::Token(TokenError::WrongAudience {
                expected: ATTESTATIONS.to_owned(),
                found: vec![API.to_owned()],
            }),
        ),
        (json!({ CLAIM: null }), AttestationError::Unbound(Binding::Digest)),
        (
            json!({ CLAIM: [] }),
            AttestationError::NotListed {
                id: definition.id.clone(),
                version: definition.version.clone(),
            },
        ),
    ] {
        let issuer = Issuer::start().await;
        let claims = json!({ "aud": ATTESTATIONS, CLAIM: [definition.entry()] });
        let claims = with(with(issuer.claims(), &claims), &changes);
        issuer.on(TOKEN, move |_| {
            let token = FIRST.sign(&claims);
            Reply::json(&json!({ "access_token": token, "token_type": "Bearer" }))
        });
        let auth0 = attesting(&issuer).await;
        let error = auth0.attestation(definition.request()).await.unwrap_err();
        assert_eq!(error, OAuthError::Attestation(expected));
    }
}

#[tokio::test]
async fn a_binding_that_the_issuer_did_not_make_is_an_error() {
    let (issuer, definition) = (Issuer::start().await, Definition::new());
    let this = issuer.clone();
    issuer.on(TOKEN, move |seen| {
        let mut seen = seen.clone();
        seen.headers.remove("dpop");
        this.grant(&seen, &[], &FIRST)
    });
    let auth0 = attesting(&issuer).await;
    let request = definition.request().key(definition.key.clone());
    assert_eq!(auth0.attestation(request).await.unwrap_err(), OAuthError::NotKeyBound);
    assert_eq!(
        auth0.attestation(AttestationRequest::new()).await.unwrap_err(),
        OAuthError::Config(ConfigError::NoBinding)
    );
    let plain = Auth0Provider::initialize(issuer.config()).await.unwrap();
    assert_eq!(
        plain.attestation(definition.request()).await.unwrap_err(),
        OAuthError::Config(ConfigError::NoAttestations)
    );
}

#[tokio::test]
async fn attestations_and_calls_cannot_share_an_audience() {
    let issuer = Issuer::start().await;
    let config = issuer.config().attestations(AttestationConfig::audience(API));
    assert_eq!(
        Auth0Provider::initialize(config).await.unwrap_err(),
        OAuthError::Config(ConfigError::AttestationAudience(API.to_owned()))
    );
}

#[tokio::test]
async fn a_client_distinguishes_refused_revoked_and_unchecked() {
    let (issuer, definition) = (Issuer::start().await, Definition::new());
    let auth0 = attesting(&issuer).await;
    let attestation = auth0.attestation(definition.request()).await.unwrap();
    let verifier = AttestationVerifier::new(network(), Arc::clone(&issuer.clock)).unwrap();
    let thumbprint = definition.key.public_jwk().thumbprint();
    let subject = definition.attested(&thumbprint);
    let mut trust = entry(&issuer, &definition);
    let judge = |trust: TrustedProvider| {
        let (verifier, text) = (verifier.clone(), attestation.as_str().to_owned());
        async move { verifier.evidence(&text, &trust, &subject).await }
    };
    assert!(matches!(judge(trust.clone()).await, AttestationEvidence::Good { .. }));

    // The issuer withdraws its key.
    issuer.reply("/.well-known/jwks.json", Reply::json(&jwks(&[SECOND.jwk()])));
    issuer.clock.advance(Duration::from_secs(301));
    assert!(matches!(judge(trust.clone()).await, AttestationEvidence::Revoked(_)));

    // The issuer is unreachable.
    issuer.reply("/.well-known/jwks.json", Reply::text(503, ""));
    issuer.clock.advance(Duration::from_secs(301));
    assert!(matches!(judge(trust.clone()).await, AttestationEvidence::Unchecked(_)));

    // First the entry does not name the token's issuer; then the entry has no issuers.
    trust.issuers[0].issuer = "https://another.auth0.com/".to_owned();
    assert!(matches!(judge(trust.clone()).await, AttestationEvidence::Bad(_)));
    trust.issuers.clear();
    assert!(matches!(judge(trust).await, AttestationEvidence::Unchecked(_)));
}
