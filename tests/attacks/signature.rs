//! Signatures: forged, borrowed, stripped, or sent along with their own key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etdi::verdict::ImpostorReason;
use etdi::{SigAlg, SignatureError, SigningKey, Who};
use serde_json::{Value, json};

use crate::support::*;

on_both_transports!(
    attack_07_forged_truncated_and_borrowed_signatures,
    attack_08_signature_stripped,
    attack_08_definition_deleted,
    attack_09_key_supplied_by_the_tool_itself,
    attack_23_provider_b_signs_an_id_of_provider_a,
    extra_algorithms_and_forms_that_are_not_ours,
    extra_signature_of_another_tool,
    extra_signed_by_the_same_provider_with_an_unknown_key,
);

async fn attack_07_forged_truncated_and_borrowed_signatures(transport: Transport) {
    let a = Publisher::new("trustedsoft.example");
    let b = Publisher::new("other.example");
    let honest = a.sign(&tool("scan"), "1.0.0");
    let good = signature(&honest);

    let (header, bytes) = good.split_once("..").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(bytes).unwrap();
    let truncated = format!("{header}..{}", URL_SAFE_NO_PAD.encode(&bytes[..63]));
    let forged = format!("{header}..{}", URL_SAFE_NO_PAD.encode([7; 64]));
    let borrowed = a.with_key(b.key.clone()).sign(&tool("scan"), "1.0.0");
    let dressed_up = a.with_key(b.key.clone().with_kid(a.key.kid())).sign(&tool("scan"), "1.0.0");
    let cases = [
        (with_signature(&honest, &forged), SignatureError::Invalid),
        (
            with_signature(&honest, &truncated),
            SignatureError::Length { bytes: 63, alg: SigAlg::EdDSA },
        ),
        (
            with_signature(&honest, &good[..good.len() - 1]),
            SignatureError::Base64 { part: "signature" },
        ),
        (borrowed, SignatureError::NoSuchKey { kid: b.key.kid().to_owned(), alg: SigAlg::EdDSA }),
        (dressed_up, SignatureError::Invalid),
    ];
    let host = Host::new(trust(&[&a, &b]));
    impostors(transport, &host, cases).await;
}

/// Checks that each tool is refused at first contact, for its reason.
async fn impostors(
    transport: Transport,
    host: &Host,
    cases: impl IntoIterator<Item = (Value, SignatureError)>,
) {
    for (tool, expected) in cases {
        let server = Server::serving(transport, &[&tool]).await;
        let connection = server.connect(&host.client).await;
        let found = blocked(&connection, "scan").await;
        let why = ImpostorReason::Signature(expected);
        assert_eq!(who(&found), &Who::Impostor { why });
        server.assert_not_called();
    }
}

async fn attack_08_signature_stripped(transport: Transport) {
    let (publisher, host, server) = approved_signed(transport).await;
    let connection = server.connect(&host.client).await;
    let approved = allowed(&connection, "scan").await;

    let mut stripped = publisher.sign(&tool("scan"), "1.0.0");
    definition_mut(&mut stripped).remove("signature");
    server.serve(&[&stripped]);
    let tools = [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
    for found in tools {
        assert_eq!(who(&found), &Who::Impostor { why: ImpostorReason::NoEvidence });
        assert_eq!(what(&found), ["EvidenceLost"]);
    }
    server.assert_not_called();
}

async fn attack_08_definition_deleted(transport: Transport) {
    let (publisher, host, server) = approved_signed(transport).await;
    let connection = server.connect(&host.client).await;
    let approved = allowed(&connection, "scan").await;

    for stripped in [unsigned(&publisher.sign(&tool("scan"), "1.0.0")), poisoned(&tool("scan"))] {
        server.serve(&[&stripped]);
        let tools =
            [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
        for found in tools {
            assert_eq!(who(&found), &Who::Anonymous);
            assert_eq!(what(&found), ["EvidenceLost", "New"]);
        }
    }
    server.assert_not_called();
}

async fn approved_signed(transport: Transport) -> (Publisher, Host, Server) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let connection = server.connect(&host.client).await;
    approve(&connection, "scan").await;
    (publisher, host, server)
}

async fn attack_09_key_supplied_by_the_tool_itself(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let attacker = SigningKey::generate().unwrap();
    let signed = publisher.signed("trustedsoft.example/scan", &tool("scan"), "1.0.0");
    let honest = Value::from(signed.tool().clone());
    let jwk: Value = serde_json::to_value(attacker.public_jwk()).unwrap();
    let luggage = [
        ("jwk", jwk),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/chain.pem".into()),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["b64"])),
        ("b64", false.into()),
    ];
    let cases = luggage.map(|(member, value)| {
        let mut header = json!({
            "alg": "EdDSA", "kid": attacker.kid(), "typ": "etdi-definition+jws",
        });
        header[member] = value;
        let signature = jws(&header, signed.canonical(), &attacker);
        let refused = SignatureError::HeaderMember(member.to_owned());
        (with_signature(&honest, &signature), refused)
    });
    impostors(transport, &host, cases).await;
}

async fn attack_23_provider_b_signs_an_id_of_provider_a(transport: Transport) {
    let a = Publisher::new("trustedsoft.example");
    let b = Publisher::new("other.example");
    let host = Host::new(trust(&[&a, &b]));
    let poaching = b.sign_as("trustedsoft.example/scan", &tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&poaching]).await;
    let connection = server.connect(&host.client).await;
    let found = blocked(&connection, "scan").await;
    let why = ImpostorReason::ForeignAuthority {
        authority: a.authority.clone(),
        provider: b.provider.id().to_owned(),
    };
    assert_eq!(who(&found), &Who::Impostor { why });
    server.assert_not_called();
}

