//! `uv`, `uvx` and `pipx`: packages of PyPI in one version, scripts and modules.

use super::artifact::Artifact;
use super::python;
use super::reader::{NO_PROGRAM, Reader};
use super::tree::Place;
use super::words::{Flag, Word, Words};

/// Flags of all subcommands with the next word as their value.
const VALUED: &[&str] = &[
    "-p",
    "--cache-dir",
    "--color",
    "--config-file",
    "--directory",
    "--env-file",
    "--extra",
    "--from",
    "--group",
    "--no-extra",
    "--no-group",
    "--only-group",
    "--package",
    "--project",
    "--python",
    "--python-preference",
    "--spec",
    "--with",
    "--with-editable",
    "--with-requirements",
];

/// Flags that change neither the package nor its source.
const HARMLESS: &[&str] = &[
    "-n",
    "-p",
    "-q",
    "-v",
    "--active",
    "--all-extras",
    "--all-groups",
    "--cache-dir",
    "--color",
    "--dev",
    "--exact",
    "--extra",
    "--frozen",
    "--group",
    "--isolated",
    "--locked",
    "--managed-python",
    "--native-tls",
    "--no-cache",
    "--no-config",
    "--no-dev",
    "--no-editable",
    "--no-env-file",
    "--no-extra",
    "--no-group",
    "--no-progress",
    "--no-project",
    "--no-python-downloads",
    "--no-sync",
    "--offline",
    "--only-group",
    "--package",
    "--project",
    "--python",
    "--python-preference",
    "--quiet",
    "--refresh",
    "--verbose",
];

pub(super) fn uv(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    while let Some(flag) = words.flag(VALUED) {
        if !read_flag(reader, &flag) {
            return reader.not_understood(&flag.word, &words);
        }
    }
    match words.next() {
        Some(word) if word.value == "run" => run(reader, words),
        Some(word) if word.value == "tool" => match words.next() {
            Some(word) if word.value == "run" => uvx(reader, words.rest()),
            Some(word) => reader.loose(word, "it is not a subcommand that is understood"),
            None => reader.loose(word, NO_PROGRAM),
        },
        Some(word) => reader.loose(word, "it is not a subcommand that is understood"),
        None => reader.loose(&Word::new("uv", "uv"), NO_PROGRAM),
    }
}

/// Reads `uv run`: a script, a module, or a program of the project.
fn run(reader: &mut Reader<'_>, mut words: Words<'_>) {
    let (mut is_module, mut is_script) = (false, false);
    while let Some(flag) = words.flag(VALUED) {
        match flag.name.as_str() {
            "--" => break,
            "-m" | "--module" => is_module = true,
            "-s" | "--script" => is_script = true,
            _ if read_flag(reader, &flag) => {}
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    let Some(target) = words.next() else {
        return reader.loose(&Word::new("uv run", "uv run"), NO_PROGRAM);
    };
    let is_python = [".py", ".pyw"].iter().any(|ending| target.value.ends_with(ending));
    let is_address = target.value.contains("://");
    match reader.find(&target.value) {
        _ if is_module => python::module(reader, target),
        _ if is_address => reader.loose(target, "it is a script at an address"),
        Place::File(_) | Place::Folder => python::script(reader, target),
        _ if is_python || is_script => python::script(reader, target),
        _ => {
            let all: Vec<_> = std::iter::once(target).chain(words.rest()).cloned().collect();
            return reader.command(&all);
        }
    }
    reader.data(words.rest());
}

pub(super) fn uvx(reader: &mut Reader<'_>, args: &[Word]) {
    let (mut words, mut from) = (Words::of(args), None);
    while let Some(flag) = words.flag(VALUED) {
        match (flag.name.as_str(), &flag.value) {
            ("--", _) => break,
            ("--from", Some(spec)) => from = Some(spec.clone()),
            _ if read_flag(reader, &flag) => {}
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    let Some(first) = words.next() else {
        return reader.loose(&Word::new("uvx", "uvx"), NO_PROGRAM);
    };
    if let Some(spec) = from {
        reader.artifact(&spec, Artifact::of_pypi(&spec.value));
        return reader.program_beside_packages(first, words.rest());
    }
    match reader.artifact(first, Artifact::of_pypi(&first.value)) {
        Some(artifact) => match artifact.program() {
            Some(name) => reader.program_beside_packages(&first.part(name), words.rest()),
            // The package of a commit names its program itself.
            None => reader.data(words.rest()),
        },
        None => reader.data(words.rest()),
    }
}

pub(super) fn pipx(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    match words.next() {
        Some(word) if word.value == "run" => {}
        Some(word) => return reader.loose(word, "it is not a subcommand that is understood"),
        None => return reader.loose(&Word::new("pipx", "pipx"), NO_PROGRAM),
    }
    let mut spec = None;
    while let Some(flag) = words.flag(VALUED) {
        match (flag.name.as_str(), &flag.value) {
            ("--", _) => break,
            ("--spec", Some(given)) => spec = Some(given.clone()),
            ("-q" | "--quiet" | "-v" | "--verbose" | "--no-cache" | "--python", _) => {}
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    let Some(app) = words.next() else {
        return reader.loose(&Word::new("pipx run", "pipx run"), NO_PROGRAM);
    };
    for file in [app.value.as_str(), "__pypackages__"] {
        if !matches!(reader.find(file), Place::Missing) && !reader.in_image {
            reader.loose(app, "the folder has a file of this name, which runs in its place");
        }
    }
    let package = spec.as_ref().unwrap_or(app);
    if let Some(artifact) = reader.artifact(package, Artifact::of_pypi(&package.value)) {
        let name = if spec.is_some() { &app.value } else { artifact.program().unwrap_or_default() };
        return reader.package_program(name, app, words.rest());
    }
    reader.data(words.rest());
}

/// Reads a flag of any subcommand. Returns whether it is understood.
fn read_flag(reader: &mut Reader<'_>, flag: &Flag) -> bool {
    match (flag.name.as_str(), &flag.value) {
        ("--directory", Some(folder)) => reader.enter(&folder.value),
        ("--config-file" | "--env-file" | "--with-requirements", Some(file)) => {
            reader.runs_file(file)
        }
        ("--with", Some(specs)) => {
            // The settings of the project can name another index.
            reader.settings(&["uv.toml", "pyproject.toml"]);
            for spec in specs.value.split(',') {
                reader.artifact(&specs.part(spec), Artifact::of_pypi(spec));
            }
        }
        (name, _) => return HARMLESS.contains(&name),
    }
    true
}
