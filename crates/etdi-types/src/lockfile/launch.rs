//! What a stdio server's command starts, as far as the command says it.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use crate::identity::StdioCommand;
use crate::string_serde::string_serde;

/// What a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    /// One version of a package, which its registry never changes.
    Package(Package),
    /// A package in whatever version is newest, or in any of a range.
    Floating(String),
    /// Something else: a program, and perhaps files among its arguments.
    Program,
}

/// One version of a package: `npm:@scope/name@1.2.3` or `pypi:name==1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package(String);

/// The text names no package in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a package is written `npm:name@1.2.3` or `pypi:name==1.2.3`, with one whole version")]
pub struct PackageError;

impl Launch {
    /// What `command` starts: `npx`, `bunx` and `pnpm dlx` with a package from npm, `uvx`, `uv tool
    /// run` and `pipx run` with one from PyPI.
    #[must_use]
    pub fn of(command: &StdioCommand) -> Self {
        let program = command.command.rsplit(['/', '\\']).next().unwrap_or_default();
        let program = program.strip_suffix(".cmd").or_else(|| program.strip_suffix(".exe"));
        let program = program.unwrap_or(&command.command);
        let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        match (program, args.as_slice()) {
            ("npx" | "bunx", rest) | ("pnpm", ["dlx", rest @ ..]) => {
                Self::package(rest, &["-p", "--package"], &["-y", "--yes", "-q", "--quiet"], "npm")
            }
            ("uvx", rest) | ("uv", ["tool", "run", rest @ ..]) => {
                Self::package(rest, &["--from"], &["-q", "--quiet"], "pypi")
            }
            ("pipx", ["run", rest @ ..]) => Self::package(rest, &["--spec"], &[], "pypi"),
            _ => Self::Program,
        }
    }

    /// The package that `named` gives, or that stands first. A flag that is not known here could do
    /// anything, so what follows it binds nothing.
    fn package(args: &[&str], named: &[&str], harmless: &[&str], registry: &str) -> Self {
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let (flag, value) = arg.split_once('=').map_or((*arg, None), |(f, v)| (f, Some(v)));
            if named.contains(&flag) {
                return match value.or_else(|| rest.next().copied()) {
                    Some(spec) => Self::spec(spec, registry),
                    None => Self::Floating((*arg).to_owned()),
                };
            }
            if !arg.starts_with('-') {
                return Self::spec(arg, registry);
            }
            if !harmless.contains(arg) {
                return Self::Floating(args.join(" "));
            }
        }
        Self::Program
    }

    fn spec(spec: &str, registry: &str) -> Self {
        // uv takes `name@1.2.3` as well.
        let spec = match (registry, spec.split_once('@')) {
            ("pypi", Some((name, version))) if !version.starts_with(' ') => {
                format!("{name}=={version}")
            }
            _ => spec.to_owned(),
        };
        match format!("{registry}:{spec}").parse() {
            Ok(package) => Self::Package(package),
            Err(PackageError) => Self::Floating(spec),
        }
    }
}

impl Package {
    /// The package as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Package {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Package {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, PackageError> {
        let (name, version, is_version): (_, _, fn(&str) -> bool) = match text.split_once(':') {
            Some(("npm", spec)) => {
                let (name, version) = spec.rsplit_once('@').ok_or(PackageError)?;
                (name.strip_prefix('@').unwrap_or(name), version, is_npm_version)
            }
            Some(("pypi", spec)) => {
                let (name, version) = spec.split_once("==").ok_or(PackageError)?;
                // Extras are of the same version.
                let bare = name.split_once('[').map_or(name, |(name, _)| name);
                (bare, version, is_pypi_version)
            }
            _ => return Err(PackageError),
        };
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./~".contains(&byte);
        if name.is_empty() || name.contains("..") || !name.bytes().all(in_name) {
            return Err(PackageError);
        }
        if is_version(version) { Ok(Self(text.to_owned())) } else { Err(PackageError) }
    }
}

/// A whole SemVer version: npm takes anything else for a range or a tag.
fn is_npm_version(version: &str) -> bool {
    semver::Version::parse(version).is_ok()
}

/// A public version of PEP 440, without the wildcard of a range.
fn is_pypi_version(version: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!+_-".contains(&byte);
    version.starts_with(|c: char| c.is_ascii_digit()) && version.bytes().all(plain)
}

string_serde!(Package);

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
            ("/usr/bin/npx --package=docs@1.2.3 docs-server", "npm:docs@1.2.3"),
            ("C:\\node\\npx.cmd -y -p docs@1.2.3 other@2", "npm:docs@1.2.3"),
            ("pnpm dlx docs@1.2.3", "npm:docs@1.2.3"),
            ("uvx docs==1.2", "pypi:docs==1.2"),
            ("uvx docs@1.2", "pypi:docs==1.2"),
            ("uvx --from docs[cli]==1.2 docs-server", "pypi:docs[cli]==1.2"),
            ("uv tool run docs==1.2.post1", "pypi:docs==1.2.post1"),
            ("pipx run --spec docs==1.2 docs", "pypi:docs==1.2"),
        ] {
            assert_eq!(launch(command), Launch::Package(package.parse().unwrap()), "{command}");
        }
    }

    #[test]
    fn what_could_be_any_version_binds_nothing() {
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
            "npx -p",
            "uvx docs",
            "uvx docs>=1.2",
            "uvx docs==1.*",
            "uvx --index https://elsewhere.example docs==1.2",
            "uvx docs@latest",
            "uvx --from git+https://elsewhere.example/docs docs",
        ] {
            assert!(matches!(launch(command), Launch::Floating(_)), "{command}");
        }
    }

    #[test]
    fn another_program_is_no_package() {
        for command in
            ["node server.js", "npx", "uv run docs==1.2", "pnpm docs", "./npx-like a@1.0.0"]
        {
            assert_eq!(launch(command), Launch::Program, "{command}");
        }
    }
}
