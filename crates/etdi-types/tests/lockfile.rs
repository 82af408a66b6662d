//! Lockfiles: what is read, what is printed, and what counts as drift.
#![cfg(test)]

use std::collections::BTreeMap;

use etdi_types::lockfile::{
    Drift, DriftKind, LockedIdentity, LockedServer, LockedTool, Lockfile, LockfileError, Place,
    Served, ServedEvidence, ServedTool, Signer,
};
use etdi_types::verdict::{KeyTrust, UnknownReason};
use etdi_types::{
    DefinitionSpec, Digest, EvidenceRecord, Permission, Provider, ServerIdentity, SigningKey,
    StdioCommand, ToolDefinition, Who,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TEXT: &str = r#"# A comment stays nobody's business.
schema = 1

[[server]]
name = "docs"
identity = "https://docs.example/mcp"

[[server.tool]]
name = "scan"
id = "trustedsoft.example/scan"
version = "1.2.0"
provider = "https://trustedsoft.example"
digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
signer = { key = "thumbprint" }
permissions = ["documents:read"]
approved_by = "alice"
parts = { "description" = "0011223344556677" }
"#;

#[test]
fn a_lockfile_says_where_everything_stands() {
    let lockfile = Lockfile::parse(TEXT).unwrap();
    let server = lockfile.server("docs").unwrap();
    assert_eq!(server.place.0, Some(4));
    assert_eq!(server.tools[0].place.0, Some(8));
    assert_eq!(Lockfile::parse(&lockfile.to_string()).unwrap(), lockfile);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    for (from, to, line) in [
        ("approved_by", "verified = true\napproved_by", Some(16)),
        ("identity =", "trusted = true\nidentity =", Some(6)),
        ("name = \"docs\"", "name = 7", Some(5)),
        ("https://docs.example/mcp", "docs.example", Some(6)),
        (digest, "sha256:00", Some(13)),
        ("trustedsoft.example/scan", "TrustedSoft.example/scan", Some(10)),
        ("\"1.2.0\"", "\"1.2\"", Some(11)),
        ("version = \"1.2.0\"\n", "", Some(8)),
        ("key = \"thumbprint\"", "key = \"a\", issuer = \"b\", client = \"c\"", Some(8)),
        ("key = \"thumbprint\"", "issuer = \"b\"", Some(8)),
        ("key = \"thumbprint\"", "key = \"a\", verified = true", Some(14)),
        ("\"description\" =", "\"descriptions\" =", Some(8)),
        ("approved_by = \"alice\"\n", "", Some(8)),
        ("[[server.tool]]", "from = \"../../.mcp.json\"\n[[server.tool]]", Some(4)),
        ("[[server.tool]]", "from = \"/etc/mcp.json\"\n[[server.tool]]", Some(4)),
        ("[[server.tool]]", "[server.files]\n\"C:\\\\x\" = \"D\"\n[[server.tool]]", Some(9)),
        ("[[server.tool]]", "package = \"npm:docs\"\n[[server.tool]]", Some(8)),
        ("schema = 1\n", "", None),
        ("schema = 1", "schema = 1\nschema = 1", Some(3)),
        ("[[server]]", "[[server]", Some(4)),
    ] {
        let text = TEXT.replacen(from, to, 1);
        assert_ne!(text, TEXT, "{from}");
        let error = Lockfile::parse(&text).unwrap_err();
        let LockfileError::Malformed { line: found, .. } = error else { panic!("{to}: {error}") };
        assert_eq!(found, line, "{to}");
    }
    for schema in ["2", "0", "\"1\"", "1.0"] {
        let text = TEXT.replacen("schema = 1", &format!("schema = {schema}\nunheard_of = 1"), 1);
        let error = Lockfile::parse(&text).unwrap_err();
        assert!(matches!(error, LockfileError::Schema { .. }), "{schema}: {error}");
    }
}

#[test]
fn what_stands_twice_is_refused() {
    let tool = TEXT.split_once("[[server.tool]]").unwrap().1;
    let server = TEXT.split_once("[[server]]").unwrap().1;
    let unsigned = "[[server.tool]]\nname = \"a\"\napproved_by = \"alice\"\n\
         digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n";
    for text in [
        format!("{TEXT}[[server.tool]]{tool}"),
        format!("{TEXT}[[server.tool]]{}", tool.replace("\"scan\"", "\"other\"")),
        format!("{TEXT}[[server]]{server}"),
        format!("{TEXT}[[server]]{}", server.replace("\"docs\"", "\"other\"")),
        format!("{TEXT}[[server]]{}", server.replace("docs.example", "other.example")),
        format!("{TEXT}{unsigned}{unsigned}"),
    ] {
        let error = Lockfile::parse(&text).unwrap_err();
        assert!(matches!(error, LockfileError::Duplicate { line: Some(_), .. }), "{error}\n{text}");
    }
    // Variants have one name and ids of their own.
    let variant = tool.replace("example/scan", "example/scan.de");
    let twice = Lockfile::parse(&format!("{TEXT}[[server.tool]]{variant}")).unwrap_err();
    assert!(matches!(twice, LockfileError::Duplicate { .. }), "one definition: {twice}");
    let variant = variant.replace("sha256:00", "sha256:11");
    Lockfile::parse(&format!("{TEXT}[[server.tool]]{variant}{unsigned}")).unwrap();
}

fn definition(
    id: &str,
    version: &str,
    description: &str,
    scopes: &[(&str, bool)],
) -> ToolDefinition {
    let key = SigningKey::generate().unwrap();
    let permission = |&(scope, required): &(&str, bool)| Permission {
        scope: scope.parse().unwrap(),
        description: "why".to_owned(),
        required,
    };
    let spec = DefinitionSpec {
        id: id.parse().unwrap(),
        version: version.parse().unwrap(),
        provider: Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap(),
        servers: None,
        permissions: scopes.iter().map(permission).collect(),
        require_call_proof: false,
    };
    let signed = spec.sign(&tool(description), &key).unwrap();
    ToolDefinition::parse(&serde_json::to_vec(signed.tool()).unwrap()).unwrap()
}

fn unsigned(description: &str) -> ToolDefinition {
    ToolDefinition::parse(&serde_json::to_vec(&tool(description)).unwrap()).unwrap()
}

fn tool(description: &str) -> Map<String, Value> {
    let tool =
        json!({"name": "scan", "description": description, "inputSchema": {"type": "object"}});
    tool.as_object().unwrap().clone()
}

fn by_key(thumbprint: &str) -> EvidenceRecord {
    EvidenceRecord::Signed {
        thumbprint: thumbprint.to_owned(),
        trust: KeyTrust::Configured,
        pinned_key: None,
    }
}

fn server(tools: Vec<LockedTool>) -> LockedServer {
    let tools = tools.into_iter().zip(10..);
    LockedServer {
        name: "docs".to_owned(),
        identity: "https://docs.example/mcp".parse().unwrap(),
        from: None,
        instructions: None,
        package: None,
        files: BTreeMap::new(),
        tools: tools.map(|(tool, line)| LockedTool { place: Place(Some(line)), ..tool }).collect(),
        place: Place(Some(1)),
    }
}

fn locked(definition: &ToolDefinition) -> LockedTool {
    let evidence = match definition.signed() {
        Some(_) => by_key("alice's publisher"),
        None => EvidenceRecord::None,
    };
    LockedTool::of(definition, &evidence, "alice")
}

/// What a server that lists `definition` does otherwise than `locked`.
fn drift(
    locked: &LockedServer,
    definition: &ToolDefinition,
    evidence: ServedEvidence,
) -> Vec<Drift> {
    let tool = ServedTool { name: definition.served_name(), definition: Ok(definition), evidence };
    locked.compare(&Served { instructions: None, tools: vec![tool] })
}

fn kinds(drift: &[Drift]) -> Vec<DriftKind> {
    drift.iter().map(|drift| drift.kind).collect()
}

fn good() -> ServedEvidence {
    ServedEvidence::Good(by_key("alice's publisher"))
}

const ID: &str = "trustedsoft.example/scan";

#[test]
fn what_is_locked_is_no_drift() {
    let signed = definition(ID, "1.2.0", "Scans.", &[("documents:read", true)]);
    assert_eq!(drift(&server(vec![locked(&signed)]), &signed, good()), []);
    let plain = unsigned("Scans.");
    let none = ServedEvidence::Good(EvidenceRecord::None);
    assert_eq!(drift(&server(vec![locked(&plain)]), &plain, none), []);
    // One of the variants is listed: by its id, or to the letter.
    let german = definition("trustedsoft.example/scan.de", "1.2.0", "Prüft.", &[]);
    let both = server(vec![locked(&signed), locked(&german)]);
    assert_eq!(drift(&both, &signed, good()), []);
    assert_eq!(drift(&both, &german, good()), []);
}

#[test]
fn another_definition_is_told_by_what_it_is() {
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
        assert_eq!(found[0].place.0, Some(10));
    }
    let plain = server(vec![locked(&unsigned("Scans."))]);
    let none = ServedEvidence::Good(EvidenceRecord::None);
    let found = drift(&plain, &unsigned("Steals."), none);
    assert_eq!(kinds(&found), [DriftKind::ToolChanged]);
    assert_eq!(found[0].parts, ["description"]);
    assert_eq!(kinds(&drift(&plain, &was, good())), [DriftKind::ToolReplaced]);
}

