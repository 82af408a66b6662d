//! Packages, images and commits that never change once they are published.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// A package in one version, an image with its digest, or a commit of a repository:
/// `npm:@scope/name@1.2.3`, `pypi:name==1.2.3`, `oci:name@sha256:…`, `git+https://host/path@COMMIT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact(String);

/// The text does not name an artifact that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a package is written `npm:name@1.2.3` or `pypi:name==1.2.3`, with one whole version; an image \
     `oci:name@sha256:…`; a repository `git+https://host/path@…`, with a whole commit"
)]
pub struct ArtifactError;

impl Artifact {
    /// Returns the artifact as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the artifact that npm gets for a package specification.
    pub(super) fn of_npm(spec: &str) -> Result<Self, ArtifactError> {
        let Some((from, commit)) = spec.split_once('#') else {
            return format!("npm:{spec}").parse();
        };
        // npm reads `owner/name` as a repository of GitHub.
        let short = from.strip_prefix("github:").unwrap_or(from);
        let is_short = short.split('/').count() == 2 && short.split('/').all(is_word);
        match is_short {
            true => format!("git+https://github.com/{short}@{commit}").parse(),
            false => format!("{from}@{commit}").parse(),
        }
    }

    /// Returns the artifact that uv and pipx get for a package specification.
    pub(super) fn of_pypi(spec: &str) -> Result<Self, ArtifactError> {
        if let Some((name, address)) = spec.split_once(" @ ") {
            let (name, _) = without_extras(name.trim_end()).ok_or(ArtifactError)?;
            return if is_word(name) { address.trim_start().parse() } else { Err(ArtifactError) };
        }
        if spec.starts_with("git+") {
            return spec.parse();
        }
        // uv also accepts `name@1.2.3`.
        match spec.split_once('@') {
            Some((name, version)) => format!("pypi:{name}=={version}").parse(),
            None => format!("pypi:{spec}").parse(),
        }
    }

    /// Returns the name of a package from a registry, without its scope and its extras.
    pub(super) fn program(&self) -> Option<&str> {
        let (registry, spec) = self.0.split_once(':')?;
        match registry {
            "npm" => {
                let (name, _) = spec.rsplit_once('@')?;
                name.rsplit('/').next()
            }
            "pypi" => without_extras(spec.split_once("==")?.0).map(|(name, _)| name),
            _ => None,
        }
    }

    /// Returns the name of a package of npm, with its scope.
    pub(super) fn npm_name(&self) -> Option<&str> {
        self.0.strip_prefix("npm:")?.rsplit_once('@').map(|(name, _)| name)
    }
}

impl Display for Artifact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Artifact {
    type Err = ArtifactError;

    fn from_str(text: &str) -> Result<Self, ArtifactError> {
        let is_one = match text.split_once(':') {
            Some(("npm", spec)) => is_npm(spec),
            Some(("pypi", spec)) => is_pypi(spec),
            Some(("oci", spec)) => is_image(spec),
            Some(("git+https" | "git+ssh", rest)) => is_commit_of(rest),
            _ => false,
        };
        if is_one { Ok(Self(text.to_owned())) } else { Err(ArtifactError) }
    }
}

fn is_npm(spec: &str) -> bool {
    let Some((name, version)) = spec.rsplit_once('@') else { return false };
    let words: Vec<&str> = match name.strip_prefix('@') {
        Some(scoped) => scoped.splitn(2, '/').collect(),
        None => vec![name],
    };
    words.len() == 1 + usize::from(name.starts_with('@'))
        && words.into_iter().all(is_word)
        // npm takes any other text for a range or a tag.
        && semver::Version::parse(version).is_ok()
}

fn is_pypi(spec: &str) -> bool {
    let Some((name, version)) = spec.split_once("==") else { return false };
    let Some((name, extras)) = without_extras(name) else { return false };
    is_word(name)
        && extras.is_none_or(|extras| extras.split(',').all(is_word))
        && is_pypi_version(version)
}

/// Returns whether `spec` is `[host[:port]/]path[:tag]@sha256:` and 64 hex digits.
fn is_image(spec: &str) -> bool {
    let Some((name, digest)) = spec.split_once("@sha256:") else { return false };
    let segments: Vec<&str> = name.split('/').collect();
    let Some((last, before)) = segments.split_last() else { return false };
    let (last, tag) = match last.split_once(':') {
        Some((last, tag)) => (last, Some(tag)),
        None => (*last, None),
    };
    let is_host = |segment: &str| match segment.split_once(':') {
        Some((host, port)) => is_word(host) && port.parse::<u16>().is_ok(),
        None => is_word(segment),
    };
    let is_path = match before.split_first() {
        Some((host, path)) => is_host(host) && path.iter().all(|segment| is_word(segment)),
        None => true,
    };
    is_hex(digest, 64) && is_path && is_word(last) && tag.is_none_or(is_word)
}

/// Returns whether `rest` is `//host/path@commit`, without a password, and perhaps with the folder of
/// the package in the repository.
fn is_commit_of(rest: &str) -> bool {
    let (rest, folder) = match rest.split_once('#') {
        Some((rest, folder)) => (rest, folder.strip_prefix("subdirectory=")),
        None => (rest, Some("_")),
    };
    let Some((address, commit)) = rest.rsplit_once('@') else { return false };
    let Some(address) = address.strip_prefix("//") else { return false };
    // `git` is the user of every repository over SSH. Any other user could be a secret.
    let address = address.strip_prefix("git@").unwrap_or(address);
    let mut segments = address.split('/');
    let host = segments.next().unwrap_or_default();
    let path: Vec<&str> = segments.collect();
    let is_host = host.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok())
        && is_word(host.split(':').next().unwrap_or_default());
    is_host
        && !path.is_empty()
        && path.into_iter().all(is_word)
        && folder.is_some_and(|folder| folder.split('/').all(is_word_or_hidden))
        && (is_hex(commit, 40) || is_hex(commit, 64))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn without_extras(name: &str) -> Option<(&str, Option<&str>)> {
    match name.split_once('[') {
        Some((name, extras)) => extras.strip_suffix(']').map(|extras| (name, Some(extras))),
        None => Some((name, None)),
    }
}

/// Returns whether both registries allow the name; a path or an address is not a name.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && is_word_or_hidden(name)
}

fn is_word_or_hidden(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}

/// Returns whether `version` is a public version of PEP 440, without the wildcard of a range.
fn is_pypi_version(version: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!+_-".contains(&byte);
    version.starts_with(|c: char| c.is_ascii_digit()) && version.bytes().all(plain)
}

impl Serialize for Artifact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Artifact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
