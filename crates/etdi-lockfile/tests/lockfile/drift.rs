//! Tests of the differences that count as drift.

use std::collections::BTreeMap;

use etdi_lockfile::{DriftKind, Served, ServedEvidence, ServedTool};
use etdi_types::verdict::UnknownReason;
use etdi_types::{Digest, EvidenceRecord, ToolDefinition, Who};

use crate::scene::*;
use crate::tree::Repository;

#[test]
fn a_locked_definition_is_not_drift() {
    let signed = definition(ID, "1.2.0", "Scans.", &[("documents:read", true)]);
    assert_eq!(drift(&server(vec![locked(&signed)]), &signed, good()), []);
    let plain = unsigned("Scans.");
    let none = ServedEvidence::Good(EvidenceRecord::None);
    assert_eq!(drift(&server(vec![locked(&plain)]), &plain, none), []);
    // Two variants are locked. The server may list either one with exactly its locked definition.
    let german = definition("trustedsoft.example/scan.de", "1.2.0", "Prüft.", &[]);
    let both = server(vec![locked(&signed), locked(&german)]);
    assert_eq!(drift(&both, &signed, good()), []);
    assert_eq!(drift(&both, &german, good()), []);
}

#[test]
fn another_definition_has_its_own_kind_of_drift() {
    let was = definition(ID, "1.2.0", "Scans.", &[("documents:read", true), ("logs:read", false)]);
    let both = [("documents:read", true), ("logs:read", false)];
    let lock = server(vec![locked(&was)]);
    let rows: &[(ToolDefinition, &[DriftKind])] = &[
        (definition(ID, "1.2.0", "Steals.", &both), &[DriftKind::ToolChanged]),
        (definition(ID, "1.2.1", "Scans.", &both), &[DriftKind::ToolUpgraded]),
        (definition(ID, "1.1.9", "Scans.", &both), &[DriftKind::VersionLowered]),
        (
            definition("trustedsoft.example/other", "1.2.0", "Scans.", &both),
            &[DriftKind::ToolReplaced],
        ),
        (unsigned("Scans."), &[DriftKind::EvidenceLost]),
        (
            definition(ID, "1.3.0", "Scans.", &[("documents:read", true), ("logs:read", true)]),
            &[DriftKind::ToolUpgraded, DriftKind::PermissionAdded],
        ),
        (
            definition(ID, "1.3.0", "Scans.", &[("logs:read", false), ("mail:send", false)]),
            &[DriftKind::ToolUpgraded, DriftKind::PermissionAdded, DriftKind::PermissionRemoved],
        ),
    ];
    for (now, expected) in rows {
        let found = drift(&lock, now, good());
        assert_eq!(kinds(&found), *expected, "{found:?}");
        assert_eq!(found[0].line.0, Some(10));
    }
    let plain = server(vec![locked(&unsigned("Scans."))]);
    let none = ServedEvidence::Good(EvidenceRecord::None);
    let found = drift(&plain, &unsigned("Steals."), none);
    assert_eq!(kinds(&found), [DriftKind::ToolChanged]);
    assert_eq!(found[0].parts, ["description"]);
    assert_eq!(kinds(&drift(&plain, &was, good())), [DriftKind::ToolReplaced]);
}

#[test]
fn an_added_and_a_missing_tool_are_drift() {
    let (one, other) = (definition(ID, "1.2.0", "Scans.", &[]), unsigned("Scans."));
    let found = drift(&server(Vec::new()), &one, good());
    assert_eq!(kinds(&found), [DriftKind::ToolAdded]);
    let german = definition("trustedsoft.example/scan.de", "1.2.0", "Prüft.", &[]);
    let variants = server(vec![locked(&one), locked(&german)]);
    let found = variants.compare(&Served::default());
    assert_eq!(kinds(&found), [DriftKind::ToolMissing], "one for all variants");
    let why = Err("another tool has its name".to_owned());
    let refused = ServedTool::new("scan", why, ServedEvidence::Unchecked("not judged".to_owned()));
    let mut served = Served::default();
    served.tools.push(refused);
    assert_eq!(kinds(&server(vec![locked(&other)]).compare(&served)), [DriftKind::ToolRefused]);
}

