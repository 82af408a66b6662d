//! The relation of a definition to the records and approvals of other servers.

use etdi_types::{Notice, SecurityLevel, Subject, What, decide, decision::Action};
use serde_json::json;

use crate::scene::{Scene, Tool, http, kinds};

fn v(version: &str) -> Tool {
    Tool::version(version)
}

#[test]
fn a_conflict_with_a_global_entry_first_seen_elsewhere_is_equivocated() {
    let mut scene = Scene::new();
    let first = v("1.0.0").signed(&scene.key);
    let second = v("1.0.0").described("another").signed(&scene.key);
    let elsewhere = http("https://elsewhere.example/");
    scene.ledger(elsewhere.clone(), &first, true);
    let verdict = scene.judge(&second);
    assert_eq!(kinds(&verdict), ["equivocated", "new"]);
    assert_eq!(verdict.what[0], What::Equivocated { first_seen: elsewhere.clone() });
    assert_eq!(decide(SecurityLevel::Basic, &verdict).action, Action::Block);
    // The same digest is not a conflict.
    assert_eq!(kinds(&scene.judge(&first)), ["new"]);
    // A tool that is approved here stays callable, with a notice.
    scene.approve(&second);
    let verdict = scene.judge(&second);
    assert_eq!(kinds(&verdict), ["approved"]);
    assert_eq!(verdict.notices, [Notice::ConflictElsewhere { server: elsewhere }]);
}

#[test]
fn an_entry_without_proof_affects_only_its_own_server() {
    let mut scene = Scene::new();
    let squatted = v("1.0.0").described("squatted").signed(&scene.key);
    scene.ledger(http("https://squatter.example/"), &squatted, false);
    let honest = v("1.0.0").signed(&scene.key);
    assert_eq!(kinds(&scene.judge(&honest)), ["new"]);
    // A global entry of another provider does not count either.
    let mut entry = scene.known.ledger[0].clone();
    entry.global = true;
    entry.provider = "https://other.example".to_owned();
    scene.known.ledger = vec![entry];
    assert_eq!(kinds(&scene.judge(&honest)), ["new"]);
}

#[test]
fn another_servers_approved_id_or_look_alike_is_shadowed() {
    let there = http("https://there.example/");
    let shadowed = |served: &Tool, approved: &Tool, unsigned: bool| {
        let mut scene = Scene::new();
        let definition = approved.signed(&scene.key);
        scene.approve_elsewhere(there.clone(), &definition);
        let newcomer = if unsigned { served.unsigned() } else { served.signed(&scene.key) };
        let verdict = scene.judge(&newcomer);
        (kinds(&verdict), verdict)
    };
    // The same id of the same provider, from stdio: the definition does not list this server.
    let (what, verdict) = shadowed(&v("1.0.0"), &v("1.0.0"), false);
    assert_eq!(what, ["shadowed", "new"]);
    assert!(matches!(&verdict.what[0], What::Shadowed { by, id }
        if *by == there && id == "trustedsoft.example/scan"));
    // An id that looks like the approved one.
    let dash = v("1.0.0").id("trustedsoft.example/doc-scan").named("one");
    let underscore = v("1.0.0").id("trustedsoft.example/doc_scan").named("two");
    assert_eq!(shadowed(&dash, &underscore, false).0, ["shadowed", "new"]);
    // A served name that looks like the approved one.
    for look_alike in ["sc\u{430}n", "Scan", "s\u{200b}can"] {
        let tool = v("1.0.0").id("trustedsoft.example/x").named(look_alike);
        assert_eq!(shadowed(&tool, &v("1.0.0"), false).0, ["shadowed", "new"], "{look_alike:?}");
        let tool = v("1.0.0").described("unlike").served_as(look_alike);
        assert_eq!(shadowed(&tool, &v("1.0.0"), true).0, ["shadowed", "new"], "{look_alike:?}");
    }
}