#[test]
fn a_tool_more_and_a_tool_less_are_drift() {
    let (one, other) = (definition(ID, "1.2.0", "Scans.", &[]), unsigned("Scans."));
    let found = drift(&server(Vec::new()), &one, good());
    assert_eq!(kinds(&found), [DriftKind::ToolAdded]);
    let german = definition("trustedsoft.example/scan.de", "1.2.0", "Prüft.", &[]);
    let variants = server(vec![locked(&one), locked(&german)]);
    let found = variants.compare(&Served::default());
    assert_eq!(kinds(&found), [DriftKind::ToolMissing], "one for all variants");
    let refused = ServedTool {
        name: "scan",
        definition: Err("another tool has its name".to_owned()),
        evidence: ServedEvidence::Unchecked("not judged".to_owned()),
    };
    let served = Served { instructions: None, tools: vec![refused] };
    assert_eq!(kinds(&server(vec![locked(&other)]).compare(&served)), [DriftKind::ToolRefused]);
}

#[test]
fn the_signer_is_compared_where_it_was_checked_and_never_believed_otherwise() {
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
fn instructions_and_files_are_what_was_locked() {
    let [one, other] = ["a", "b"].map(|text| Digest::of(text.as_bytes()));
    for (locked, served, expected) in [
        (None, None, None),
        (Some(one), Some(one), None),
        (Some(one), Some(other), Some(DriftKind::InstructionsChanged)),
        (None, Some(one), Some(DriftKind::InstructionsAdded)),
        (Some(one), None, Some(DriftKind::InstructionsMissing)),
    ] {
        let lock = LockedServer { instructions: locked, ..server(Vec::new()) };
        let served = Served { instructions: served, tools: Vec::new() };
        assert_eq!(kinds(&lock.compare(&served)), expected.into_iter().collect::<Vec<_>>());
    }
    let files = ["a.js", "b.js", "c.js"].map(|path| (path.to_owned(), one));
    let lock = LockedServer { files: files.into(), ..server(Vec::new()) };
    let found = [("a.js", Some(one)), ("b.js", Some(other)), ("c.js", None)];
    let found = found.map(|(path, digest)| (path.to_owned(), digest)).into();
    let drift = lock.compare_files(&found);
    assert_eq!(kinds(&drift), [DriftKind::FileChanged, DriftKind::FileMissing]);
    assert_eq!(kinds(&lock.compare_files(&BTreeMap::new())), [DriftKind::FileMissing; 3]);
}

#[test]
fn a_server_takes_the_place_of_the_one_of_its_name_and_no_others() {
    let mut lockfile = Lockfile::default();
    lockfile.put(server(vec![locked(&unsigned("a"))])).unwrap();
    lockfile.put(server(Vec::new())).unwrap();
    assert!(lockfile.server("docs").unwrap().tools.is_empty());
    let twin = LockedServer { name: "other".to_owned(), ..server(Vec::new()) };
    let before = lockfile.clone();
    assert!(matches!(lockfile.put(twin), Err(LockfileError::Duplicate { .. })));
    assert_eq!(lockfile, before);
    assert!(lockfile.remove("docs") && !lockfile.remove("docs"));
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\"\\\\\u{1b}\u{202e}\u{e0041}\u{200b}\n\r\t#=\\[\\]{} a]{0,12}",]
}

