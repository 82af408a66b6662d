use super::*;

/// The text around the table in the page.
const BEGIN: &str = "<!-- hosts -->\n\n";
const END: &str = "\n<!-- end of hosts -->";

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "HOME" | "USERPROFILE" => "/home/alice",
        "CODEX_HOME" => "/etc/codex",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn the_page_shows_the_files_of_hosts() {
    let mut table =
        "| host | files in the project | files of the user |\n| --- | --- | --- |\n".to_owned();
    for host in HOSTS {
        let all = |names: &str| {
            let names: Vec<_> = names.split('|').map(|name| format!("`{name}`")).collect();
            names.join(", or else ")
        };
        let project: Vec<_> = host.project.iter().map(|names| all(names)).collect();
        let user: Vec<_> = host.user.iter().map(|file| file.words()).collect();
        let (project, user) = (project.join("<br>"), user.join("<br>"));
        table.push_str(&format!("| {} | {project} | {user} |\n", host.name).replace("|  |", "| |"));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli/discover.md");
    let text = std::fs::read_to_string(page).unwrap();
    let shown = text.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0;
    assert_eq!(
        shown, table,
        "docs/cli/discover.md shows another table; put this one there:\n{table}"
    );
}

#[test]
fn the_corpus_has_three_shapes_of_each_host() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hosts");
    let folders = HOSTS.iter().map(|host| host.name.to_lowercase().replace(' ', "-"));
    let folders: Vec<_> = folders.collect();
    for host in &folders {
        let shapes = corpus.join(host).read_dir().unwrap().count();
        assert!(shapes >= 3, "{host} has {shapes} shapes");
    }
    let all = corpus.read_dir().unwrap().map(|one| one.unwrap().file_name());
    for folder in all {
        assert!(folders.iter().any(|host| folder == host.as_str()), "{folder:?} is of no host");
    }
}

impl UserFile {
    fn words(&self) -> String {
        let folder = match self.base {
            Base::Home => "~",
            Base::Config => "CONFIG",
            Base::Applications => "APPS",
            Base::Roaming => "%APPDATA%",
            Base::Local => "%LOCALAPPDATA%",
        };
        let names = self.path.split('|').map(|name| format!("`{folder}/{name}`"));
        let words = names.collect::<Vec<_>>().join(", or else ");
        match self.variable {
            Some((variable, file)) => format!("`${variable}/{file}`, or else {words}"),
            None => words,
        }
    }
}

#[test]
fn a_project_is_known_by_the_place_of_its_file() {
    let current = std::path::absolute(".").unwrap();
    for (file, project) in [
        ("/srv/app/.mcp.json", "/srv/app"),
        ("/srv/app/.kiro/settings/mcp.json", "/srv/app"),
        ("/srv/app/.devcontainer/rust/devcontainer.json", "/srv/app"),
        ("/srv/app/app.code-workspace", "/srv/app"),
        ("/srv/app/.claude-plugin/plugin.json", "/srv/app"),
        ("/srv/app/.opencode/opencode.json", "/srv/app"),
        ("/srv/app/other.json", "/srv/app"),
        ("/home/alice/app/.cursor/mcp.json", "/home/alice/app"),
        ("/home/alice/.codex/config.toml", "/home/alice"),
    ] {
        let found = project_of(Path::new(file), &environment);
        assert_eq!(found.as_deref(), Some(Path::new(project)), "{file}");
    }
    for file in
        ["/home/alice/.cursor/mcp.json", "/home/alice/.claude.json", "/etc/codex/config.toml"]
    {
        assert_eq!(project_of(Path::new(file), &environment).unwrap(), current, "{file}");
    }
}

#[test]
fn names_with_a_star_and_alternatives_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    };
    for name in ["b/x.json", "a/x.json", "a/y.json", "opencode.json", "one.code-workspace"] {
        put(name);
    }
    let found = |names: &str| {
        let paths = existing(folder.path(), names).into_iter();
        let names = paths.map(|path| path.strip_prefix(folder.path()).unwrap().to_owned());
        names.map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("*/x.json"), ["a/x.json", "b/x.json"]);
    assert_eq!(found("*.code-workspace"), ["one.code-workspace"]);
    assert_eq!(found("opencode.jsonc|opencode.json"), ["opencode.json"]);
    put("opencode.jsonc");
    assert_eq!(found("opencode.jsonc|opencode.json"), ["opencode.jsonc"]);
    assert!(found("a").is_empty() && found("none/*/x.json").is_empty());
}
