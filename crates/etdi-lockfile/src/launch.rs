//! The program or package that a stdio server's command starts, as far as the command names it.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use etdi_types::identity::StdioCommand;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// The program or package that a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    /// One version of a package, which its registry never changes.
    Package(PackageVersion),
    /// A package in the newest version, or in any version of a range.
    Floating(String),
    /// Any other target: a program, and perhaps files among its arguments.
    Program,
}

/// One version of a package: `npm:@scope/name@1.2.3` or `pypi:name==1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageVersion(String);

/// The text does not name a package in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a package is written `npm:name@1.2.3` or `pypi:name==1.2.3`, with one whole version")]
pub struct PackageVersionError;

/// The prefixes of variables that choose the source of a package, the file of such a setting, or
/// code that is loaded with the package.
const STEERING: &[&str] =
    &["NPM_", "NODE_", "BUN_", "PNPM_", "UV_", "PIP_", "PIPX_", "PYTHON", "XDG_", "LD_", "DYLD_"];

/// The full names of other such variables.
const STEERING_ALONE: &[&str] =
    &["PATH", "HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PREFIX", "BASH_ENV", "ENV"];

impl Launch {
    /// Returns the target of `command`. Knows `npx`, `bunx` and `pnpm dlx` for packages from npm,
    /// and `uvx`, `uv tool run` and `pipx run` for packages from PyPI. The target is not a fixed
    /// version if a flag, a variable, the working folder, or a path in place of the program's plain
    /// name could change the package.
    #[must_use]
    pub fn of(command: &StdioCommand) -> Self {
        let program = command.command.as_str();
        let program = program.strip_suffix(".cmd").or(program.strip_suffix(".exe"));
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        let (registry, args) = match (program.unwrap_or(&command.command), args.as_slice()) {
            ("npx" | "bunx", args) | ("pnpm", ["dlx", args @ ..]) => ("npm", args),
            ("uvx", args) | ("uv", ["tool", "run", args @ ..]) | ("pipx", ["run", args @ ..]) => {
                ("pypi", args)
            }
            _ => return Self::Program,
        };
        // On some systems, the case of a variable's name does not matter.
        let steers = |name: &String| {
            let name = name.to_ascii_uppercase();
            STEERING_ALONE.contains(&name.as_str())
                || STEERING.iter().any(|prefix| name.starts_with(prefix))
        };
        // Another folder may have its own settings (`.npmrc`).
        let is_steered = command.cwd.is_some() || command.env.keys().any(steers);
        // An unknown flag could do anything: name another source, another package, or a command
        // outside the package.
        let harmless = |arg: &&&str| matches!(**arg, "-y" | "--yes" | "-q" | "--quiet");
        let flags = args.iter().take_while(harmless).count();
        match args.get(flags) {
            None => Self::Program,
            Some(spec) if spec.starts_with('-') || is_steered => Self::Floating((*spec).to_owned()),
            Some(spec) => Self::spec(spec, registry),
        }
    }

    fn spec(spec: &str, registry: &str) -> Self {
        // uv also accepts `name@1.2.3`.
        let spec = match (registry, spec.split_once('@')) {
            ("pypi", Some((name, version))) if !version.starts_with(' ') => {
                format!("{name}=={version}")
            }
            _ => spec.to_owned(),
        };
        match format!("{registry}:{spec}").parse() {
            Ok(package) => Self::Package(package),
            Err(PackageVersionError) => Self::Floating(spec),
        }
    }
}

impl PackageVersion {
    /// Returns the package as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for PackageVersion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PackageVersion {
    type Err = PackageVersionError;

