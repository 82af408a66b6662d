//! Tests of the first answer: the publisher of a definition.

use etdi_types::evidence::{AttestationEvidence, SignatureEvidence};
use etdi_types::trust::TrustedProvider;
use etdi_types::verdict::{Binding, ImpostorReason, KeyTrust, UnknownReason};
use etdi_types::{
    Evidence, MinBinding, Origin, SecurityLevel, SignatureError, SigningKey, ToolDefinition, Who,
    decide, decision,
};
use time::Duration;

use crate::scene::{PROVIDER, Scene, Tool, kinds};

const ISSUER: &str = "https://tenant.auth0.com/";

fn attested(scene: &Scene, tool: &ToolDefinition, binding: Option<Binding>) -> Evidence {
    let mut evidence = scene.evidence(tool);
    evidence.attestation = AttestationEvidence::Good {
        issuer: ISSUER.to_owned(),
        client: "registry".to_owned(),
        binding,
    };
    evidence
}

fn with_min(scene: Scene, min_binding: MinBinding) -> Scene {
    let mut entry = scene.entry();
    entry.min_binding = min_binding;
    scene.with_entries(vec![entry])
}

fn impostor(who: &Who) -> &ImpostorReason {
    match who {
        Who::Impostor { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_configured_key_signs() {
    let scene = Scene::new();
    let verdict = scene.judge(&Tool::version("1.0.0").signed(&scene.key));
    assert!(matches!(&verdict.who, Who::Signed { kid, thumbprint, trust: KeyTrust::Configured }
        if kid == scene.key.kid() && *thumbprint == scene.key.public_jwk().thumbprint()));
}

#[test]
fn an_unsigned_tool_is_anonymous() {
    let scene = Scene::new();
    assert_eq!(scene.judge(&Tool::version("1.0.0").unsigned()).who, Who::Anonymous);
}

#[test]
fn a_bound_attestation_attests() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").signed(&scene.key);
    for binding in [Binding::Key, Binding::Digest] {
        let verdict = scene.judge_with(&tool, &attested(&scene, &tool, Some(binding)));
        assert!(matches!(verdict.who, Who::Attested { binding: b, .. } if b == binding));
    }
}

#[test]
fn an_attestation_without_a_binding_leaves_the_signature() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").signed(&scene.key);
    let verdict = scene.judge_with(&tool, &attested(&scene, &tool, None));
    assert!(matches!(verdict.who, Who::Signed { .. }));
    let stripped = Tool::version("1.0.0").stripped(&scene.key);
    let verdict = scene.judge_with(&stripped, &attested(&scene, &stripped, None));
    assert!(matches!(verdict.who, Who::Identified { .. }));
}

#[test]
fn a_key_bound_attestation_needs_a_signature() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").stripped(&scene.key);
    let verdict = scene.judge_with(&tool, &attested(&scene, &tool, Some(Binding::Key)));
    assert!(matches!(verdict.who, Who::Identified { .. }));
}

#[test]
fn evidence_below_min_binding_counts_as_identified() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").signed(&scene.key);
    for (min, binding, counts) in [
        (MinBinding::Signature, None, true),
        (MinBinding::Key, None, false),
        (MinBinding::Key, Some(Binding::Key), true),
        (MinBinding::Key, Some(Binding::Digest), true),
        (MinBinding::Digest, Some(Binding::Key), false),
        (MinBinding::Digest, Some(Binding::Digest), true),
    ] {
        let scene = with_min(scene.clone(), min);
        let who = scene.judge_with(&tool, &attested(&scene, &tool, binding)).who;
        assert_eq!(who.is_proven(), counts, "{min:?} {binding:?} {who:?}");
        assert_eq!(matches!(who, Who::Identified { .. }), !counts);
    }
}

#[test]
fn failing_evidence_outweighs_passing_evidence() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").signed(&scene.key);
    let mut bad_attestation = scene.evidence(&tool);
    bad_attestation.attestation = AttestationEvidence::Bad("wrong client".to_owned());
    let who = scene.judge_with(&tool, &bad_attestation).who;
    assert_eq!(*impostor(&who), ImpostorReason::Attestation("wrong client".to_owned()));
    let mut bad_signature = attested(&scene, &tool, Some(Binding::Digest));
    bad_signature.signature = SignatureEvidence::Bad(SignatureError::Invalid);
    let who = scene.judge_with(&tool, &bad_signature).who;
    assert_eq!(*impostor(&who), ImpostorReason::Signature(SignatureError::Invalid));
}

#[test]
fn a_definition_without_evidence_is_an_impostor_for_any_provider() {
    let scene = Scene::new();
    for tool in [
        Tool::version("1.0.0"),
        Tool::version("1.0.0").provider("https://nobody.example").id("nobody.example/x"),
    ] {
        let who = scene.judge(&tool.stripped(&scene.key)).who;
        assert_eq!(*impostor(&who), ImpostorReason::NoEvidence);
    }
}

