//! One step: a command that is printed, timed, and can be repeated by hand.

#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool times its steps and passes its environment on"
)]

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;
use std::{env, iter};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A command that runs in the workspace's root, or in a folder below it.
pub(crate) struct Step {
    name: String,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    folder: Option<PathBuf>,
}

impl Step {
    pub(crate) fn new(name: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        Self {
            name: name.into(),
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
        }
    }

    pub(crate) fn cargo(name: impl Into<String>) -> Self {
        Self::new(name, "cargo")
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Lets the step look for programs in `folder` first.
    pub(crate) fn with_programs_in(self, folder: &Path) -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(iter::once(folder.to_owned()).chain(env::split_paths(&path)))?;
        Ok(self.env("PATH", path))
    }

    /// Lets the step run in a folder below the root.
    pub(crate) fn within(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs the step and shows its output as it comes.
    pub(crate) fn run(self) -> Result<()> {
        let started = self.announce();
        let status = self.command().status().with_context(|| self.cannot_start())?;
        self.finish(started, status.success())
    }

    /// Runs the step while other steps run. Shows its output when it has ended, so that the outputs do
    /// not mix.
    pub(crate) fn run_beside(self) -> Result<()> {
        let started = Instant::now();
        let Output { status, stdout, stderr } = self.output(Stdio::piped())?;
        let text = [stderr, stdout].concat();
        println!("\n==> {}: {self}\n{}", self.name, String::from_utf8_lossy(&text).trim_end());
        self.finish(started, status.success())
    }

    /// Runs the step and returns its standard output.
    pub(crate) fn read(self) -> Result<String> {
        let started = self.announce();
        let output = self.output(Stdio::inherit())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            print!("{text}");
        }
        self.finish(started, output.status.success())?;
        Ok(text)
    }

    /// Runs the step. Returns whether it succeeded, and its standard output.
    pub(crate) fn read_all(self) -> Result<(bool, String)> {
        let started = self.announce();
        let output = self.output(Stdio::inherit())?;
        let seconds = started.elapsed().as_secs_f32();
        println!("--- {}: ended after {seconds:.1} s", self.name);
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// Runs the step silently, and returns its output.
    pub(crate) fn probe(&self) -> Result<Output> {
        self.output(Stdio::piped())
    }

    fn output(&self, errors: Stdio) -> Result<Output> {
        self.command()
            .stdout(Stdio::piped())
            .stderr(errors)
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.cannot_start())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(workspace::root());
        if let Some(folder) = &self.folder {
            command.current_dir(workspace::root().join(folder));
        }
        // `cargo run` describes this package in environment variables. If the step got them, cargo
        // would see a change and run build scripts again.
        for (name, _) in env::vars_os() {
            let described = name.to_string_lossy();
            if described.starts_with("CARGO_PKG_") || described.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn announce(&self) -> Instant {
        println!("\n==> {}: {self}", self.name);
        Instant::now()
    }

    fn finish(&self, started: Instant, success: bool) -> Result<()> {
        let seconds = started.elapsed().as_secs_f32();
        if !success {
            bail!("{} failed after {seconds:.1} s; repeat it with\n    {self}", self.name);
        }
        println!("--- {}: done in {seconds:.1} s", self.name);
        Ok(())
    }

    fn cannot_start(&self) -> String {
        format!("cannot start `{}` for the step {}", self.program.to_string_lossy(), self.name)
    }
}

/// Shows the step as a line for a shell, without its `PATH`.
impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(folder) = &self.folder {
            write!(f, "cd {} && ", folder.display())?;
        }
        for (name, value) in self.environment.iter().filter(|(name, _)| *name != "PATH") {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(argument: &OsStr) -> String {
    let text = argument.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shown_as_a_line_that_a_shell_understands() {
        let step = Step::cargo("doc")
            .args(["doc", "it's", ""])
            .env("RUSTDOCFLAGS", "-D warnings")
            .within("docs");
        assert_eq!(
            step.to_string(),
            r"cd docs && RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s' ''"
        );
    }

    #[test]
    fn a_step_that_fails_says_how_to_repeat_it() {
        let error = Step::new("look", "false").args(["--really"]).run().unwrap_err();
        let message = format!("{error:#}");
        assert!(message.starts_with("look failed after "), "{message}");
        assert!(message.ends_with("repeat it with\n    false --really"), "{message}");
    }
}
