//! The configuration files of hosts, in one table. `docs/cli/discover.md` shows the table.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::environment::Environment;

/// The help of `--from`.
pub(crate) const FROM_HELP: &str = "The servers in a host's configuration, such as .mcp.json, \
    .vscode/mcp.json or .codex/config.toml. Their commands are started";

/// The most files that are looked at for one name with a `*`.
const MOST: usize = 1_000;

/// A host, and the files that it reads. In a name, `*` stands for any text, and `|` separates files of
/// which the host reads the first that exists.
struct Host {
    name: &'static str,
    /// Files in the folder of a project.
    project: &'static [&'static str],
    /// Files of the user.
    user: &'static [UserFile],
}

struct UserFile {
    /// The variable that names the folder, and the file in that folder.
    variable: Option<(&'static str, &'static str)>,
    base: Base,
    path: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// The folder of the user.
    Home,
    /// `$XDG_CONFIG_HOME` or `~/.config`, on each system.
    Config,
    /// The folder of applications: `~/Library/Application Support`, `%APPDATA%`, or else `Config`.
    Applications,
    /// `%APPDATA%`, only on Windows.
    Roaming,
    /// `%LOCALAPPDATA%`, only on Windows.
    Local,
}

const fn of(base: Base, path: &'static str) -> UserFile {
    UserFile { variable: None, base, path }
}

const fn moved(
    variable: &'static str,
    file: &'static str,
    base: Base,
    path: &'static str,
) -> UserFile {
    UserFile { variable: Some((variable, file)), base, path }
}