    fn from_str(text: &str) -> Result<Self, PackageVersionError> {
        let is_one = match text.split_once(':') {
            Some(("npm", spec)) => spec.rsplit_once('@').is_some_and(|(name, version)| {
                let words: Vec<&str> = match name.strip_prefix('@') {
                    Some(scoped) => scoped.splitn(2, '/').collect(),
                    None => vec![name],
                };
                words.len() == 1 + usize::from(name.starts_with('@'))
                    && words.into_iter().all(is_word)
                    && is_npm_version(version)
            }),
            Some(("pypi", spec)) => spec.split_once("==").is_some_and(|(name, version)| {
                let (name, extras) = match name.strip_suffix(']').and_then(|n| n.split_once('[')) {
                    Some((name, extras)) => (name, Some(extras)),
                    None => (name, None),
                };
                let are_words = |extras: &str| extras.split(',').all(is_word);
                is_word(name) && extras.is_none_or(are_words) && is_pypi_version(version)
            }),
            _ => false,
        };
        if is_one { Ok(Self(text.to_owned())) } else { Err(PackageVersionError) }
    }
}

/// Returns whether both registries allow the name; a path or an address is not a name.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}

/// Returns whether `version` is a whole SemVer version: npm takes any other text for a range or a
/// tag.
fn is_npm_version(version: &str) -> bool {
    semver::Version::parse(version).is_ok()
}

/// Returns whether `version` is a public version of PEP 440, without the wildcard of a range.
fn is_pypi_version(version: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!+_-".contains(&byte);
    version.starts_with(|c: char| c.is_ascii_digit()) && version.bytes().all(plain)
}

impl Serialize for PackageVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PackageVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(command: &str) -> Launch {
        let mut words = command.split(' ');
        Launch::of(&StdioCommand::new(words.next().unwrap()).args(words))
    }

    #[test]
    fn one_version_of_a_package_binds() {
        for (command, package) in [
            ("npx -y docs@1.2.3", "npm:docs@1.2.3"),
            ("npx @scope/docs@1.2.3-rc.1 /data --port 1", "npm:@scope/docs@1.2.3-rc.1"),
            ("npx.cmd -y docs@1.2.3 -p other@2", "npm:docs@1.2.3"),
            ("pnpm dlx docs@1.2.3", "npm:docs@1.2.3"),
            ("uvx docs==1.2", "pypi:docs==1.2"),
            ("uvx docs@1.2", "pypi:docs==1.2"),
            ("uvx docs[cli]==1.2", "pypi:docs[cli]==1.2"),
            ("uv tool run docs==1.2.post1", "pypi:docs==1.2.post1"),
            ("pipx run docs==1.2", "pypi:docs==1.2"),
        ] {
            assert_eq!(launch(command), Launch::Package(package.parse().unwrap()), "{command}");
        }
    }

    #[test]
    fn a_command_that_could_start_any_version_binds_no_version() {
        for command in [
            "npx -y docs",
            "npx docs@latest",
            "npx docs@^1.2.3",
            "npx docs@1",
            "npx docs@1.2.x",
            "npx @scope/docs",
            "npx --registry=https://elsewhere.example docs@1.2.3",
            "npx -y --unknown docs@1.2.3",
            "npx https://elsewhere.example/docs@1.2.3",
            "npx -p docs@1.2.3 sh",
            "npx docs@npm:other@1.2.3",
            "npx docs@github:other/docs#1.2.3",
            "npx ./docs@1.2.3",
            "npx other/docs@1.2.3",
            "npx @a/b/c@1.2.3",
            "npx @a@1.2.3",
            "uvx docs[a;b]==1.2",
            "uvx ./docs==1.2",
            "uvx docs",
            "uvx docs>=1.2",
            "uvx docs==1.*",
            "uvx --index https://elsewhere.example docs==1.2",
            "uvx --from docs==1.2 sh",
            "uvx --with other docs==1.2",
            "uvx docs@latest",
            "uvx --from git+https://elsewhere.example/docs docs",
        ] {
            assert!(matches!(launch(command), Launch::Floating(_)), "{command}");
        }
    }

    #[test]
    fn another_program_is_not_a_package() {
        for command in
            ["node server.js", "npx", "uv run docs==1.2", "pnpm docs", "./npx-like a@1.0.0"]
        {
            assert_eq!(launch(command), Launch::Program, "{command}");
        }
    }
}
