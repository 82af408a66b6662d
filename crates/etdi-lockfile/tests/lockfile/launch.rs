//! Tests of commands: what they start, and what of it is fixed.

use etdi_lockfile::{Artifact, Launch};

use crate::tree::Repository;

const SHA256: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Asserts that a command is bound by exactly these packages and files, in order.
fn assert_bound(repository: &Repository, line: &str, artifacts: &[&str], files: &[&str]) {
    let launch = repository.line(line);
    assert_eq!(launch.loose, [], "{line}");
    let found: Vec<_> = launch.artifacts.iter().map(Artifact::as_str).collect();
    assert_eq!(found, artifacts, "{line}");
    assert_eq!(launch.files.iter().collect::<Vec<_>>(), files, "{line}");
    assert!(launch.is_bound(), "{line}");
}

fn loose(launch: &Launch) -> Vec<&str> {
    launch.loose.iter().map(|loose| loose.word.as_str()).collect()
}

#[test]
fn one_version_of_a_package_binds() {
    let empty = Repository::default();
    for (line, artifact) in [
        ("npx -y docs@1.2.3", "npm:docs@1.2.3"),
        ("npx @scope/docs@1.2.3-rc.1 /data --port 1", "npm:@scope/docs@1.2.3-rc.1"),
        ("npx.cmd -y docs@1.2.3 -p other@2", "npm:docs@1.2.3"),
        ("npx -y -p docs@1.2.3 docs-server", "npm:docs@1.2.3"),
        ("npx --yes --package=docs@1.2.3 -- docs-server --port 1", "npm:docs@1.2.3"),
        ("npm exec --yes -- docs@1.2.3 --port 1", "npm:docs@1.2.3"),
        ("pnpm dlx docs@1.2.3", "npm:docs@1.2.3"),
        ("yarn dlx -p docs@1.2.3 docs-server", "npm:docs@1.2.3"),
        ("bunx docs@1.2.3", "npm:docs@1.2.3"),
        ("bun x docs@1.2.3", "npm:docs@1.2.3"),
        ("uvx docs==1.2", "pypi:docs==1.2"),
        ("uvx docs@1.2", "pypi:docs==1.2"),
        ("uvx docs[cli]==1.2", "pypi:docs[cli]==1.2"),
        ("uvx --from docs==1.2 docs-server --port 1", "pypi:docs==1.2"),
        ("uvx --python 3.12 --from docs[cli]==1.2 docs-server", "pypi:docs[cli]==1.2"),
        ("uv tool run docs==1.2.post1", "pypi:docs==1.2.post1"),
        ("uv tool run --from docs==1.2 docs-server", "pypi:docs==1.2"),
        ("pipx run docs==1.2", "pypi:docs==1.2"),
        ("pipx run --spec docs==1.2 docs-server", "pypi:docs==1.2"),
        ("cmd /c npx -y docs@1.2.3", "npm:docs@1.2.3"),
        ("cmd.exe /d /s /C npx -y docs@1.2.3", "npm:docs@1.2.3"),
        ("env LANG=C npx -y docs@1.2.3", "npm:docs@1.2.3"),
    ] {
        assert_bound(&empty, line, &[artifact], &[]);
    }
    assert_bound(
        &empty,
        "npx -p docs@1.2.3 -p more@2.0.0 docs-server",
        &["npm:docs@1.2.3", "npm:more@2.0.0"],
        &[],
    );
    assert_bound(
        &empty,
        "uvx --from docs==1.2 --with more==2 docs-server",
        &["pypi:docs==1.2", "pypi:more==2"],
        &[],
    );
}

#[test]
fn an_image_with_its_digest_binds() {
    let image = format!("ghcr.io/docs/server:1@{SHA256}");
    let oci = format!("oci:{image}");
    for line in [
        format!("docker run -i --rm {image}"),
        format!("docker run --rm -it -e KEY=value --env OTHER --network none {image} stdio --all"),
        format!("podman run -i -v cache:/cache --mount type=tmpfs,dst=/tmp {image}"),
        format!("docker run -i --entrypoint node {image} /app/server.js"),
        format!("docker run -i {image} sh -c exec"),
    ] {
        let launch = Repository::default().line(&line);
        let found: Vec<_> = launch.artifacts.iter().map(Artifact::as_str).collect();
        assert_eq!(found, [oci.as_str()], "{line}");
        assert_eq!(launch.loose.is_empty(), !line.contains("sh -c"), "{line}: {:?}", launch.loose);
    }
}

