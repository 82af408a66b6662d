//! Attestations: served by another server, for another tool, by another client, or with further rights.

use etdi::client::{CallError, DiscoverError, ListError};
use etdi::oauth::{AttestationError, OAuthError, TokenError};
use etdi::server::{LISTING_REFUSED, ServerError};
use etdi::verdict::{Binding, ImpostorReason};
use etdi::{Digest, SecureServer, SignedTool, ToolSpec, Who};
use serde_json::{Value, json};

use crate::support::*;

on_both_transports!(
    attack_27_attestation_for_something_else,
    attack_27_attestation_by_another_client_of_the_tenant,
    attack_28_client_refuses_an_attestation_that_is_a_credential,
    attack_30_attestations_that_are_not_valid,
    attack_31_attestations_and_algorithms,
);

pub const ID: &str = "trustedsoft.example/scan";

/// A publisher, its identity provider, and its signed tool.
pub struct Scene {
    pub issuer: Issuer,
    pub publisher: Publisher,
    pub signed: SignedTool,
}

impl Scene {
    pub async fn set() -> Self {
        let publisher = Publisher::new("trustedsoft.example");
        let signed = publisher.signed(ID, &tool("scan"), "1.0.0");
        Self { issuer: Issuer::start().await, publisher, signed }
    }

    /// Checks that with this attestation the tool is blocked at first contact, with this `Who`.
    async fn assert_blocked(&self, transport: Transport, attestation: &str, expected: &Who) {
        let server = Server::serving(transport, &[&attested(&self.signed, attestation)]).await;
        let connection = server.connect(&host_of(&self.issuer, &self.publisher)).await;
        let found = blocked(&connection, "scan").await;
        assert_eq!(who(&found), expected);
        server.assert_not_called();
    }

    /// Checks that a tool with these claims in its attestation counts as an impostor's, for this
    /// reason.
    async fn assert_impostor(&self, transport: Transport, claims: &Value, why: AttestationError) {
        self.assert_blocked(transport, &FIRST.sign(claims), &impostor(why)).await;
    }

    /// Checks that an unchanged tool is attested, so that the refusals come from the changed claims
    /// alone.
    async fn assert_attested(&self, transport: Transport) {
        let server = Server::serving(transport, &[&self.issuer.attest(&self.signed)]).await;
        let connection = server.connect(&host_of(&self.issuer, &self.publisher)).await;
        let request = asked(&connection, "scan").await;
        assert_eq!(who(request.tool()), &self.vouched_for());
        server.assert_not_called();
    }

    pub fn vouched_for(&self) -> Who {
        Who::Attested {
            issuer: self.issuer.issuer.clone(),
            client: CLIENT.to_owned(),
            binding: Binding::Digest,
        }
    }
}

fn impostor(why: AttestationError) -> Who {
    Who::Impostor { why: ImpostorReason::Attestation(why.to_string()) }
}

/// The thief copies the whole listing of a real server, with its evidence.
#[tokio::test]
async fn attack_22_attested_copy_on_an_unlisted_http_server() {
    let Scene { issuer, publisher, .. } = Scene::set().await;
    let (app, address) = (handler(&["scan"]), Address::bind().await);
    let secure = SecureServer::builder(publisher.provider.clone(), publisher.key.clone())
        .attest_with(issuer.provider().await)
        .audience(API)
        .served_at(&address.uri)
        .clock(issuer.clock.clone())
        .tool("scan", ToolSpec::version("1.0.0"))
        .build()
        .await
        .unwrap();
    secure.check(app.clone()).await.unwrap();
    let honest = address.serve(&secure, &app, Sessions::None);
    let host = host_of(&issuer, &publisher);
    let connection = host.connect_http(&honest.uri).await.unwrap();
    let request = asked(&connection, "scan").await;
    assert!(matches!(who(request.tool()), Who::Attested { binding: Binding::Digest, .. }));
    let copy = request.tool().definition().unwrap().raw().to_owned();
    assert!(copy.contains("\"attestation\":\""));
    let listed = vec![honest.uri.clone()];

    // At first contact, and after the honest tool was approved.
    for approved in [false, true] {
        if approved {
            approve(&connection, "scan").await;
        }
        for host in [&host, &host_of(&issuer, &publisher)] {
            let thief = Server::start(Transport::Http).await;
            thief.serve_texts(&[&copy]);
            let found = blocked(&thief.connect(host).await, "scan").await;
            let why = ImpostorReason::ServerNotListed { listed: listed.clone() };
            assert_eq!(who(&found), &Who::Impostor { why });
            // With poisoned text and the thief's address, the evidence does not match.
            let poison = copy.replace("Finds personal data", "Mail all personal data");
            let poison = poison.replace(&honest.uri, &thief.uri());
            thief.serve_texts(&[&poison]);
            let found = blocked(&thief.connect(host).await, "scan").await;
            assert!(matches!(who(&found), Who::Impostor { .. }), "{found}");
            thief.assert_not_called();
        }
    }
    let tool = allowed(&connection, "scan").await;
    call(&connection, &tool).await.unwrap();
    app.assert_calls(1);
}

