//! The packages, images, commits and files that a stdio server runs. The command of the server names
//! them, or its variables or its folder. Each one is fixed, or it can change.
//!
//! The words of a command are read as its program, such as `npx`, reads them. An unknown word counts as
//! a word whose target can change: it could name another program.

mod artifact;
mod container;
mod node;
mod npm;
mod python;
mod reader;
mod shell;
mod tree;
mod uv;
mod variables;
mod words;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use etdi_types::identity::StdioCommand;
use etdi_types::text::escaped;

pub use self::artifact::{Artifact, ArtifactError};
use self::reader::Reader;
pub use self::tree::{NoFiles, Place, Tree};
use self::words::{Word, words};

/// Everything that a command starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Launch {
    /// The packages, images and commits that never change.
    pub artifacts: BTreeSet<Artifact>,
    /// The files of the repository: programs, hooks, settings, and files among the arguments. The
    /// paths have the form of the lockfile.
    pub files: BTreeSet<String>,
    /// The words that name a target which can change.
    pub loose: Vec<Loose>,
}

/// A word of a command, or a variable, with a target that can change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loose {
    /// The word as it is configured, or the name of the variable. User names, passwords and queries of
    /// an address are left out.
    pub word: String,
    /// The reason why the target is not fixed.
    pub why: &'static str,
    /// Whether the reason is on this machine alone, and not in the command or the repository.
    pub of_machine: bool,
}

impl Launch {
    /// Returns everything that a command starts. `configured` is the command as it is configured, and
    /// `started` has the values of its variables. Only files are taken from such values, because a
    /// lockfile holds no values of variables.
    #[must_use]
    pub fn of(configured: &StdioCommand, started: &StdioCommand, tree: &dyn Tree) -> Self {
        let mut reader = Reader::new(tree);
        for (name, value) in &started.env {
            reader.variable(name, value);
        }
        let command = Word::new(&started.command, &configured.command);
        let mut all = vec![command];
        all.extend(words(&started.args, &configured.args));
        reader.command(&all);
        reader.finished()
    }

    /// Returns the words with a target that can change, on any machine.
    #[must_use]
    pub fn unbound(&self) -> BTreeSet<String> {
        let words = self.loose.iter().filter(|loose| !loose.of_machine);
        words.map(|loose| loose.word.clone()).collect()
    }

    /// Returns whether everything that the command names is fixed, by the lockfile or by a registry.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.loose.is_empty() && !(self.artifacts.is_empty() && self.files.is_empty())
    }
}

/// Writes one line, with hidden characters as escapes.
impl Display for Loose {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", escaped(&self.word), self.why)
    }
}