#[test]
fn a_claimed_provider_that_no_key_of_its_entry_signed_is_an_impostor() {
    let scene = Scene::new();
    let stranger = SigningKey::generate().unwrap();
    let who = scene.judge(&Tool::version("1.0.0").signed(&stranger)).who;
    assert!(matches!(impostor(&who), ImpostorReason::Signature(SignatureError::NoSuchKey { .. })));
    let same_kid = stranger.with_kid(scene.key.kid());
    let who = scene.judge(&Tool::version("1.0.0").signed(&same_kid)).who;
    assert_eq!(*impostor(&who), ImpostorReason::Signature(SignatureError::Invalid));
}

#[test]
fn a_foreign_authority_is_an_impostor() {
    let other = SigningKey::generate().unwrap();
    let scene = Scene::new();
    let entries = vec![
        scene.entry(),
        TrustedProvider::new("https://other.example", "other.example", other.public_jwk().clone()),
    ];
    let scene = scene.with_entries(entries);
    let stranger = SigningKey::generate().unwrap();
    for definition in [
        // A trusted provider signs for the authority of another provider.
        Tool::version("1.0.0").provider("https://other.example").signed(&other),
        // A trusted provider signs for an authority that the trust configuration does not list.
        Tool::version("1.0.0").id("third.example/x").signed(&scene.key),
        // An unknown provider claims a configured authority.
        Tool::version("1.0.0").provider("https://evil.example").signed(&stranger),
    ] {
        let who = scene.judge(&definition).who;
        assert!(matches!(impostor(&who), ImpostorReason::ForeignAuthority { .. }), "{who:?}");
    }
}

#[test]
fn a_key_that_is_not_configured_is_unknown_until_a_person_pins_it() {
    let mut scene = Scene::new();
    let stranger = SigningKey::generate().unwrap();
    let tool = Tool::version("1.0.0").provider("https://new.example").id("new.example/scan");
    let definition = tool.signed(&stranger);
    let verdict = scene.judge(&definition);
    assert!(matches!(verdict.who, Who::Unknown { why: UnknownReason::UntrustedKey { .. } }));
    let good = SignatureEvidence::Good {
        kid: stranger.kid().to_owned(),
        thumbprint: stranger.public_jwk().thumbprint(),
        trust: KeyTrust::Pinned,
        pinned_key: Some(stranger.public_jwk().clone()),
    };
    let good = Evidence::new(good, AttestationEvidence::Absent);
    scene.approve_with(&definition, &good, &[]);
    let verdict = scene.judge(&definition);
    assert!(matches!(verdict.who, Who::Signed { trust: KeyTrust::Pinned, .. }));
    assert_eq!(kinds(&verdict), ["approved"]);
    // The pinned key does not help a signer with another key under the same id.
    let imitator = SigningKey::generate().unwrap().with_kid(stranger.kid());
    let who = scene.judge(&tool.signed(&imitator)).who;
    assert_eq!(*impostor(&who), ImpostorReason::Signature(SignatureError::Invalid));
}

