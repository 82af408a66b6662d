//! Reads a command, and collects everything that it starts.

use super::artifact::{Artifact, ArtifactError};
use super::tree::{Place, Tree};
use super::words::{Word, Words};
use super::{Launch, Loose, container, node, npm, python, shell, uv, variables};

/// The most commands within commands: `cmd /c bash -c "npx …"` has three.
const DEEPEST: usize = 8;

/// Programs that run another file or command, in a way that is not read here.
const RUNNERS: &[&str] = &[
    "concurrently",
    "cross-env",
    "dotenv",
    "dotenvx",
    "esno",
    "fastmcp",
    "jiti",
    "make",
    "mcp",
    "mcp-proxy",
    "nodemon",
    "npm-run-all",
    "supergateway",
    "ts-node",
    "ts-node-dev",
    "tsx",
    "vite-node",
];

pub(super) const UNKNOWN_FLAG: &str = "this flag is not understood, so it could load other code";
pub(super) const NO_PROGRAM: &str = "the command names no program after it";

/// Reads the arguments of one program.
type Launcher = fn(&mut Reader<'_>, &[Word]);

pub(super) struct Reader<'t> {
    tree: &'t dyn Tree,
    /// The folder in which the command runs. Empty for the folder in which it is started.
    pub(super) folder: String,
    /// Whether the command runs in an image, which fixes all files.
    pub(super) in_image: bool,
    depth: usize,
    /// The variables that were read, by name.
    variables: Vec<(String, String)>,
    launch: Launch,
}

impl<'t> Reader<'t> {
    pub(super) fn new(tree: &'t dyn Tree) -> Self {
        Self {
            tree,
            folder: String::new(),
            in_image: false,
            depth: 0,
            variables: Vec::new(),
            launch: Launch::default(),
        }
    }

    pub(super) fn finished(self) -> Launch {
        self.launch
    }

    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
        variables::read(self, name, value);
    }

    /// Reads a program and its arguments.
    pub(super) fn command(&mut self, words: &[Word]) {
        let Some((program, args)) = words.split_first() else { return };
        self.depth += 1;
        if self.depth > DEEPEST {
            self.loose(program, "too many commands are within one another");
            return;
        }
        let known = launcher(&program.value);
        let is_path = program.value.contains(['/', '\\']);
        let place = if is_path { self.find(&program.value) } else { Place::Elsewhere };
        match (&place, known) {
            (Place::File(file), _) => {
                self.launch.files.insert(file.clone());
            }
            // The program of the machine, such as `node` or `/bin/sh`.
            (Place::Elsewhere, Some(_)) => {}
            (Place::Elsewhere, None) if self.in_image => {}
            (Place::Elsewhere, None) if is_path => {
                self.loose(program, "it is a program outside the folder of the lockfile");
            }
            (Place::Elsewhere, None) => self.loose(program, "it is a program that PATH finds"),
            _ => self.loose(program, not_a_file(&place)),
        }
        match known {
            Some(launcher) => launcher(self, args),
            None => self.data(args),
        }
    }

    /// Reads the program `name` of a package, and its arguments. `word` is shown if it is not fixed.
    pub(super) fn package_program(&mut self, name: &str, word: &Word, args: &[Word]) {
        let is_runner = RUNNERS.contains(&name);
        match launcher(name) {
            Some(launcher) => launcher(self, args),
            None if is_runner => {
                self.loose(word, "it runs another file or command, which is not understood");
                self.data(args);
            }
            None => self.data(args),
        }
    }

    /// Reads a program that comes from one of the packages before it, or from `PATH` where no package
    /// has it.
    pub(super) fn program_beside_packages(&mut self, program: &Word, args: &[Word]) {
        if program.value.contains(['/', '\\']) || launcher(&program.value).is_some() {
            let all: Vec<_> = std::iter::once(program).chain(args).cloned().collect();
            return self.command(&all);
        }
        if !self.in_image && self.tree.is_program(&program.value) {
            let why = "PATH has a program of this name, which runs if the package has none";
            self.push(Loose { word: program.shown.clone(), why, of_machine: true });
        }
        self.package_program(&program.value, program, args);
    }

    /// Records a package, an image or a commit.
    pub(super) fn artifact(
        &mut self,
        word: &Word,
        artifact: Result<Artifact, ArtifactError>,
    ) -> Option<Artifact> {
        match artifact {
            _ if !word.is_plain() => self.loose(word, "its variable can have any value"),
            Err(ArtifactError) => self.loose(word, "it is not one whole version, digest or commit"),
            Ok(artifact) => {
                self.launch.artifacts.insert(artifact.clone());
                return Some(artifact);
            }
        }
        None
    }

    /// Records a file that runs: the first of `candidates` that exists.
    pub(super) fn runs(&mut self, word: &Word, candidates: &[String]) {
        if self.in_image {
            return;
        }
        let places = candidates.iter().map(|one| self.find(one));
        match places.into_iter().find(|place| !matches!(place, Place::Missing | Place::Folder)) {
            Some(Place::File(file)) => {
                self.launch.files.insert(file);
            }
            Some(place) => self.loose(word, not_a_file(&place)),
            None => self.loose(word, "it is not a file beside the lockfile"),
        }
    }

    /// Records a file that has exactly this name.
    pub(super) fn runs_file(&mut self, word: &Word) {
        self.runs(word, std::slice::from_ref(&word.value));
    }

    /// Records the files among arguments that a program gets as data.
    pub(super) fn data(&mut self, args: &[Word]) {
        for arg in args {
            let value = match arg.value.split_once('=') {
                Some((_, value)) if arg.is_flag() => value,
                _ => arg.value.as_str(),
            };
            self.add_if_file(value);
        }
    }

    pub(super) fn add_if_file(&mut self, path: &str) {
        if let Place::File(file) = self.find(path) {
            self.launch.files.insert(file);
        }
    }

    /// Records settings that a program reads in its folder and in the folders above.
    pub(super) fn settings(&mut self, names: &[&str]) {
        if self.in_image {
            return;
        }
        for folder in self.tree.folders_above(&self.folder) {
            for name in names {
                match self.tree.find(&join(&folder, name)) {
                    Place::File(file) => {
                        self.launch.files.insert(file);
                    }
                    Place::LeadsOut => {
                        self.loose(&Word::new(name, name), not_a_file(&Place::LeadsOut))
                    }
                    _ => {}
                }
            }
        }
    }

    /// Reads the flags that are left, after one that is not understood, and the words behind it.
    pub(super) fn not_understood(&mut self, flag: &Word, rest: &Words<'_>) {
        self.loose(&flag.part(flag.value.split('=').next().unwrap_or_default()), UNKNOWN_FLAG);
        self.data(rest.rest());
    }

    pub(super) fn loose(&mut self, word: &Word, why: &'static str) {
        self.push(Loose { word: without_secrets(&word.shown), why, of_machine: false });
    }

    fn push(&mut self, loose: Loose) {
        if !self.launch.loose.contains(&loose) {
            self.launch.loose.push(loose);
        }
    }

    /// Returns the target of a path in the folder of the command.
    pub(super) fn find(&self, path: &str) -> Place {
        match self.in_image || path.is_empty() {
            true => Place::Elsewhere,
            false => self.tree.find(&join(&self.folder, path)),
        }
    }

    pub(super) fn tree(&self) -> &'t dyn Tree {
        self.tree
    }

    /// Enters a folder. The files that variables name are then looked up in this folder.
    pub(super) fn enter(&mut self, folder: &str) {
        self.folder = join(&self.folder, folder);
        for (name, value) in self.variables.clone() {
            variables::read(self, &name, &value);
        }
    }
}