#[test]
fn a_commit_of_a_repository_binds() {
    let git = format!("git+https://github.com/docs/server@{COMMIT}");
    for line in [
        format!("uvx --from git+https://github.com/docs/server@{COMMIT} docs-server"),
        format!("uvx git+https://github.com/docs/server@{COMMIT}"),
        format!("npx -y github:docs/server#{COMMIT}"),
        format!("npx -y docs/server#{COMMIT}"),
        format!("npx -y git+https://github.com/docs/server#{COMMIT}"),
        format!("pipx run --spec git+https://github.com/docs/server@{COMMIT} docs-server"),
    ] {
        assert_bound(&Repository::default(), &line, &[&git], &[]);
    }
    let folder = format!("git+https://github.com/docs/server@{COMMIT}#subdirectory=py/docs");
    assert_bound(&Repository::default(), &format!("uvx --from {folder} docs"), &[&folder], &[]);
}

#[test]
fn files_of_the_repository_bind() {
    let repository = Repository::with(&[
        "server.js",
        "dist/index.js",
        "hook.js",
        "s.py",
        "d/s.py",
        "run.sh",
        "pkg/__init__.py",
        "pkg/__main__.py",
        "pkg/sub.py",
        "mod.py",
        "app/__main__.py",
        "config.json",
        "d/f.js",
    ]);
    for (line, files) in [
        ("node server.js", &["server.js"][..]),
        ("/usr/bin/node server", &["server.js"]),
        (
            "node --enable-source-maps --max-old-space-size=4096 dist/index --port 1",
            &["dist/index.js"],
        ),
        ("node server.js config.json", &["config.json", "server.js"]),
        ("node -r ./hook server.js", &["hook.js", "server.js"]),
        ("node --import=./hook.js server.js", &["hook.js", "server.js"]),
        ("./run.sh config.json", &["config.json", "run.sh"]),
        ("/bin/sh run.sh", &["run.sh"]),
        ("bash -e run.sh --config=config.json", &["config.json", "run.sh"]),
        ("python3 -u s.py", &["s.py"]),
        ("python3.12 app", &["app/__main__.py"]),
        ("python -m pkg", &["pkg/__init__.py", "pkg/__main__.py"]),
        ("python -um pkg.sub", &["pkg/__init__.py", "pkg/sub.py"]),
        ("python -m mod --flag", &["mod.py"]),
        ("uv --directory d run s.py", &["d/s.py"]),
        ("uv run --directory d s.py", &["d/s.py"]),
        ("uv run --frozen python -m pkg", &["pkg/__init__.py", "pkg/__main__.py"]),
        ("uv run -m mod", &["mod.py"]),
        ("cmd /c node server.js", &["server.js"]),
    ] {
        assert_bound(&repository, line, &[], files);
    }
    for (script, files) in [
        ("node server.js", &["server.js"][..]),
        ("exec node 'server.js'", &["server.js"]),
        ("cd d && node f.js", &["d/f.js"]),
        ("cd d && exec python ../s.py", &["s.py"]),
        ("PORT=1 node server.js", &["server.js"]),
    ] {
        let launch = repository.words(&["bash", "-lc", script]);
        assert_eq!(launch.loose, [], "{script}");
        assert_eq!(launch.files.iter().collect::<Vec<_>>(), files, "{script}");
    }
}

