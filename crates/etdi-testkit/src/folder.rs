//! Runs the `etdi` command in a temporary folder.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::publisher::{PRIVATE_PEM, SPEC, TOOL, key};

/// The command line that starts the server on stdio. [`Folder::serving`] writes the script.
pub const COMMAND: [&str; 3] = ["--", "/bin/sh", "server.sh"];

/// The script of this server. The script needs only the shell, because the program starts it in a
/// clean environment.
pub const SCRIPT: &str = include_str!("server.sh");

/// A working folder, and the environment of the programs that run in it.
pub struct Folder {
    program: PathBuf,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// The result of a run.
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
    /// Makes an empty folder for `program`.
    pub fn empty(program: impl Into<PathBuf>) -> Self {
        let variables = [
            ("ETDI_CONFIG", "trust.toml"),
            ("ETDI_DATA", "data"),
            ("ETDI_STATE", "state"),
            ("HOME", "/nowhere"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        Self { program: program.into(), folder, variables: variables.to_vec() }
    }

    /// Makes a folder with the key of a publisher, a tool, and the specification for signing the
    /// tool.
    pub fn publishing(program: impl Into<PathBuf>) -> Self {
        let this = Self::empty(program);
        this.put("publisher.pem", PRIVATE_PEM);
        this.put("tool.json", TOOL);
        this.put("spec.toml", SPEC);
        this
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Copies the folder with all its files.
    pub fn copied(&self) -> Self {
        let (program, variables) = (self.program.clone(), self.variables.clone());
        let copy = Self { program, folder: tempfile::tempdir().unwrap(), variables };
        let all = self.path().join(".");
        let copied = Command::new("cp").arg("-a").args([&*all, copy.path()]).status().unwrap();
        assert!(copied.success());
        copy
    }

    /// Adds a link to a file in another folder. A command line then shows the name of the link, and
    /// not a path that differs between machines.
    pub fn linking(self, name: &str, target: &Path) -> Self {
        symlink(target, self.file(name)).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn put(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.file(name), private).unwrap();
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Writes a trust configuration that trusts the key of [`PRIVATE_PEM`].
    pub fn trusting(self) -> Self {
        let jwk = serde_json::to_string(key().public_jwk()).unwrap();
        self.put("publisher.jwk", &jwk);
        assert_eq!(self.run(&["init", "--empty"]).code, 0);
        let id = "https://trustedsoft.example";
        let confirmed = key().public_jwk().thumbprint();
        let flags = ["--key", "publisher.jwk", "--thumbprint", &confirmed];
        assert_eq!(self.run(&[&["trust", "add", id], &flags[..]].concat()).code, 0);
        self
    }

    /// Signs the tool into `signed.json`.
    pub fn signed(self) -> Self {
        let ran = self.run(&[
            "sign",
            "tool.json",
            "--key",
            "publisher.pem",
            "--spec",
            "spec.toml",
            "-o",
            "signed.json",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        self
    }

    /// Returns the tools of `signed.json`, as a server lists them.
    pub fn signed_tools(&self) -> Value {
        serde_json::from_str::<Value>(&self.text("signed.json")).unwrap()["tools"].clone()
    }

    /// Writes the script of a server that lists `tools`. [`COMMAND`] starts the server on stdio.
    pub fn serving(self, tools: &Value) -> Self {
        self.put("server.sh", SCRIPT);
        self.lists(tools);
        self
    }

    /// Makes the server list these tools from now on.
    pub fn lists(&self, tools: &Value) {
        self.put("tools.json", &format!("{tools}\n"));
    }

    /// Makes the server give these instructions from now on.
    pub fn instructs(&self, text: &str) {
        self.put("instructions.json", &format!("{}\n", json!(text)));
    }

    /// Makes the server on stdio list these tools after the first list of a session.
    pub fn lists_later(&self, tools: &Value) {
        self.put("later.json", &format!("{tools}\n"));
    }

    /// Runs the program without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs the program without a trust configuration.
    pub fn run_trusting_nobody(&self, arguments: &[&str]) -> Ran {
        self.ran(arguments, "", &[("ETDI_CONFIG", "none.toml")])
    }

    /// Runs the program without a terminal, with `input` on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        self.ran(arguments, input, &[])
    }

    /// Returns the command that starts the program in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().envs(self.variables.iter().cloned());
        command.current_dir(self.path());
        command
    }

    /// Returns the command that starts the program in this folder in a pseudo-terminal.
    pub(crate) fn terminal_command(&self, arguments: &[&str]) -> pty_process::blocking::Command {
        pty_process::blocking::Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().cloned())
            .current_dir(self.path())
    }

    fn ran(&self, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Ran {
        let mut child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Ignore the error: a program that does not read its input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }
}