async fn attack_27_attestation_for_something_else(transport: Transport) {
    let scene = Scene::set().await;
    let good = scene.issuer.attestation_claims(&scene.signed);
    let (id, version) = (ID.parse().unwrap(), "1.0.0".parse().unwrap());
    let digest = scene.signed.digest().to_string();
    let other = Digest::of(b"another definition").to_string();
    let entry = |id: &str, version: &str, digest: &str| {
        changed(&good, json!({CLAIM: [{"id": id, "version": version, "digest": digest}]}))
    };
    let not_listed = AttestationError::NotListed { id, version };
    let (id, version) = (ID.parse().unwrap(), "1.0.0".parse().unwrap());
    let other_digest = AttestationError::OtherDigest { id, version };
    let malformed = |reason| AttestationError::Claim { claim: CLAIM.to_owned(), reason };
    let mut twice = entry(ID, "1.0.0", &digest);
    twice[CLAIM].as_array_mut().unwrap().push(json!({
        "id": ID, "version": "1.0.0", "digest": other,
    }));
    let thumbprint = Publisher::new("trustedsoft.example").key.public_jwk().thumbprint();
    let cases = [
        (entry("trustedsoft.example/other", "1.0.0", &digest), not_listed.clone()),
        (entry("trustedsoft.example/Scan", "1.0.0", &digest), not_listed.clone()),
        (entry(ID, "1.0.1", &digest), not_listed.clone()),
        (entry(ID, "1.0.0+build", &digest), not_listed.clone()),
        (changed(&good, json!({CLAIM: []})), not_listed),
        (entry(ID, "1.0.0", &other), other_digest.clone()),
        (entry(ID, "1.0.0", &digest.to_uppercase()), other_digest),
        (twice, malformed("two entries have one id and version")),
        (changed(&good, json!({CLAIM: {"id": ID}})), malformed("it is not an array")),
        // If both bindings are there, both must match.
        (changed(&good, json!({"cnf": {"jkt": thumbprint}})), AttestationError::OtherKey),
        (
            changed(&good, json!({CLAIM: null, "cnf": {"jkt": thumbprint}})),
            AttestationError::OtherKey,
        ),
    ];
    for (claims, why) in cases {
        scene.assert_impostor(transport, &claims, why).await;
    }
    scene.assert_attested(transport).await;

    // An attestation without a binding only names a client, so the tool counts as signed, not as
    // attested.
    let unbound = FIRST.sign(&changed(&good, json!({CLAIM: null})));
    let server = Server::serving(transport, &[&attested(&scene.signed, &unbound)]).await;
    let connection = server.connect(&host_of(&scene.issuer, &scene.publisher)).await;
    let found = asked(&connection, "scan").await;
    assert!(matches!(who(found.tool()), Who::Signed { .. }), "{:?}", who(found.tool()));
    server.assert_not_called();
}

async fn attack_27_attestation_by_another_client_of_the_tenant(transport: Transport) {
    let scene = Scene::set().await;
    let good = scene.issuer.attestation_claims(&scene.signed);
    let foreign = changed(&good, json!({"azp": "intruder", "sub": "intruder@clients"}));
    let why = AttestationError::ForeignClient("intruder".to_owned());
    scene.assert_impostor(transport, &foreign, why.clone()).await;
    let contradictory =
        TokenError::ContradictoryClient { reason: "`sub` is not `<azp>@clients`" }.into();
    scene
        .assert_impostor(transport, &changed(&good, json!({"azp": "intruder"})), contradictory)
        .await;
    let person = changed(&good, json!({"sub": "auth0|alice"}));
    let contradictory =
        TokenError::ContradictoryClient { reason: "`sub` is not `<azp>@clients`" }.into();
    scene.assert_impostor(transport, &person, contradictory).await;
    let nobody = changed(&good, json!({"azp": null}));
    scene.assert_impostor(transport, &nobody, TokenError::MissingClaim("azp").into()).await;

    // The intruder attests a tool of its own, without a signature of the publisher.
    let poison = scene.publisher.signed(ID, &poisoned(&tool("scan")), "1.0.0");
    let claims = scene.issuer.attestation_claims(&poison);
    let claims = changed(&claims, json!({"azp": "intruder", "sub": "intruder@clients"}));
    let mut bare = attested(&poison, &FIRST.sign(&claims));
    definition_mut(&mut bare).remove("signature");
    let server = Server::serving(transport, &[&bare]).await;
    let connection = server.connect(&host_of(&scene.issuer, &scene.publisher)).await;
    assert_eq!(who(&blocked(&connection, "scan").await), &impostor(why));
    server.assert_not_called();
}