#[test]
fn a_checked_signer_is_compared_and_an_unchecked_one_is_never_believed() {
    let signed = definition(ID, "1.2.0", "Scans.", &[]);
    let lock = server(vec![locked(&signed)]);
    let untrusted = Who::Unknown {
        why: UnknownReason::UntrustedKey { provider: "p".to_owned(), kid: "k".to_owned() },
    };
    let revoked = Who::Revoked { what: "the key".to_owned() };
    for (evidence, expected) in [
        (ServedEvidence::Good(by_key("somebody else")), DriftKind::SignerChanged),
        (ServedEvidence::Good(EvidenceRecord::Identified), DriftKind::EvidenceLost),
        (ServedEvidence::Good(EvidenceRecord::None), DriftKind::EvidenceLost),
        (ServedEvidence::of(&untrusted), DriftKind::SignerUnchecked),
        (ServedEvidence::of(&revoked), DriftKind::EvidenceBad),
        (ServedEvidence::of(&Who::Anonymous), DriftKind::EvidenceLost),
    ] {
        assert_eq!(kinds(&drift(&lock, &signed, evidence)), [expected]);
    }
}

#[test]
fn a_target_that_can_change_is_drift_unless_the_lockfile_names_it() {
    let launch = Repository::default().line("npx docs --unknown");
    let mut lock = server(Vec::new());
    let drift = lock.compare_binding(&launch);
    assert_eq!(kinds(drift.as_slice()), [DriftKind::BindingLost]);
    lock.unbound.extend(launch.unbound());
    let drift = lock.compare_binding(&launch);
    assert_eq!(kinds(drift.as_slice()), [DriftKind::Unbound]);
    assert_eq!(lock.compare_binding(&Repository::default().line("npx docs@1.2.3")), None);
    let other = lock.compare_binding(&Repository::default().line("npx other"));
    assert_eq!(kinds(other.as_slice()), [DriftKind::BindingLost]);
    // A program of the same name on this machine is only a note: other machines may lack it.
    let machine = Repository::default().program("docs").line("uvx docs==1.2");
    assert!(machine.unbound().is_empty());
    let drift = server(Vec::new()).compare_binding(&machine);
    assert_eq!(kinds(drift.as_slice()), [DriftKind::Unbound]);
}

#[test]
fn packages_are_compared_with_the_locked_ones() {
    let mut lock = server(Vec::new());
    let launch = Repository::default().line("npx -p a@1.0.0 -p b@1.0.0 c");
    let drift = lock.compare_packages(&launch.artifacts);
    assert_eq!(kinds(drift.as_slice()), [DriftKind::PackageChanged]);
    assert_eq!(drift.unwrap().served.unwrap(), "npm:a@1.0.0, npm:b@1.0.0");
    lock.packages.clone_from(&launch.artifacts);
    assert_eq!(lock.compare_packages(&launch.artifacts), None);
    let fewer = Repository::default().line("npx -p a@1.0.0 c").artifacts;
    assert_eq!(kinds(lock.compare_packages(&fewer).as_slice()), [DriftKind::PackageChanged]);
}

#[test]
fn instructions_and_files_are_compared_with_the_locked_ones() {
    let [one, other] = ["a", "b"].map(|text| Digest::of(text.as_bytes()));
    for (locked, served, expected) in [
        (None, None, None),
        (Some(one), Some(one), None),
        (Some(one), Some(other), Some(DriftKind::InstructionsChanged)),
        (None, Some(one), Some(DriftKind::InstructionsAdded)),
        (Some(one), None, Some(DriftKind::InstructionsMissing)),
    ] {
        let mut lock = server(Vec::new());
        lock.instructions = locked;
        let mut now = Served::default();
        now.instructions = served;
        assert_eq!(kinds(&lock.compare(&now)), expected.into_iter().collect::<Vec<_>>());
    }
    let files = ["a.js", "b.js", "c.js"].map(|path| (path.to_owned(), one));
    let mut lock = server(Vec::new());
    lock.files = files.into();
    let found = [("a.js", Some(one)), ("b.js", Some(other)), ("c.js", None)];
    let found = found.map(|(path, digest)| (path.to_owned(), digest)).into();
    let drift = lock.compare_files(&found);
    assert_eq!(kinds(&drift), [DriftKind::FileChanged, DriftKind::FileMissing]);
    assert_eq!(kinds(&lock.compare_files(&BTreeMap::new())), [DriftKind::FileMissing; 3]);
}
