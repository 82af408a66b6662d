//! `etdi.lock` on disk, and the files of the repository that commands start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use clap::Args;
use etdi::lockfile::{Launch, LockedServer, Lockfile};
use etdi::{Digest, StdioCommand};

use crate::environment::Environment;
use crate::exit::CliError;
use crate::files::change::{FileChange, changed_since_shown};
use crate::files::place::Place;
use crate::files::repository::Repository;
use crate::files::{self, Access};
use crate::terminal::shell::quoted;

/// The flag that names the lockfile.
#[derive(Clone, Debug, Args)]
pub(crate) struct LockOptions {
    /// The lockfile. Files of the repository are named relative to its folder.
    #[arg(long, value_name = "PATH", default_value = "etdi.lock")]
    pub(crate) lockfile: PathBuf,
}

impl LockOptions {
    /// Returns the flag that names the lockfile, quoted for a shell. `None` if it cannot be typed.
    pub(crate) fn words(&self) -> Option<String> {
        match self.lockfile == Path::new("etdi.lock") {
            true => Some(String::new()),
            false => Some(format!("--lockfile {} ", quoted(self.lockfile.to_str()?)?)),
        }
    }

    /// Returns the error for a server that is not in the lockfile, with the names of the locked servers.
    pub(crate) fn unknown(&self, name: &str, lockfile: &Lockfile) -> CliError {
        let names: Vec<_> = lockfile.servers().iter().map(|one| one.name.as_str()).collect();
        let what = "cannot find the server: the lockfile has no server with this name";
        let error = CliError::new(what).at(name);
        match names.as_slice() {
            [] => error.next("lock a server first: etdi lock"),
            _ => error.next(format!("name one of: {}", names.join(", "))),
        }
    }

    /// Reads the lockfile. Returns `None` if the file does not exist.
    pub(crate) fn read(&self) -> Result<Option<Lockfile>, CliError> {
        match self.lockfile.exists() {
            true => self.parse(files::read(&self.lockfile)).map(Some),
            false => Ok(None),
        }
    }

    /// Reads the lockfile in order to change it. It is empty if the file does not exist.
    pub(crate) fn read_to_change(&self) -> Result<Lockfile, CliError> {
        Place::of_file(&self.lockfile)?;
        Ok(self.read()?.unwrap_or_default())
    }

    /// Writes the servers in which `new` differs from `old`, which [`read_to_change`] returned. Servers
    /// that another process locked in the meantime stay. Returns whether the file changed.
    ///
    /// [`read_to_change`]: Self::read_to_change
    pub(crate) fn write(&self, old: &Lockfile, new: &Lockfile) -> Result<bool, CliError> {
        let change = FileChange::begin(&self.lockfile)?;
        let text_now = change.read()?;
        let now = text_now.clone().map(|text| self.parse(Ok(text))).transpose()?;
        let merged = self.merged(old, new, now.unwrap_or_default())?;
        let text = merged.to_string();
        // Do not write a file that could not be read again, for instance with a path that a lockfile may
        // not hold.
        let read = Lockfile::parse(&text).map_err(|error| {
            CliError::new(format!("cannot write the lockfile: it would not be valid: {error}"))
        })?;
        if read != merged {
            return Err(CliError::new(
                "cannot write the lockfile: internal error: its text does not read back as the same \
                 lockfile; please report this",
            ));
        }
        if text_now.as_ref() == Some(&text) {
            return Ok(false);
        }
        change.write(text.as_bytes(), Access::Everybody)?;
        Ok(true)
    }

    /// Makes the changes from `old` to `new` in the lockfile that is there `now`. Fails if a changed
    /// server is not as it was in `old`.
    fn merged(
        &self,
        old: &Lockfile,
        new: &Lockfile,
        mut now: Lockfile,
    ) -> Result<Lockfile, CliError> {
        let servers = || old.servers().iter().chain(new.servers());
        let names: BTreeSet<_> = servers().map(|server| server.name.as_str()).collect();
        for name in names.into_iter().filter(|name| old.server(name) != new.server(name)) {
            if now.server(name) != old.server(name) {
                return Err(changed_since_shown("write the lockfile", &self.lockfile));
            }
            match new.server(name) {
                Some(server) => now.put(server.clone()).map_err(|error| {
                    CliError::new(error).cannot("lock the server").at(&server.name)
                })?,
                None => drop(now.remove(name)),
            }
        }
        Ok(now)
    }

    fn parse(&self, text: Result<String, CliError>) -> Result<Lockfile, CliError> {
        let parse = |text: String| {
            Lockfile::parse(&text).map_err(|error| CliError::new(error).cannot("read the lockfile"))
        };
        text.and_then(parse).map_err(|error| {
            error
                .at(self.lockfile.display())
                .next("correct the file, or take the last good one from version control")
        })
    }