#[tokio::test]
async fn attack_28_publisher_refuses_an_attestation_that_is_a_credential() {
    type Case = (fn(&mut Value), fn(&OAuthError) -> bool);
    let cases: [Case; 7] = [
        (|claims| claims["scope"] = json!(""), |e| is(e, &AttestationError::Grants("scope"))),
        (|claims| claims["scp"] = json!(["a"]), |e| is(e, &AttestationError::Grants("scp"))),
        (
            |claims| claims["permissions"] = json!([]),
            |e| is(e, &AttestationError::Grants("permissions")),
        ),
        (|claims| claims["roles"] = json!(["a"]), |e| is(e, &AttestationError::Grants("roles"))),
        (
            |claims| claims["aud"] = json!([ATTESTATIONS, API]),
            |e| is(e, &AttestationError::Audiences(2)),
        ),
        (
            |claims| claims["aud"] = json!([ATTESTATIONS, ATTESTATIONS]),
            |e| is(e, &AttestationError::Audiences(2)),
        ),
        (|claims| claims["aud"] = json!(API), |e| is(e, &wrong_audience())),
    ];
    for (number, (tamper, expected)) in cases.into_iter().enumerate() {
        let issuer = Issuer::start().await;
        let publisher = Publisher::new("trustedsoft.example");
        let (app, address) = (protected_app(), Address::bind().await);
        let secure = protecting(&publisher)
            .attest_with(issuer.provider().await)
            .served_at(&address.uri)
            .clock(issuer.clock.clone())
            .build()
            .await
            .unwrap();
        issuer.tamper(tamper);
        let error = secure.check(app.clone()).await.unwrap_err();
        let ServerError::NotAttested { source, .. } = &error else { panic!("{error}") };
        assert!(expected(source), "{number}: {source:?}");

        // A server that is started all the same does not list or call any tool.
        let site = address.serve(&secure, &app, Sessions::None);
        let answer = site.call("harmless", None).await;
        assert_eq!(answer.json()["error"]["code"], LISTING_REFUSED, "{answer:?}");
        let connection = host_of(&issuer, &publisher).connect_http(&site.uri).await.unwrap();
        let error = connection.discover().await.unwrap_err();
        assert!(matches!(error, DiscoverError::Listing(ListError::Service(_))), "{error:?}");
        assert!(secure.attestation().is_none());
        assert_eq!(issuer.tokens(), 1);
        app.assert_calls(0);
    }
}

fn is(error: &OAuthError, expected: &AttestationError) -> bool {
    matches!(error, OAuthError::Attestation(error) if error == expected)
}

fn wrong_audience() -> AttestationError {
    let (expected, found) = (ATTESTATIONS.to_owned(), vec![API.to_owned()]);
    TokenError::WrongAudience { expected, found }.into()
}

async fn attack_28_client_refuses_an_attestation_that_is_a_credential(transport: Transport) {
    let scene = Scene::set().await;
    let good = scene.issuer.attestation_claims(&scene.signed);
    let cases = [
        (json!({"scope": "execute:tools"}), AttestationError::Grants("scope")),
        (json!({"scope": ""}), AttestationError::Grants("scope")),
        (json!({"scp": []}), AttestationError::Grants("scp")),
        (json!({"permissions": []}), AttestationError::Grants("permissions")),
        (json!({"roles": ["admin"]}), AttestationError::Grants("roles")),
        (json!({"aud": [ATTESTATIONS, API]}), AttestationError::Audiences(2)),
        (json!({"aud": [API, ATTESTATIONS]}), AttestationError::Audiences(2)),
        (json!({"aud": API}), wrong_audience()),
    ];
    for (changes, why) in cases {
        scene.assert_impostor(transport, &changed(&good, changes), why).await;
    }
    scene.assert_attested(transport).await;
}

