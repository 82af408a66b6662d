//! Processes that the tests start. All of them end when they are dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The longest time for any step. A peer that hangs is a failure.
const PATIENCE: Duration = Duration::from_secs(170);

pub fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// Returns the Python of the environment that `cargo xtask test` makes.
pub fn python() -> String {
    let programs = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = peers().join(".venv").join(programs).join("python");
    assert!(python.is_file(), "there is no {}; run `cargo xtask test`", python.display());
    text(&python)
}

pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Runs a client to its end, and returns the JSON that it prints.
pub async fn transcript(client: &[String], target: &[String]) -> Value {
    let (program, arguments) = client.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .args(target)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output =
        output.unwrap_or_else(|_| panic!("{client:?} did not end in {PATIENCE:?}")).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client:?} with {target:?} failed:\n{errors}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{client:?} printed no JSON ({error}):\n{errors}"))
}

/// A running server on HTTP. Its first line names its URL, and it ends when its standard input closes.
pub struct Serving {
    pub url: String,
    _child: Child,
}

impl Serving {
    pub async fn start(command: &[String]) -> Self {
        let (program, arguments) = command.split_first().unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{command:?} does not print a line")).unwrap();
        let line: Value = serde_json::from_str(&line.unwrap_or_default())
            .unwrap_or_else(|error| panic!("{command:?} does not print its URL: {error}"));
        // Keep reading: if the pipe were closed, the server's next line would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url: line["url"].as_str().unwrap().to_owned(), _child: child }
    }
}
