//! The `etdi` command in a folder of its own, and the servers on which it is tested.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use etdi_testkit::folder::Folder;
use serde_json::Value;

/// The `etdi` command.
const PROGRAM: &str = env!("CARGO_BIN_EXE_etdi-command");

/// Returns a folder with an empty trust configuration and without approvals.
pub fn new_folder() -> Folder {
    // The servers need the PATH to find `node`.
    let folder = Folder::empty(PROGRAM).set("PATH", &path_from_env()).set("USER", "alice");
    assert_eq!(folder.run(&["init", "--empty"]).code, 0);
    folder
}

#[expect(clippy::disallowed_methods, reason = "where `node` is")]
fn path_from_env() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// A server, as the command line specifies it.
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

/// A running server on HTTP. Its first line names its URL, and it ends when its standard input closes.
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
        // Keep reading: if the pipe were closed, the server's next line would stop it.
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

/// Returns the Python of the environment that `cargo xtask test` makes.
pub fn python() -> String {
    let python = peers().join(".venv/bin/python");
    assert!(python.is_file(), "there is no {}; run `cargo xtask test`", python.display());
    text(&python)
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
