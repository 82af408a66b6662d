//! A repository at `/repo`, for commands that are started in it.

use std::collections::BTreeMap;

use etdi_lockfile::{Launch, Place, Tree};
use etdi_types::StdioCommand;

#[derive(Clone, Default)]
pub(crate) struct Repository {
    /// The folder in which commands are started.
    folder: String,
    files: BTreeMap<String, String>,
    /// Files outside the repository.
    machine: Vec<String>,
    programs: Vec<String>,
}

impl Repository {
    pub(crate) fn with(files: &[&str]) -> Self {
        let files = files.iter().map(|name| ((*name).to_owned(), String::new()));
        let machine = ["/bin/sh", "/usr/bin/node"].map(str::to_owned).to_vec();
        Self { files: files.collect(), machine, ..Self::default() }
    }

    pub(crate) fn and(mut self, file: &str, text: &str) -> Self {
        self.files.insert(file.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn program(mut self, name: &str) -> Self {
        self.programs.push(name.to_owned());
        self
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// Returns everything that a command starts.
    pub(crate) fn launch(&self, command: &StdioCommand) -> Launch {
        let folder = command.cwd.clone().unwrap_or_default();
        Launch::of(command, command, &Self { folder, ..self.clone() })
    }

    pub(crate) fn words(&self, words: &[&str]) -> Launch {
        self.launch(&StdioCommand::new(words[0]).args(words[1..].iter().copied()))
    }

    /// Returns everything that a line of words without spaces starts.
    pub(crate) fn line(&self, line: &str) -> Launch {
        self.words(&line.split(' ').collect::<Vec<_>>())
    }

    fn absolute(&self, path: &str) -> String {
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/repo/{}/{path}", self.folder),
        };
        let mut parts = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }
}

impl Tree for Repository {
    fn find(&self, path: &str) -> Place {
        let path = self.absolute(path);
        if self.machine.contains(&path) {
            return Place::Elsewhere;
        }
        let Some(name) = path.strip_prefix("/repo/") else { return Place::Missing };
        if self.files.contains_key(name) {
            return Place::File(name.to_owned());
        }
        match self.entries(&path).is_empty() {
            true => Place::Missing,
            false => Place::Folder,
        }
    }

    fn entries(&self, folder: &str) -> Vec<String> {
        let folder = format!("{}/", self.absolute(folder));
        let all = self.files.keys().map(|name| format!("/repo/{name}"));
        let first = |name: String| Some(name.strip_prefix(&folder)?.split('/').next()?.to_owned());
        let mut entries: Vec<_> = all.filter_map(first).collect();
        entries.dedup();
        entries
    }

    fn folders_above(&self, folder: &str) -> Vec<String> {
        let folder = self.absolute(folder);
        let folder = std::path::Path::new(&folder);
        folder.ancestors().map(|folder| folder.to_str().unwrap().to_owned()).collect()
    }

    fn text(&self, path: &str) -> Option<String> {
        self.files.get(self.absolute(path).strip_prefix("/repo/")?).cloned()
    }

    fn is_program(&self, name: &str) -> bool {
        self.programs.iter().any(|program| program == name)
    }
}
