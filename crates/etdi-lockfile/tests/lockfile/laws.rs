//! Properties that hold for every lockfile and every text.

use etdi_lockfile::{
    Artifact, LockedIdentity, LockedServer, LockedTool, Lockfile, Signer, SkipReason,
};
use etdi_types::{Digest, EvidenceRecord, ServerIdentity, StdioCommand};
use proptest::prelude::*;

use crate::scene::{TEXT, unsigned};
use crate::tree::Repository;

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
                server.packages.insert("npm:@a/b@1.0.0".parse().unwrap());
                server.packages.insert("pypi:a==1".parse().unwrap());
                server.unbound.extend(["-c".to_owned(), server.name.clone()]);
                server.files.insert("a b/\"c\".js".to_owned(), digest);
            }
            server.skipped = match number {
                0 => None,
                1 => Some(SkipReason::Disabled),
                _ => Some(SkipReason::Unreachable),
            };
            if number == 2 {
                let from = server.from.clone().unwrap_or_else(|| "a.json".to_owned());
                server = LockedServer::left_out(server.name, from, None, SkipReason::Disabled);
            }
            // A server with the name or identity of another one is refused.
            let _ = lockfile.put(server);
        }
        lockfile
    })
}

/// Returns words of commands, and any other text.
fn some_word() -> impl Strategy<Value = String> {
    let words = vec![
        "node",
        "npx",
        "npm",
        "exec",
        "x",
        "pnpm",
        "dlx",
        "yarn",
        "bunx",
        "uv",
        "uvx",
        "tool",
        "run",
        "pipx",
        "python3",
        "sh",
        "bash",
        "cmd",
        "/c",
        "env",
        "docker",
        "podman",
        "-y",
        "-p",
        "-c",
        "-m",
        "-r",
        "--",
        "--package",
        "--from",
        "--with",
        "--directory",
        "--require",
        "--mount",
        "docs@1.2.3",
        "docs==1.2",
        "docs",
        "docs@latest",
        "server.js",
        "./server.js",
        "server",
        "s.py",
        "d",
        "d/s.py",
        "gone.js",
        "A=b",
        "-v",
        "./d:/d",
        "cd d && node s.py",
        "docs@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ];
    prop_oneof![
        8 => proptest::sample::select(words).prop_map(str::to_owned),
        1 => hostile(),
        1 => "-{1,2}[a-zA-Z=_-]{0,8}",
    ]
}

/// Returns commands that are bound in [`repository`], each with the place of its target.
fn some_bound() -> impl Strategy<Value = (Vec<&'static str>, usize)> {
    proptest::sample::select(vec![
        (vec!["npx", "-y", "docs@1.2.3"], 2),
        (vec!["npx", "-p", "docs@1.2.3", "docs-server"], 3),
        (vec!["pnpm", "dlx", "docs@1.2.3"], 2),
        (vec!["uvx", "docs==1.2"], 1),
        (vec!["uvx", "--from", "docs==1.2", "docs-server"], 3),
        (vec!["uv", "tool", "run", "docs==1.2"], 3),
        (vec!["pipx", "run", "docs==1.2"], 2),
        (vec!["node", "server.js"], 1),
        (vec!["node", "-r", "./server.js", "d/f.js"], 3),
        (vec!["python3", "-u", "s.py"], 2),
        (vec!["python3", "-m", "d.s"], 2),
        (vec!["uv", "--directory", "d", "run", "s.py"], 4),
        (vec!["sh", "run.sh"], 1),
    ])
}

fn repository() -> Repository {
    Repository::with(&["server.js", "s.py", "d/s.py", "d/f.js", "run.sh"])
}

proptest! {
    #[test]
    fn a_command_of_any_words_binds_only_what_exists(
        words in proptest::collection::vec(some_word(), 1..9), name in hostile(), value in hostile()
    ) {
        let mut command = StdioCommand::new(words[0].clone()).args(words[1..].to_vec());
        command.env.insert(name, value);
        let launch = repository().launch(&command);
        prop_assert!(launch.files.iter().all(|file| repository().has(file)), "{:?}", launch);
        for artifact in &launch.artifacts {
            let read: Result<Artifact, _> = artifact.as_str().parse();
            prop_assert_eq!(read.as_ref(), Ok(artifact));
        }
        let names_nothing = launch.artifacts.is_empty() && launch.files.is_empty();
        prop_assert!(!(launch.is_bound() && names_nothing), "{:?}", launch);
        prop_assert!(!(names_nothing && launch.loose.is_empty()), "no reason: {:?}", words);
        for loose in &launch.loose {
            let shown = loose.to_string();
            prop_assert!(!etdi_types::text::has_hidden_characters(&shown), "{:?}", shown);
        }
    }

    #[test]
    fn an_unknown_flag_before_the_target_is_not_bound(
        (words, target) in some_bound(), flag in "--zz[a-z]{1,8}(=x)?"
    ) {
        let bound = repository().words(&words);
        prop_assert!(bound.is_bound(), "{:?}", bound);
        let mut more = words.clone();
        more.insert(target, &flag);
        let launch = repository().words(&more);
        prop_assert!(!launch.is_bound(), "{:?}: {:?}", more, launch);
    }

    #[test]
    fn a_command_within_a_command_starts_the_same((words, _) in some_bound(), many in 0..3_usize) {
        let bound = repository().words(&words);
        let line = words.join(" ");
        let mut sh = vec!["bash", "-lc", &line];
        for _ in 0..many {
            sh.splice(0..0, ["env", "A=b"]);
        }
        prop_assert_eq!(&repository().words(&sh), &bound);
        let cmd = [&["cmd", "/c"], words.as_slice()].concat();
        prop_assert_eq!(&repository().words(&cmd), &bound);
    }

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