fn some_tool() -> impl Strategy<Value = LockedTool> {
    let scope = "[a-z]{1,4}:[a-z]{1,4}";
    let scopes =
        move || proptest::collection::vec(scope.prop_map(|scope| scope.parse().unwrap()), 0..3);
    let signer = prop_oneof![
        Just(None),
        hostile().prop_map(|key| Some(Signer::Key(key))),
        (hostile(), hostile()).prop_map(|(issuer, client)| Some(Signer::Issuer { issuer, client })),
    ];
    let signed = proptest::option::of(("[a-z]{1,8}", hostile(), signer).prop_map(
        |(path, provider, signer)| LockedIdentity {
            id: format!("a.example/{path}").parse().unwrap(),
            version: "1.0.0-rc.1".parse().unwrap(),
            provider,
            signer,
        },
    ));
    let parts = proptest::collection::btree_map(
        proptest::sample::select(vec!["title", "_meta", "other"]).prop_map(str::to_owned),
        hostile(),
        0..3,
    );
    (hostile(), signed, any::<[u8; 4]>(), scopes(), scopes(), hostile(), parts).prop_map(
        |(name, signed, text, permissions, optional_permissions, approved_by, parts)| LockedTool {
            name,
            signed,
            digest: Digest::of(&text),
            permissions,
            optional_permissions,
            approved_by,
            parts,
            place: Place::default(),
        },
    )
}