const HOSTS: &[Host] = &[
    Host {
        name: "Claude Code",
        project: &[".mcp.json"],
        user: &[moved("CLAUDE_CONFIG_DIR", ".claude.json", Base::Home, ".claude.json")],
    },
    Host {
        name: "Claude Desktop",
        project: &[],
        user: &[
            of(Base::Applications, "Claude/claude_desktop_config.json"),
            of(
                Base::Local,
                "Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
            ),
        ],
    },
    Host {
        name: "Cursor",
        project: &[".cursor/mcp.json"],
        user: &[of(Base::Home, ".cursor/mcp.json")],
    },
    Host {
        name: "VS Code",
        project: &[
            ".vscode/mcp.json",
            ".vscode/settings.json",
            "*.code-workspace",
            ".devcontainer/devcontainer.json",
            ".devcontainer/*/devcontainer.json",
            ".devcontainer.json",
        ],
        user: &[
            of(Base::Applications, "Code*/User/mcp.json"),
            of(Base::Applications, "Code*/User/settings.json"),
            of(Base::Applications, "Code*/User/profiles/*/mcp.json"),
        ],
    },
    Host {
        name: "Copilot CLI",
        project: &[".github/mcp.json"],
        user: &[moved("COPILOT_HOME", "mcp-config.json", Base::Home, ".copilot/mcp-config.json")],
    },
    Host {
        name: "Codex",
        project: &[".codex/config.toml"],
        user: &[moved("CODEX_HOME", "config.toml", Base::Home, ".codex/config.toml")],
    },
    Host {
        name: "Gemini CLI",
        project: &[".gemini/settings.json"],
        user: &[of(Base::Home, ".gemini/settings.json")],
    },
    Host {
        name: "Antigravity",
        project: &[],
        user: &[
            of(Base::Home, ".gemini/antigravity/mcp_config.json"),
            of(Base::Home, ".gemini/config/mcp_config.json"),
        ],
    },
    Host {
        name: "Zed",
        project: &[".zed/settings.json"],
        user: &[of(Base::Config, "zed/settings.json"), of(Base::Roaming, "Zed/settings.json")],
    },
    Host {
        name: "Windsurf",
        project: &[],
        user: &[of(Base::Home, ".codeium/windsurf/mcp_config.json")],
    },
    Host {
        name: "Cline",
        project: &[],
        user: &[
            moved(
                "CLINE_DIR",
                "data/settings/cline_mcp_settings.json",
                Base::Home,
                ".cline/data/settings/cline_mcp_settings.json",
            ),
            of(
                Base::Applications,
                "Code*/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
        ],
    },
    Host {
        name: "Roo",
        project: &[".roo/mcp.json"],
        user: &[of(
            Base::Applications,
            "Code*/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        )],
    },
    Host {
        name: "Kilo",
        project: &[
            "kilo.jsonc|kilo.json",
            ".kilo/kilo.jsonc|.kilo/kilo.json",
            ".kilocode/mcp.json",
        ],
        user: &[of(Base::Config, "kilo/kilo.jsonc|kilo/kilo.json")],
    },
    Host {
        name: "Kiro",
        project: &[".kiro/settings/mcp.json"],
        user: &[of(Base::Home, ".kiro/settings/mcp.json")],
    },
    Host {
        name: "opencode",
        project: &[
            "opencode.jsonc|opencode.json",
            ".opencode/opencode.jsonc|.opencode/opencode.json",
        ],
        user: &[of(Base::Config, "opencode/opencode.jsonc|opencode/opencode.json")],
    },
    Host {
        name: "Crush",
        project: &[".crush.json|crush.json"],
        user: &[of(Base::Config, "crush/crush.json")],
    },
    Host {
        name: "goose",
        project: &[],
        user: &[
            of(Base::Config, "goose/config.yaml"),
            of(Base::Roaming, "Block/goose/config/config.yaml"),
        ],
    },
    Host {
        name: "Continue",
        project: &[".continue/mcpServers/*.yaml", ".continue/mcpServers/*.json"],
        user: &[of(Base::Home, ".continue/config.yaml")],
    },
    Host { name: "LM Studio", project: &[], user: &[of(Base::Home, ".lmstudio/mcp.json")] },
];

/// Files of a project that hosts do not look for in the current folder: the manifest of a plugin.
const PLUGIN: &str = ".claude-plugin/plugin.json";

/// A configuration file of a host.
pub(crate) struct HostFile {
    pub(crate) host: String,
    pub(crate) path: PathBuf,
}

/// Returns the configuration files that exist: first those of the project in the current folder, then
/// those of this user.
pub(crate) fn found(environment: Environment) -> Vec<HostFile> {
    let get = |name: &str| environment.path(name);
    let project = HOSTS.iter().flat_map(|host| {
        let files = host.project.iter().flat_map(|names| existing(Path::new(""), names));
        files.map(move |path| HostFile { host: format!("{}, this project", host.name), path })
    });
    let user = HOSTS.iter().flat_map(|host| {
        let places = host.user.iter().filter_map(|file| file.place(&get));
        let files = places.flat_map(|(folder, names)| existing(&folder, names));
        files.map(move |path| HostFile { host: host.name.to_owned(), path })
    });
    // In the folder of the user, files of the project and of the user are the same.
    let mut seen = BTreeSet::new();
    let mut is_new = |file: &HostFile| seen.insert(std::path::absolute(&file.path).ok());
    project.chain(user).filter(|file| is_new(file)).collect()
}

/// Returns the folder of the project that a configuration belongs to: hosts start servers there. A file
/// of the user belongs to each project, so it is the current folder. `path` is absolute.
pub(super) fn project_of(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    let get = |name: &str| environment(name).map(PathBuf::from);
    let mut places = HOSTS.iter().flat_map(|host| host.user).filter_map(|file| file.place(&get));
    let is_of_user = places.any(|(folder, names)| {
        let folder = std::path::absolute(folder).unwrap_or_default();
        path.strip_prefix(folder)
            .is_ok_and(|rest| names.split('|').any(|name| is_named(rest, name)))
    });
    if is_of_user {
        return std::path::absolute(".").ok();
    }
    let names = HOSTS.iter().flat_map(|host| host.project).flat_map(|names| names.split('|'));
    let depth = |name: &str| {
        let depth = name.split('/').count();
        let all: Vec<_> = path.components().collect();
        let rest: PathBuf = all.get(all.len().checked_sub(depth)?..)?.iter().collect();
        is_named(&rest, name).then_some(depth)
    };
    // The longest name wins: `.mcp.json` could be in `.devcontainer`.
    let depth = names.chain([PLUGIN]).filter_map(depth).max().unwrap_or(1);
    path.ancestors().nth(depth).map(Path::to_owned)
}

impl UserFile {
    /// Returns the folder on this system, and the names of the file in it.
    fn place(
        &self,
        environment: &dyn Fn(&str) -> Option<PathBuf>,
    ) -> Option<(PathBuf, &'static str)> {
        if let Some((variable, file)) = self.variable
            && let Some(folder) = environment(variable)
        {
            return Some((folder, file));
        }
        self.base.folder(environment).map(|folder| (folder, self.path))
    }
}

impl Base {
    fn folder(self, environment: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let home = || environment(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        let config = || environment("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config")));
        let on_windows = |name: &str| environment(name).filter(|_| cfg!(windows));
        match self {
            Self::Home => home(),
            Self::Config => config(),
            Self::Applications if cfg!(windows) => environment("APPDATA"),
            Self::Applications if cfg!(target_os = "macos") => {
                Some(home()?.join("Library").join("Application Support"))
            }
            Self::Applications => config(),
            Self::Roaming => on_windows("APPDATA"),
            Self::Local => on_windows("LOCALAPPDATA"),
        }
    }
}

/// Returns the files below `folder` that have one of these names.
fn existing(folder: &Path, names: &str) -> Vec<PathBuf> {
    let mut found = names.split('|').map(|name| {
        let mut paths = vec![folder.to_owned()];
        for part in name.split('/') {
            paths = paths.iter().flat_map(|path| entries(path, part)).collect();
        }
        paths.retain(|path| path.is_file());
        paths
    });
    found.find(|paths| !paths.is_empty()).unwrap_or_default()
}

/// Returns the paths in `folder` with this name, sorted.
fn entries(folder: &Path, name: &str) -> Vec<PathBuf> {
    if !name.contains('*') {
        return vec![folder.join(name)];
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(all) = here.read_dir() else { return Vec::new() };
    let names = all.take(MOST).flatten().map(|entry| entry.file_name());
    let mut found: Vec<_> = names.filter(|one| is_like(one, name)).collect();
    found.sort();
    found.into_iter().map(|one| folder.join(one)).collect()
}

/// Returns whether a relative path has this name, part by part.
fn is_named(path: &Path, name: &str) -> bool {
    let mut parts = name.split('/');
    let is_same = |component| matches!((component, parts.next()), (Component::Normal(one), Some(part)) if is_like(one, part));
    path.components().all(is_same) && parts.next().is_none()
}

/// Returns whether a text has this form. `*` stands for any text, and occurs at most once.
fn is_like(text: &OsStr, form: &str) -> bool {
    let Some(text) = text.to_str() else { return false };
    match form.split_once('*') {
        None => text == form,
        Some((start, end)) => text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests;