#[test]
fn a_command_that_could_start_any_version_is_not_bound() {
    for line in [
        "npx -y docs",
        "npx docs@latest",
        "npx docs@^1.2.3",
        "npx docs@1",
        "npx docs@1.2.x",
        "npx @scope/docs",
        "npx --registry=https://elsewhere.example docs@1.2.3",
        "npx -y --unknown docs@1.2.3",
        "npx https://elsewhere.example/docs@1.2.3",
        "npx -p docs@1.2.3 sh",
        "npx docs@npm:other@1.2.3",
        "npx docs@github:other/docs#1.2.3",
        "npx github:other/docs#main",
        "npx ./docs@1.2.3",
        "npx other/docs@1.2.3",
        "npx @a/b/c@1.2.3",
        "npx @a@1.2.3",
        "npm exec docs@1.2.3 --registry=https://elsewhere.example",
        "npm run docs@1.2.3",
        "npx tsx@4.0.0 server",
        "uvx docs[a;b]==1.2",
        "uvx ./docs==1.2",
        "uvx docs",
        "uvx docs>=1.2",
        "uvx docs==1.*",
        "uvx --index https://elsewhere.example docs==1.2",
        "uvx --from docs==1.2 sh",
        "uvx --with other docs==1.2",
        "uvx docs@latest",
        "uvx --from git+https://elsewhere.example/docs docs",
        "uvx --from git+https://elsewhere.example/docs@main docs",
        "uvx --from git+https://elsewhere.example/docs@0123456 docs",
        "docker run -i docs",
        "docker run -i docs:1.2.3",
        "docker run -i docs@sha256:00",
        "docker exec docs server",
    ] {
        let launch = Repository::default().line(line);
        assert!(!launch.is_bound() && !launch.loose.is_empty(), "{line}: {launch:?}");
    }
}

#[test]
fn the_word_that_is_not_fixed_is_named() {
    let repository = Repository::with(&["server.js", "config.json", "run.sh"]);
    for (line, word) in [
        ("npx -y docs", "docs"),
        ("npx --registry=https://elsewhere.example docs@1.2.3", "--registry"),
        ("node --inspect-brk=1 server.js", "--inspect-brk"),
        ("node gone config.json", "gone"),
        ("node -r dotenv/config server.js", "dotenv/config"),
        ("node -e require('./server.js')", "-e"),
        ("python -c print()", "-c"),
        ("python -m installed", "installed"),
        ("python -X pycache_prefix=x run.sh", "-X"),
        ("uv run docs-server", "docs-server"),
        ("uv run https://elsewhere.example/s.py", "https://elsewhere.example/s.py"),
        ("uvx --with-editable . docs==1.2", "--with-editable"),
        ("docs-server --stdio", "docs-server"),
        ("/opt/docs-server", "/opt/docs-server"),
        ("docker run -v ./:/app docs", "./:/app"),
        ("cmd /k node server.js", "/k"),
        ("bash -i run.sh", "-i"),
        ("deno run server.ts", "deno"),
    ] {
        let launch = repository.line(line);
        assert!(loose(&launch).contains(&word), "{line}: {:?}", launch.loose);
        assert!(!launch.is_bound(), "{line}");
    }
}

#[test]
fn a_program_of_the_machine_binds_nothing() {
    for line in
        ["node", "npx", "uvx", "uv", "uv run", "python", "sh", "env", "cmd /c", "docker run"]
    {
        let launch = Repository::default().line(line);
        assert!(!launch.is_bound() && !launch.loose.is_empty(), "{line}");
        assert!(launch.artifacts.is_empty(), "{line}");
    }
}

#[test]
fn an_artifact_is_read_only_if_it_never_changes() {
    for good in [
        "npm:docs@1.2.3",
        "pypi:docs==1.2",
        &format!("oci:docs@{SHA256}"),
        &format!("oci:localhost:5000/a/docs:tag@{SHA256}"),
        &format!("git+https://host.example/a/docs.git@{COMMIT}"),
        &format!("git+ssh://git@host.example/docs@{COMMIT}"),
    ] {
        assert_eq!(good.parse::<Artifact>().unwrap().as_str(), good);
    }
    for bad in [
        "docs",
        "npm:docs",
        "cargo:docs@1.2.3",
        "oci:docs:latest",
        "oci:../docs@sha256:00",
        &format!("oci:a b@{SHA256}"),
        &format!("git+https://user:secret@host.example/docs@{COMMIT}"),
        &format!("git+https://token@host.example/docs@{COMMIT}"),
        &format!("git+file:///docs@{COMMIT}"),
        &format!("git+https://host.example/../docs@{COMMIT}"),
        &format!("git+https://host.example/docs?x@{COMMIT}"),
        &format!("git+https://host.example/docs@{COMMIT}#egg=x"),
        "git+https://host.example/docs@main",
    ] {
        assert!(bad.parse::<Artifact>().is_err(), "{bad}");
    }
}
