//! Tests of the lockfiles that are read and the lockfiles that are refused.

use etdi_lockfile::{Lockfile, LockfileError, SkipReason};

use crate::scene::*;

#[test]
fn a_lockfile_has_the_line_of_each_entry() {
    let lockfile = Lockfile::parse(TEXT).unwrap();
    let server = lockfile.server("docs").unwrap();
    assert_eq!(server.line.0, Some(4));
    assert_eq!(server.tools[0].line.0, Some(8));
    assert_eq!(Lockfile::parse(&lockfile.to_string()).unwrap(), lockfile);
}

#[test]
fn an_unknown_part_is_refused_with_its_line() {
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
        ("[[server.tool]]", "packages = [\"npm:docs\"]\n[[server.tool]]", Some(8)),
        (
            "[[server.tool]]",
            "package = \"npm:a@1.0.0\"\npackages = [\"npm:a@1.0.0\"]\n[[server.tool]]",
            Some(4),
        ),
        ("[[server.tool]]", "skipped = \"down\"\n[[server.tool]]", Some(8)),
        ("[[server.tool]]", "skipped = true\n[[server.tool]]", Some(8)),
        ("identity = \"https://docs.example/mcp\"\n", "", Some(4)),
        (
            "identity = \"https://docs.example/mcp\"",
            "from = \".mcp.json\"\nskipped = \"disabled\"",
            Some(4),
        ),
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
fn a_server_that_is_left_out_has_a_name_and_a_reason() {
    let text =
        "schema = 1\n[[server]]\nname = \"docs\"\nfrom = \".mcp.json\"\nskipped = \"disabled\"\n";
    let lockfile = Lockfile::parse(text).unwrap();
    let server = lockfile.server("docs").unwrap();
    assert_eq!((&server.identity, server.skipped), (&None, Some(SkipReason::Disabled)));
    for (from, to) in [
        ("skipped = \"disabled\"\n", ""),
        ("from = \".mcp.json\"\n", ""),
        ("skipped =", "packages = [\"npm:a@1.0.0\"]\nskipped ="),
        ("skipped =", "package = \"npm:a@1.0.0\"\nskipped ="),
    ] {
        let error = Lockfile::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(error, LockfileError::Malformed { line: Some(2), .. }), "{to}: {error}");
    }
    // A skipped server may have the identity of a locked server.
    let twin = "[[server]]\nname = \"twin\"\nidentity = \"https://docs.example/mcp\"\n";
    assert!(Lockfile::parse(&format!("{TEXT}{twin}")).is_err());
    Lockfile::parse(&format!("{TEXT}{twin}skipped = \"unreachable\"\n")).unwrap();
}

/// A lockfile from before `packages` has one package in `package`.
#[test]
fn an_older_lockfile_is_read_and_written_in_the_new_form() {
    let text =
        TEXT.replacen("\n[[server.tool]]", "package = \"npm:docs@1.2.3\"\n\n[[server.tool]]", 1);
    let lockfile = Lockfile::parse(&text).unwrap();
    assert!(lockfile.to_string().contains("packages = [\"npm:docs@1.2.3\"]"), "{lockfile}");
}

#[test]
fn a_repeated_entry_is_refused() {
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
    // Variants have one name and different ids.
    let variant = tool.replace("example/scan", "example/scan.de");
    let twice = Lockfile::parse(&format!("{TEXT}[[server.tool]]{variant}")).unwrap_err();
    assert!(matches!(twice, LockfileError::Duplicate { .. }), "one definition: {twice}");
    let variant = variant.replace("sha256:00", "sha256:11");
    Lockfile::parse(&format!("{TEXT}[[server.tool]]{variant}{unsigned}")).unwrap();
}

#[test]
fn a_server_replaces_only_the_one_with_its_name() {
    let mut lockfile = Lockfile::default();
    lockfile.put(server(vec![locked(&unsigned("a"))])).unwrap();
    lockfile.put(server(Vec::new())).unwrap();
    assert!(lockfile.server("docs").unwrap().tools.is_empty());
    let mut twin = server(Vec::new());
    twin.name = "other".to_owned();
    let before = lockfile.clone();
    assert!(matches!(lockfile.put(twin), Err(LockfileError::Duplicate { .. })));
    assert_eq!(lockfile, before);
    assert!(lockfile.remove("docs") && !lockfile.remove("docs"));
}

#[test]
fn a_deep_or_long_text_is_refused_without_a_crash() {
    for text in [
        format!("schema = 1\nx = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("schema = 1\nx = {}", "{a=".repeat(100_000)),
        format!("schema = 1\n{} = 1", vec!["a"; 100_000].join(".")),
        format!("schema = 1\n[{}]", vec!["a"; 100_000].join(".")),
        "schema = 99999999999999999999999".to_owned(),
        "schema = 0x1\nserver = 1".to_owned(),
    ] {
        assert!(Lockfile::parse(&text).is_err());
    }
}