    /// Returns the folder of the lockfile.
    pub(crate) fn root(&self) -> &Path {
        match self.lockfile.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Returns `path` as a lockfile writes it: with `/`, and relative to the folder of the lockfile.
    /// `None` if the path is outside this folder.
    pub(crate) fn relative(&self, path: &Path) -> Option<String> {
        let (root, path) = (self.root().canonicalize().ok()?, path.canonicalize().ok()?);
        let segments: Option<Vec<_>> = path
            .strip_prefix(root)
            .ok()?
            .components()
            .map(|one| match one {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        segments.map(|segments| segments.join("/")).filter(|path| !path.is_empty())
    }

    /// Returns the command with the folder of the lockfile as its working directory, because hosts start
    /// it in the folder of the project.
    pub(crate) fn at_root(&self, mut command: StdioCommand) -> StdioCommand {
        let root = self.root();
        let folder = match &command.cwd {
            Some(cwd) => root.join(cwd),
            None => root.to_path_buf(),
        };
        if folder != Path::new(".") {
            command.cwd = folder.to_str().map(str::to_owned).or(command.cwd);
        }
        command
    }

    /// Returns everything that a command starts. `started` must come from [`at_root`](Self::at_root),
    /// and have the values of its variables.
    pub(crate) fn launch(
        &self,
        configured: &StdioCommand,
        started: &StdioCommand,
        environment: Environment,
    ) -> Launch {
        let folder = PathBuf::from(started.cwd.as_deref().unwrap_or("."));
        let programs = environment.get("PATH").unwrap_or_default();
        Launch::of(configured, started, &Repository { lock: self, folder, programs })
    }

    /// Returns the files that a command starts, with their digests.
    pub(crate) fn files(&self, launch: &Launch) -> Result<BTreeMap<String, Digest>, CliError> {
        let digest = |name: &String| Ok((name.clone(), digest(&self.root().join(name))?));
        launch.files.iter().map(digest).collect()
    }

    /// Returns the files of [`files`](Self::files) and every locked file, with their digests. The
    /// digest is `None` if a locked file does not exist.
    pub(crate) fn found(
        &self,
        locked: &LockedServer,
        launch: &Launch,
    ) -> Result<BTreeMap<String, Option<Digest>>, CliError> {
        let files = self.files(launch)?.into_iter();
        let mut found: BTreeMap<_, _> = files.map(|(path, digest)| (path, Some(digest))).collect();
        for name in locked.files.keys() {
            if !found.contains_key(name) {
                let path = self.root().join(name);
                let digest = if path.is_file() { Some(digest(&path)?) } else { None };
                found.insert(name.clone(), digest);
            }
        }
        Ok(found)
    }
}

fn digest(path: &Path) -> Result<Digest, CliError> {
    let bytes = std::fs::read(path).map_err(|error| CliError::file("read", path, &error))?;
    Ok(Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, LockOptions) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/server.js"), "1").unwrap();
        std::fs::write(folder.path().join("run.sh"), "2").unwrap();
        let options = LockOptions { lockfile: folder.path().join("etdi.lock") };
        (folder, options)
    }

    fn names(options: &LockOptions, command: StdioCommand) -> Vec<String> {
        let started = options.at_root(command.clone());
        let launch = options.launch(&command, &started, Environment);
        options.files(&launch).unwrap().into_keys().collect()
    }

    #[test]
    fn files_of_the_repository_are_found_in_a_command() {
        let (folder, options) = folder();
        let node = StdioCommand::new("node").args(["--enable", "src/server.js", "src", "none.js"]);
        assert_eq!(names(&options, node), ["src/server.js"]);
        assert_eq!(names(&options, StdioCommand::new("./run.sh")), ["run.sh"]);
        assert_eq!(names(&options, StdioCommand::new("run.sh")), [""; 0], "it is found in PATH");
        let inside = StdioCommand::new("node").arg("--import=server.js").cwd("src");
        assert_eq!(names(&options, inside), ["src/server.js"]);
        let absolute = folder.path().join("run.sh").to_str().unwrap().to_owned();
        assert_eq!(names(&options, StdioCommand::new("sh").arg(absolute)), ["run.sh"]);
        assert_eq!(names(&options, StdioCommand::new("/bin/sh")), [""; 0], "not of the repository");
    }

    #[test]
    fn a_lockfile_that_cannot_be_read_back_is_not_written() {
        let (_folder, options) = folder();
        let mut lockfile = Lockfile::default();
        let identity = "https://docs.example/mcp".parse().unwrap();
        let mut server = LockedServer::new("docs", identity);
        server.from = Some("../.mcp.json".to_owned());
        lockfile.put(server.clone()).unwrap();
        let empty = Lockfile::default();
        assert!(options.write(&empty, &lockfile).is_err() && !options.lockfile.exists());
        server.from = None;
        lockfile.put(server).unwrap();
        assert!(options.write(&empty, &lockfile).unwrap(), "it is new");
        assert!(!options.write(&lockfile, &lockfile).unwrap(), "it is the same");
        assert_eq!(options.read().unwrap(), Some(lockfile));
    }

    #[test]
    fn a_server_that_another_process_locked_stays() {
        let (_folder, options) = folder();
        let server = |name: &str, path: &str| {
            LockedServer::new(name, format!("https://docs.example/{path}").parse().unwrap())
        };
        let lockfile = |servers: &[LockedServer]| {
            let mut lockfile = Lockfile::default();
            servers.iter().for_each(|one| lockfile.put(one.clone()).unwrap());
            lockfile
        };
        let (a, b) = (server("a", "a"), server("b", "b"));
        let empty = Lockfile::default();
        options.write(&empty, &lockfile(std::slice::from_ref(&a))).unwrap();
        options.write(&empty, &lockfile(std::slice::from_ref(&b))).unwrap();
        let both = lockfile(&[a.clone(), b]);
        assert_eq!(options.read().unwrap(), Some(both.clone()));
        // The server is not as it was when it was read: it is not overwritten.
        let error = options.write(&empty, &lockfile(&[server("a", "other")])).unwrap_err();
        assert!(error.what().contains("changed since it was shown"), "{error:?}");
        // Another server has this identity by now.
        assert!(options.write(&empty, &lockfile(&[server("c", "a")])).is_err());
        assert_eq!(options.read().unwrap(), Some(both.clone()));
        // A removed server stays removed, and the others stay.
        options.write(&both, &lockfile(std::slice::from_ref(&a))).unwrap();
        assert_eq!(options.read().unwrap(), Some(lockfile(&[a])));
    }
}
