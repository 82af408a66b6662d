//! The program in a folder of its own, and the servers that it is tried on.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_etdi-command");

/// A folder with a trust configuration that trusts nobody, and no approvals.
pub struct Folder {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// How a run ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

impl Folder {
    pub fn new() -> Self {
        let folder = Self::empty();
        assert_eq!(folder.run(&["init", "--empty"]).code, 0);
        folder
    }

    fn empty() -> Self {
        // The servers need the PATH to find `node`.
        let path = path_from_env();
        let variables = [
            ("ETDI_CONFIG", "trust.toml"),
            ("ETDI_DATA", "data"),
            ("HOME", "/nowhere"),
            ("PATH", &path),
            ("USER", "alice"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { folder: tempfile::tempdir().unwrap(), variables: variables.to_vec() }
    }

    /// Another one with the same in it.
    pub fn copied(&self) -> Self {
        let copy = Self::empty();
        let all = self.path().join(".");
        let copied = Command::new("cp").arg("-a").args([&*all, copy.path()]).status().unwrap();
        assert!(copied.success());
        copy
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// With a link to what stands elsewhere, so that a command line names no place of this machine.
    pub fn linking(self, name: &str, target: &Path) -> Self {
        std::os::unix::fs::symlink(target, self.path().join(name)).unwrap();
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What the program finds in its environment.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// Without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .env_clear()
            .envs(self.variables())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        Ran { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

#[expect(clippy::disallowed_methods, reason = "where `node` is")]
fn path_from_env() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// A server, as the command line names it.
pub enum Server {
    Stdio(Vec<String>),
    Http(Serving),
}

impl Server {
    pub fn stdio(command: &[String]) -> Self {
        Self::Stdio(command.to_vec())
    }

    pub fn http(command: &[String]) -> Self {
        Self::Http(Serving::start(command))
    }

    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::Stdio(command) => {
                std::iter::once("--").chain(command.iter().map(String::as_str)).collect()
            }
            Self::Http(serving) => vec![&serving.url],
        }
    }
}

/// A server on HTTP, which says at which URL on its first line. It ends when its input does.
pub struct Serving {
    url: String,
    child: Child,
    _input: Option<ChildStdin>,
}

impl Serving {
    pub fn url(&self) -> &str {
        &self.url
    }

    fn start(command: &[String]) -> Self {
        let (program, arguments) = command.split_first().unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let input = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        // Nobody reads on: what it notes there must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let line: Value = serde_json::from_str(&line).unwrap();
        Self { url: line["url"].as_str().unwrap().to_owned(), child, _input: input }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The Python of the environment that `cargo xtask test` makes.
pub fn python() -> String {
    let python = peers().join(".venv/bin/python");
    assert!(python.is_file(), "there is no {}; run `cargo xtask test`", python.display());
    text(&python)
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