async fn attack_30_attestations_that_are_not_valid(transport: Transport) {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    let good = issuer.attestation_claims(&scene.signed);
    let now = issuer.now();
    for name in ["exp", "iat", "iss", "aud"] {
        let claims = changed(&good, json!({name: null}));
        scene.assert_impostor(transport, &claims, TokenError::MissingClaim(name).into()).await;
    }
    let slashless = issuer.issuer.trim_end_matches('/');
    for (other, shown) in
        [(slashless, slashless), ("https://evil.example/", "https://evil.example/")]
    {
        let claims = changed(&good, json!({"iss": other}));
        let said = format!(
            "it is by the issuer \"{shown}\", which the provider's trust entry does not name"
        );
        let expected = Who::Impostor { why: ImpostorReason::Attestation(said) };
        scene.assert_blocked(transport, &FIRST.sign(&claims), &expected).await;
    }
    let expected = [
        (json!({"iss": [issuer.issuer]}), "`iss` must be a string"),
        (json!({"aud": {"0": ATTESTATIONS}}), "`aud` must be a string or an array"),
        (json!({"nbf": now + 61}), "is not valid before"),
        (json!({"iat": now + 61}), "is not valid before"),
        (json!({"exp": "never"}), "`exp` must be a number"),
    ];
    for (changes, said) in expected {
        let token = FIRST.sign(&changed(&good, changes));
        let server = Server::serving(transport, &[&attested(&scene.signed, &token)]).await;
        let connection = server.connect(&host_of(issuer, &scene.publisher)).await;
        let found = blocked(&connection, "scan").await;
        let Who::Impostor { why: ImpostorReason::Attestation(why) } = who(&found) else {
            panic!("{found}")
        };
        assert!(why.contains(said), "{why}");
        server.assert_not_called();
    }
    let critical = json!({"alg": "RS256", "kid": KID, "crit": ["b64"], "b64": true});
    let token = FIRST.sign_with(&critical, &good);
    scene.assert_blocked(transport, &token, &impostor(TokenError::Critical.into())).await;

    // A tool with an expired attestation is not an impostor's, but it is blocked as well.
    let token = FIRST.sign(&changed(&good, json!({"exp": now - 60})));
    let server = Server::serving(transport, &[&attested(&scene.signed, &token)]).await;
    let connection = server.connect(&host_of(issuer, &scene.publisher)).await;
    let found = blocked(&connection, "scan").await;
    assert!(
        matches!(who(&found), Who::Expired { since, .. } if since.unix_timestamp() == now - 60),
        "{found}"
    );
    server.assert_not_called();
    scene.assert_attested(transport).await;
}

async fn attack_31_attestations_and_algorithms(transport: Transport) {
    let scene = Scene::set().await;
    let good = scene.issuer.attestation_claims(&scene.signed);
    for (token, why) in super::access::forged(&good) {
        scene.assert_blocked(transport, &token, &impostor(why.into())).await;
    }
    scene.assert_attested(transport).await;
}

/// A host that has approved an attested tool is not misled by the same evidence on a changed tool.
#[tokio::test]
async fn attack_27_attestation_of_the_approved_definition_on_a_poisoned_one() {
    let scene = Scene::set().await;
    let (issuer, publisher) = (&scene.issuer, &scene.publisher);
    let honest = issuer.attest(&scene.signed);
    let token = FIRST.sign(&issuer.attestation_claims(&scene.signed));
    let poison = publisher.signed(ID, &poisoned(&tool("scan")), "1.0.0");
    for transport in [Transport::Stdio, Transport::Http] {
        let server = Server::serving(transport, &[&honest]).await;
        let connection = server.connect(&host_of(issuer, publisher)).await;
        let approved = approve(&connection, "scan").await;
        server.serve(&[&attested(&poison, &token)]);
        issuer.clock.advance(std::time::Duration::from_secs(301));
        let found = match call(&connection, &approved).await {
            Err(CallError::Blocked(refusal)) => refusal.tool().clone(),
            other => panic!("{other:?}"),
        };
        let (id, version) = (ID.parse().unwrap(), "1.0.0".parse().unwrap());
        assert_eq!(who(&found), &impostor(AttestationError::OtherDigest { id, version }));
        assert!(what(&found).contains(&"Tampered"), "{found}");
        server.assert_not_called();
    }
}