fn some_lockfile() -> impl Strategy<Value = Lockfile> {
    let server = (hostile(), any::<bool>(), proptest::collection::vec(some_tool(), 0..4));
    proptest::collection::vec(server, 0..4).prop_map(|servers| {
        let mut lockfile = Lockfile::default();
        for (number, (name, full, tools)) in servers.into_iter().enumerate() {
            let digest = Digest::of(name.as_bytes());
            let command = StdioCommand::new(format!("server-{number}"));
            // Two of one name or id do not go in.
            let _ = lockfile.put(LockedServer {
                name,
                identity: ServerIdentity::from(&command),
                from: full.then(|| ".mcp.json".to_owned()),
                instructions: full.then_some(digest),
                package: full.then(|| "npm:@a/b@1.0.0".parse().unwrap()),
                files: full.then(|| ("a b/\"c\".js".to_owned(), digest)).into_iter().collect(),
                tools,
                place: Place::default(),
            });
        }
        lockfile
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_and_hides_nothing(lockfile in some_lockfile()) {
        let text = lockfile.to_string();
        prop_assert_eq!(&Lockfile::parse(&text).unwrap(), &lockfile);
        prop_assert_eq!(Lockfile::parse(&text).unwrap().to_string(), text.clone());
        prop_assert!(!etdi_types::text::has_hidden_characters(&text), "{}", text);
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(
        before in hostile(), at in 0..TEXT.len(), instead in hostile()
    ) {
        let _ = Lockfile::parse(&before);
        let at = (at..).find(|at| TEXT.is_char_boundary(*at)).unwrap();
        let (before, after) = TEXT.split_at(at);
        let text = format!("{before}{instead}{after}");
        if let Err(error) = Lockfile::parse(&text) {
            let shown = error.to_string();
            prop_assert!(!etdi_types::text::has_hidden_characters(&shown), "{:?}", shown);
        }
    }
}
