//! The folder of signing keys. Each name has an index file with the public keys, and one PEM file for
//! each key.

use std::fs;
use std::path::{Path, PathBuf};

use etdi::{Jwk, SigningKey};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::context::Context;
use crate::exit::CliError;
use crate::files::change::FileChange;
use crate::files::paths;
use crate::files::pem_file;
use crate::files::{self, Access};
use crate::terminal::line::Line;

/// The name of a key if the command line does not give one.
pub(crate) const DEFAULT_NAME: &str = "publisher";

/// The keys of one publisher, the oldest first. The last key signs. The others stay published, so that
/// definitions that they signed stay valid.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySeries {
    pub(crate) name: String,
    pub(crate) keys: Vec<KeyEntry>,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyEntry {
    /// The file of the private key, in the folder.
    pub(crate) file: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    pub(crate) encrypted: bool,
    pub(crate) jwk: Jwk,
}

impl KeyEntry {
    pub(crate) fn kid(&self) -> &str {
        self.jwk.kid().unwrap_or_default()
    }
}

impl KeySeries {
    /// Returns the key that signs.
    pub(crate) fn current(&self) -> Option<&KeyEntry> {
        self.keys.last()
    }
}

/// The folder of keys.
#[derive(Debug)]
pub(crate) struct Keyring {
    folder: PathBuf,
}