/// Returns the reader of the program's arguments, if the program is known.
fn launcher(program: &str) -> Option<Launcher> {
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").or(name.strip_suffix(".cmd")).unwrap_or(name);
    Some(match name {
        "node" | "nodejs" => node::read,
        "npx" => npm::npx,
        "npm" => npm::npm,
        "bunx" => npm::bunx,
        "bun" => npm::bun,
        "pnpm" => npm::pnpm,
        "yarn" => npm::yarn,
        "uv" => uv::uv,
        "uvx" => uv::uvx,
        "pipx" => uv::pipx,
        "sh" | "bash" | "dash" | "zsh" | "ash" | "ksh" => shell::sh,
        "cmd" => shell::cmd,
        "env" => shell::env,
        "docker" | "podman" => container::read,
        "py" => python::read,
        _ => {
            let version = name.strip_prefix("python")?;
            let is_python = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            return is_python.then_some(python::read);
        }
    })
}

/// Returns a word without the user, the password and the query of an address.
fn without_secrets(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let rest = rest.split('?').next().unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((user, _)) => {
            let rest = rest.get(user.len()..).unwrap_or_default();
            format!("{scheme}://…{rest}")
        }
        None => format!("{scheme}://{rest}"),
    }
}

fn not_a_file(place: &Place) -> &'static str {
    match place {
        Place::Folder => "it is a folder",
        Place::LeadsOut => "it leads out of the folder of the lockfile",
        Place::Elsewhere => "it is outside the folder of the lockfile",
        Place::Missing | Place::File(_) => "it does not exist",
    }
}

/// Returns a path that starts at `folder`.
pub(super) fn join(folder: &str, path: &str) -> String {
    let is_absolute = path.starts_with(['/', '\\']) || path.get(1..2) == Some(":");
    match is_absolute || folder.is_empty() {
        true => path.to_owned(),
        false => format!("{folder}/{path}"),
    }
}