async fn extra_algorithms_and_forms_that_are_not_ours(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let signed = publisher.signed("trustedsoft.example/scan", &tool("scan"), "1.0.0");
    let honest = Value::from(signed.tool().clone());
    let kid = publisher.key.kid();
    let rightly_signed = |alg: &str, typ: &str| {
        let header = json!({"alg": alg, "kid": kid, "typ": typ});
        with_signature(&honest, &jws(&header, signed.canonical(), &publisher.key))
    };
    let typ = "etdi-definition+jws";
    let algorithm = |alg: &str| SignatureError::Algorithm(alg.to_owned());
    let (header, bytes) = signature(&honest).split_once("..").unwrap();
    let cases = [
        (rightly_signed("none", typ), algorithm("none")),
        (rightly_signed("HS256", typ), algorithm("HS256")),
        (rightly_signed("eddsa", typ), algorithm("eddsa")),
        (
            rightly_signed("ES256", typ),
            SignatureError::NoSuchKey { kid: kid.to_owned(), alg: SigAlg::ES256 },
        ),
        (rightly_signed("EdDSA", "JWT"), SignatureError::Typ("JWT".to_owned())),
        (with_signature(&honest, &format!("{header}.e30.{bytes}")), SignatureError::NotDetached),
        (with_signature(&honest, ""), SignatureError::NotDetached),
        (
            with_signature(&honest, &format!("{header}..{bytes}=")),
            SignatureError::Base64 { part: "signature" },
        ),
    ];
    impostors(transport, &host, cases).await;
}

async fn extra_signature_of_another_tool(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let other = publisher.sign(&tool("delete_all"), "1.0.0");
    let mut borrowed = publisher.sign(&tool("scan"), "1.0.0");
    let signature = other["_meta"]["dev.etdi/definition"]["signature"].clone();
    definition_mut(&mut borrowed).insert("signature".to_owned(), signature);
    impostors(transport, &host, [(borrowed, SignatureError::Invalid)]).await;
}

/// The keys of a trusted provider come only from its trust entry. For any other key the tool is
/// blocked, without a question to the person.
async fn extra_signed_by_the_same_provider_with_an_unknown_key(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let attacker = SigningKey::generate().unwrap();
    let kid = attacker.kid().to_owned();
    let forged = publisher.with_key(attacker).sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&forged]).await;
    let connection = server.connect(&host.client).await;
    let found = blocked(&connection, "scan").await;
    let why = ImpostorReason::Signature(SignatureError::NoSuchKey { kid, alg: SigAlg::EdDSA });
    assert_eq!(who(&found), &Who::Impostor { why });
    match connection.decide(&found).await.unwrap() {
        etdi::Decision::Block(refusal) => assert!(refusal.override_request().is_none()),
        other => panic!("{other:?}"),
    }
    server.assert_not_called();
}