impl Keyring {
    /// Opens `folder`, or else `keys` in the folder for data.
    pub(crate) fn open(folder: Option<PathBuf>, context: &Context) -> Result<Self, CliError> {
        match folder {
            Some(folder) => Ok(Self { folder }),
            None => Ok(Self { folder: paths::data_folder(context.environment)?.join("keys") }),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, entry: &KeyEntry) -> PathBuf {
        self.folder.join(&entry.file)
    }

    /// Returns every name, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, CliError> {
        let listing = match fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(CliError::file("read", &self.folder, &error)),
        };
        let mut names: Vec<_> = listing
            .flatten()
            .filter_map(|file| file.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
            .filter(|name| check_name(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn load(&self, name: &str) -> Result<KeySeries, CliError> {
        check_name(name)?;
        let path = self.index(name);
        match path.exists() {
            true => self.parse(name, &files::read(&path)?),
            false => Err(self.unknown(name)),
        }
    }

    /// Adds a key to `name`. The new key signs from then on. Fails if the name exists and `fresh` is true,
    /// or if it does not exist and `fresh` is false.
    pub(crate) fn add(
        &self,
        name: &str,
        passphrase: Option<&str>,
        fresh: bool,
        now: OffsetDateTime,
    ) -> Result<KeySeries, CliError> {
        check_name(name)?;
        let key =
            SigningKey::generate().map_err(|error| CliError::new(error).cannot("make the key"))?;
        let pem = pem_file::write(&key, passphrase)?;
        files::private_folder(&self.folder)?;
        let change = FileChange::begin(&self.index(name))?;
        let mut series = match (change.read()?, fresh) {
            (None, true) => KeySeries { name: name.to_owned(), keys: Vec::new() },
            (Some(text), false) => self.parse(name, &text)?,
            (None, false) => return Err(self.unknown(name)),
            (Some(_), true) => {
                let what = format!("cannot make the key \"{name}\": it exists already");
                return Err(CliError::new(what)
                    .at(self.index(name).display())
                    .next(format!("etdi keys rotate {name}")));
            }
        };
        let free = (1..=u32::MAX).map(|number| format!("{name}-{number}.pem"));
        let mut free = free.filter(|file| !self.folder.join(file).exists());
        let file = free.next().unwrap_or_default();
        series.keys.push(KeyEntry {
            file: file.clone(),
            created: now.replace_nanosecond(0).unwrap_or(now),
            encrypted: passphrase.is_some(),
            jwk: key.public_jwk().clone(),
        });
        // Write the index last: without its entry in the index, the new key is not used.
        let file = self.folder.join(file);
        change.create(&file, pem.as_bytes(), Access::Owner)?;
        if let Err(error) = save(&change, &series) {
            // The first error is the one to report.
            let _ = change.remove(&file);
            return Err(error);
        }
        Ok(series)
    }

    /// Removes a key from the published keys, and deletes its private key.
    pub(crate) fn remove(&self, name: &str, kid: &str) -> Result<KeySeries, CliError> {
        // Without the name, the folder may not exist either.
        self.load(name)?;
        let change = FileChange::begin(&self.index(name))?;
        let text = change.read()?.ok_or_else(|| self.unknown(name))?;
        let mut series = self.parse(name, &text)?;
        if series.current().is_some_and(|current| current.kid() == kid) {
            return Err(CliError::new("cannot remove the key: it is the current signing key")
                .next(format!("etdi keys rotate {name}")));
        }
        let Some(place) = series.keys.iter().position(|entry| entry.kid() == kid) else {
            return Err(CliError::new(format!(
                "cannot remove the key: \"{name}\" has no key with this id"
            ))
            .at(kid)
            .next("etdi keys list"));
        };
        let gone = series.keys.remove(place);
        save(&change, &series)?;
        change.remove(&self.path(&gone))?;
        Ok(series)
    }

    fn parse(&self, name: &str, text: &str) -> Result<KeySeries, CliError> {
        let malformed = |error: &dyn std::fmt::Display| {
            CliError::new(format!("cannot read the index of the keys: {error}"))
                .at(self.index(name).display())
                .next("restore the file from a backup")
        };
        let series: KeySeries = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        if series.keys.iter().any(|entry| !is_file_of(name, &entry.file)) {
            return Err(malformed(&"it names a file that does not belong to this key"));
        }
        Ok(series)
    }

    fn unknown(&self, name: &str) -> CliError {
        CliError::new(format!("cannot find a key with the name \"{name}\""))
            .at(self.folder.display())
            .next(format!("etdi keys generate {name}"))
    }

    fn index(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn save(change: &FileChange, series: &KeySeries) -> Result<(), CliError> {
    let mut text = serde_json::to_string_pretty(series)
        .map_err(|error| CliError::new(error).cannot("write the index of the keys"))?;
    text.push('\n');
    change.write(text.as_bytes(), Access::Owner)
}

/// Reads the private key that `--key` names: a PEM file, or a name in the folder of keys.
pub(crate) fn signing_key(
    key: &str,
    folder: Option<PathBuf>,
    context: &Context,
) -> Result<SigningKey, CliError> {
    let path = if Path::new(key).is_file() {
        PathBuf::from(key)
    } else if check_name(key).is_ok() {
        let keyring = Keyring::open(folder, context)?;
        let series = keyring.load(key)?;
        let current = series.current().ok_or_else(|| {
            CliError::new(format!("cannot sign: \"{key}\" has no keys"))
                .next(format!("etdi keys rotate {key}"))
        })?;
        keyring.path(current)
    } else {
        let what = "cannot find the signing key: this is neither a file nor a name of a key";
        return Err(CliError::new(what).at(key).next("etdi keys generate"));
    };
    let text = zeroize::Zeroizing::new(files::read(&path)?);
    if files::is_open_to_others(&path) {
        context.out.remark(
            Line::new()
                .warn("warning: ")
                .text("other users can read or change this private key; run chmod 600 ")
                .theirs(&path.display().to_string()),
        );
    }
    let question = format!("Passphrase of {}", path.display());
    pem_file::read(&text, || pem_file::passphrase(context, &question, false))
        .map_err(|error| error.at(path.display()))
}

fn check_name(name: &str) -> Result<(), CliError> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=64).contains(&name.len()) && name.chars().all(inner) {
        return Ok(());
    }
    Err(CliError::new(
        "cannot use this name for a key: it must have 1 to 64 letters, digits, hyphens or underscores",
    )
    .at(name)
    .next("choose another name"))
}

fn is_file_of(name: &str, file: &str) -> bool {
    let number = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    number.and_then(|rest| rest.strip_suffix(".pem")).is_some_and(|n| n.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> (tempfile::TempDir, Keyring) {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring { folder: folder.path().join("keys") };
        (folder, keyring)
    }

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn a_rotated_key_stays_published_until_it_is_removed() {
        let (_folder, keyring) = keyring();
        let first = keyring.add("a", None, true, NOW).unwrap().keys.remove(0);
        let second = keyring.add("a", None, false, NOW).unwrap();
        assert_eq!(second.keys.len(), 2);
        assert_ne!(second.current().unwrap().kid(), first.kid());
        let third = keyring.remove("a", first.kid()).unwrap();
        assert_eq!(third.keys.len(), 1);
        assert!(!keyring.path(&first).exists());
    }

    #[test]
    fn the_signing_key_cannot_be_removed_and_a_name_cannot_be_made_twice() {
        let (_folder, keyring) = keyring();
        let only = keyring.add("a", None, true, NOW).unwrap().keys.remove(0);
        assert!(keyring.remove("a", only.kid()).is_err());
        assert!(keyring.add("a", None, true, NOW).is_err());
        assert!(keyring.path(&only).exists());
    }

    #[test]
    fn a_name_of_a_key_cannot_be_a_path() {
        let (_folder, keyring) = keyring();
        for name in ["", "../a", "a/b", "a.b", "a b", "\u{1b}"] {
            assert!(keyring.add(name, None, true, NOW).is_err(), "{name}");
        }
        keyring.add("a", None, true, NOW).unwrap();
        let index = keyring.index("a");
        let elsewhere = files::read(&index).unwrap().replace("a-1.pem", "../../a-1.pem");
        fs::write(&index, elsewhere).unwrap();
        assert!(keyring.load("a").unwrap_err().what().contains("does not belong"));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_keys() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, keyring) = keyring();
        let entry = keyring.add("a", None, true, NOW).unwrap().keys.remove(0);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(keyring.folder()), 0o700);
        assert_eq!(mode(&keyring.path(&entry)), 0o600);
        assert_eq!(mode(&keyring.index("a")), 0o600);
    }
}
