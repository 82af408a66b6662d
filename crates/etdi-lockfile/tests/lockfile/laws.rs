//! Properties that hold for every lockfile and every text.

use etdi_lockfile::{LockedIdentity, LockedServer, LockedTool, Lockfile, Signer};
use etdi_types::{Digest, EvidenceRecord, ServerIdentity, StdioCommand};
use proptest::prelude::*;

use crate::scene::{TEXT, unsigned};

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
        |(path, provider, signer)| {
            let id = format!("a.example/{path}").parse().unwrap();
            let version = "1.0.0-rc.1".parse().unwrap();
            LockedIdentity::new(id, version, provider, signer)
        },
    ));
    let parts = proptest::collection::btree_map(
        proptest::sample::select(vec!["title", "_meta", "other"]).prop_map(str::to_owned),
        hostile(),
        0..3,
    );
    (hostile(), signed, any::<[u8; 4]>(), scopes(), scopes(), hostile(), parts).prop_map(
        |(name, signed, text, permissions, optional_permissions, approved_by, parts)| {
            let mut tool = LockedTool::of(&unsigned("Scans."), &EvidenceRecord::None, &approved_by);
            (tool.name, tool.signed, tool.digest) = (name, signed, Digest::of(&text));
            (tool.permissions, tool.optional_permissions) = (permissions, optional_permissions);
            tool.parts = parts;
            tool
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
            let mut server = LockedServer::new(name, ServerIdentity::from(&command));
            server.tools = tools;
            if full {
                server.from = Some(".mcp.json".to_owned());
                server.instructions = Some(digest);
                server.package = Some("npm:@a/b@1.0.0".parse().unwrap());
                server.files.insert("a b/\"c\".js".to_owned(), digest);
            }
            // A server with the name or identity of another one is refused.
            let _ = lockfile.put(server);
        }
        lockfile
    })
}

proptest! {
    #[test]
    fn a_printed_lockfile_is_read_back_and_has_no_hidden_characters(lockfile in some_lockfile()) {
        let text = lockfile.to_string();
        prop_assert_eq!(&Lockfile::parse(&text).unwrap(), &lockfile);
        prop_assert_eq!(Lockfile::parse(&text).unwrap().to_string(), text.clone());
        prop_assert!(!etdi_types::text::has_hidden_characters(&text), "{}", text);
    }

    #[test]
    fn odd_texts_are_refused_without_a_panic(
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