#[test]
fn an_unsigned_copy_of_an_approved_signed_tool_is_shadowed() {
    let there = http("https://there.example/");
    let mut scene = Scene::new();
    scene.approve_elsewhere(there.clone(), &v("1.0.0").signed(&scene.key));
    let mut other_schema = v("1.0.0");
    other_schema.schema = json!({});
    let mut unlike = other_schema.clone().described("Adds two numbers.");
    assert_eq!(kinds(&scene.judge(&v("1.0.0").unsigned())), ["shadowed", "new"]);
    assert_eq!(kinds(&scene.judge(&other_schema.unsigned())), ["shadowed", "new"]);
    assert_eq!(kinds(&scene.judge(&v("1.0.0").described("x").unsigned())), ["shadowed", "new"]);
    // If only the names are equal, the verdict has a notice.
    let verdict = scene.judge(&unlike.unsigned());
    assert_eq!(kinds(&verdict), ["new"]);
    assert_eq!(verdict.notices, [Notice::SameName { server: there }]);
    // A signed tool with another id and the approved tool's name is not shadowed either.
    unlike = unlike.id("trustedsoft.example/add");
    assert_eq!(kinds(&scene.judge(&unlike.signed(&scene.key))), ["new"]);
}

#[test]
fn a_number_beyond_2_to_the_53_does_not_hide_a_copy() {
    let mut scene = Scene::new();
    let mut tool = v("1.0.0");
    tool.schema = json!({"maximum": 1e20});
    scene.approve_elsewhere(http("https://there.example/"), &tool.signed(&scene.key));
    assert_eq!(kinds(&scene.judge(&tool.unsigned())), ["shadowed", "new"]);
}

#[test]
fn two_unsigned_tools_of_one_name_are_a_notice() {
    let mut scene = Scene::new();
    let there = http("https://there.example/");
    scene.approve_elsewhere(there.clone(), &v("1.0.0").unsigned());
    let verdict = scene.judge(&v("1.0.0").unsigned());
    assert_eq!(kinds(&verdict), ["new"]);
    assert_eq!(verdict.notices, [Notice::SameName { server: there }]);
}

#[test]
fn the_same_publication_on_a_listed_server_is_not_shadowed() {
    let (here, there) = ("https://here.example/mcp", "https://there.example/mcp");
    let mut scene = Scene::new().on(here);
    let both = v("1.0.0").servers(&[here, there]);
    scene.approve_elsewhere(http(there), &both.signed(&scene.key));
    assert_eq!(kinds(&scene.judge(&both.signed(&scene.key))), ["new"]);
    // A definition with another digest is shadowed.
    let other = both.described("another").signed(&scene.key);
    assert_eq!(kinds(&scene.judge(&other)), ["shadowed", "new"]);
    // The definition with the same digest is shadowed too if its origin is unproven.
    let anywhere = v("1.0.0").signed(&scene.key);
    scene.known.elsewhere.clear();
    scene.approve_elsewhere(http(there), &anywhere);
    assert_eq!(kinds(&scene.judge(&anywhere)), ["shadowed", "new"]);
}

#[test]
fn a_tool_approved_here_is_not_shadowed_by_another_server() {
    let mut scene = Scene::new();
    let tool = v("1.0.0").signed(&scene.key);
    scene.approve(&tool);
    let there = http("https://there.example/");
    scene.approve_elsewhere(there.clone(), &tool);
    let verdict = scene.judge(&tool);
    assert_eq!(kinds(&verdict), ["approved"]);
    assert_eq!(verdict.notices, [Notice::LookAlike { server: there }]);
}

#[test]
fn a_subject_finds_only_its_own_records() {
    let mut scene = Scene::new();
    let tool = v("1.0.0").signed(&scene.key);
    let subject = Subject::new(&scene.server, &tool);
    let there = http("https://there.example/");
    scene.ledger(there.clone(), &tool, true);
    scene.ledger(there.clone(), &tool, false);
    scene.ledger(scene.server.clone(), &tool, false);
    scene.ledger(there.clone(), &v("1.0.1").signed(&scene.key), true);
    let found: Vec<bool> = scene.known.ledger.iter().map(|e| subject.is_same_version(e)).collect();
    assert_eq!(found, [true, false, true, false]);
    let mut other_provider = scene.known.ledger[0].clone();
    other_provider.provider = "https://other.example".to_owned();
    assert!(!subject.is_same_version(&other_provider));

    let mut pin = scene.pin(&tool, &scene.evidence(&tool));
    assert!(subject.is_same_tool(&pin) && !subject.looks_like(&pin));
    pin.served_name = "renamed".to_owned();
    assert!(subject.is_same_tool(&pin), "by id");
    pin.id = "trustedsoft.example/other".to_owned();
    assert!(!subject.is_same_tool(&pin));
    pin.served_name = "scan".to_owned();
    assert!(subject.is_same_tool(&pin), "by served name");
    pin.server = there;
    assert!(!subject.is_same_tool(&pin) && subject.looks_like(&pin));
}