#[test]
fn a_definition_may_be_served_only_by_its_listed_servers() {
    let uri = "https://docs.example/mcp";
    let http = Scene::new().on(uri);
    let stdio = Scene { server: Scene::new().server, ..http.clone() };
    let origin = |scene: &Scene, servers: &[&str]| {
        let verdict = scene.judge(&Tool::version("1.0.0").servers(servers).signed(&scene.key));
        match verdict.who {
            Who::Signed { .. } => Ok(verdict.origin),
            Who::Impostor { why: ImpostorReason::ServerNotListed { listed } } => Err(listed.len()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(origin(&http, &[uri]), Ok(Origin::Listed));
    assert_eq!(origin(&http, &["stdio", uri]), Ok(Origin::Listed));
    assert_eq!(origin(&http, &["stdio"]), Err(1));
    assert_eq!(origin(&http, &["https://docs.example/"]), Err(1));
    assert_eq!(origin(&http, &[]), Err(0));
    assert_eq!(origin(&stdio, &["stdio"]), Ok(Origin::Unproven));
    assert_eq!(origin(&stdio, &[uri]), Err(1));
    assert_eq!(origin(&stdio, &[]), Err(0));
    let anywhere = http.judge(&Tool::version("1.0.0").signed(&http.key));
    assert_eq!(anywhere.origin, Origin::Unproven);
}

#[test]
fn each_form_of_revocation_revokes() {
    let base = Scene::new();
    let tool = Tool::version("1.2.0").signed(&base.key);
    let digest = tool.digest().to_string();
    let kid = format!("kid:{}", base.key.kid());
    for (text, revoked) in [
        (digest.as_str(), true),
        (kid.as_str(), true),
        ("trustedsoft.example/scan@1.2.0", true),
        ("trustedsoft.example/scan@<1.2.1", true),
        ("trustedsoft.example/scan@1.1.0", false),
        ("trustedsoft.example/scan@<1.2.0", false),
        ("trustedsoft.example/other@<9.0.0", false),
        ("kid:other", false),
    ] {
        let mut entry = base.entry();
        entry.revoked = vec![text.parse().unwrap()];
        let mut scene = base.clone();
        scene.approve(&tool);
        let scene = scene.with_entries(vec![entry]);
        let verdict = scene.judge(&tool);
        assert_eq!(
            verdict.who == Who::Revoked { what: text.to_owned() },
            revoked,
            "{text}: {:?}",
            verdict.who
        );
        if revoked {
            // An approved definition is blocked too.
            let outcome = decide(SecurityLevel::Basic, &verdict);
            assert_eq!(outcome.action, decision::Action::Block);
        }
    }
}

#[test]
fn a_revoked_digest_stops_an_unsigned_tool_too() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").unsigned();
    let mut entry = scene.entry();
    entry.revoked = vec![tool.digest().to_string().parse().unwrap()];
    let who = scene.with_entries(vec![entry]).judge(&tool).who;
    assert!(matches!(who, Who::Revoked { .. }));
}

#[test]
fn a_definition_that_cannot_be_checked_is_unknown_or_expired() {
    let scene = Scene::new();
    let tool = Tool::version("1.0.0").signed(&scene.key);
    let unavailable = UnknownReason::KeysUnavailable("timeout".to_owned());
    let mut evidence = scene.evidence(&tool);
    evidence.signature =
        SignatureEvidence::Unchecked { kid: "k".to_owned(), why: unavailable.clone() };
    let who = scene.judge_with(&tool, &evidence).who;
    assert_eq!(who, Who::Unknown { why: unavailable });
    let mut evidence = scene.evidence(&tool);
    evidence.attestation = AttestationEvidence::Unchecked("no support".to_owned());
    let who = scene.judge_with(&tool, &evidence).who;
    assert_eq!(
        who,
        Who::Unknown { why: UnknownReason::AttestationUnchecked("no support".to_owned()) }
    );
    let mut evidence = scene.evidence(&tool);
    evidence.attestation =
        AttestationEvidence::Expired { issuer: ISSUER.to_owned(), since: scene.now };
    let who = scene.judge_with(&tool, &evidence).who;
    assert_eq!(who, Who::Expired { issuer: ISSUER.to_owned(), since: scene.now });
}

#[test]
fn an_approved_definition_that_cannot_be_checked_runs_for_the_offline_grace() {
    use decision::Action::{Block, Warn};
    let mut scene = Scene::new().on("https://docs.example/mcp");
    let tool = Tool::version("1.0.0").servers(&["https://docs.example/mcp"]).signed(&scene.key);
    let offline = SignatureEvidence::Unchecked {
        kid: scene.key.kid().to_owned(),
        why: UnknownReason::KeysUnavailable("timeout".to_owned()),
    };
    let offline = Evidence::new(offline, AttestationEvidence::Absent);
    let action = |scene: &Scene, level| decide(level, &scene.judge_with(&tool, &offline)).action;
    // A definition that is not approved has no grace.
    assert_eq!(action(&scene, SecurityLevel::Basic), Warn);
    assert_eq!(action(&scene, SecurityLevel::Enhanced), Block);
    scene.approve(&tool);
    scene.scopes = Some(Vec::new());
    let grace = SecurityLevel::Strict.offline_grace();
    scene.later(Duration::try_from(grace).unwrap() - Duration::seconds(1));
    assert_eq!(kinds(&scene.judge_with(&tool, &offline)), ["approved"]);
    assert_eq!(action(&scene, SecurityLevel::Strict), Warn);
    scene.later(Duration::seconds(1));
    assert_eq!(action(&scene, SecurityLevel::Strict), Block);
    assert_eq!(action(&scene, SecurityLevel::Enhanced), Warn);
    scene.later(Duration::days(7));
    assert_eq!(action(&scene, SecurityLevel::Enhanced), Block);
    // If the clock moved backwards, the tool gets no grace.
    scene.later(Duration::days(-30));
    assert_eq!(action(&scene, SecurityLevel::Enhanced), Block);
}

#[test]
fn only_attested_definitions_and_those_of_a_configured_key_enter_the_global_ledger() {
    let signed = |trust| Who::Signed { kid: String::new(), thumbprint: String::new(), trust };
    assert!(signed(KeyTrust::Configured).is_global());
    assert!(!signed(KeyTrust::Pinned).is_global());
    assert!(!Who::Anonymous.is_global());
    assert!(!Who::Identified { by: PROVIDER.to_owned() }.is_global());
}
