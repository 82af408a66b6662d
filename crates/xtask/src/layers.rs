//! The layers of the workspace: a crate depends on lower crates only, and a module imports lower
//! modules only.

mod graph;
mod source;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use etdi_testkit::book;
use serde_json::Value;

use crate::step::Step;
use crate::workspace;
use graph::{Graph, room};
use table::{CONNECTION_BLOCKS, CRATES, Crate, MODULES, Modules, WITHOUT_CIRCLES};

#[test]
fn no_crate_depends_on_a_higher_one() {
    let found = wrong_dependencies(CRATES, &metadata());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_crate_compiles_a_package_that_must_stay_out() {
    let mut found = Vec::new();
    for Crate { name, never } in CRATES.iter().filter(|item| !item.never.is_empty()) {
        let compiled = compiled_into(name);
        let wrong = never.iter().filter(|dependency| compiled.contains(**dependency));
        found.extend(wrong.map(|dependency| format!("{name} compiles {dependency}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_module_imports_a_higher_one() {
    let mut found = Vec::new();
    for modules in MODULES {
        found.extend(wrong_imports(modules, &graph_of(modules.of)));
        let files = flat_files(modules.of);
        if files > modules.files {
            let Modules { of, files: most, .. } = modules;
            found.push(format!(
                "crates/{of}/src holds {files} files beside its folders, over {most}"
            ));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let circles = WITHOUT_CIRCLES.iter().flat_map(|name| wrong_circles(name, &graph_of(name)));
    let found: Vec<String> = circles.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_architecture_page_shows_the_order() {
    let page = book::page("architecture.md");
    let shown: Vec<[String; 2]> =
        rows(&page, "## Crates").iter().map(|row| [code(row, 0), code(row, 2)]).collect();
    let ordered: Vec<[String; 2]> =
        CRATES.iter().rev().map(|item| [item.name.to_owned(), item.never.join(" ")]).collect();
    assert_eq!(shown, ordered, "docs/architecture.md, under \"## Crates\"");
    for Modules { of, order, .. } in MODULES {
        let heading = format!("### Modules of `{of}`");
        let shown: Vec<String> = rows(&page, &heading).iter().map(|row| code(row, 0)).collect();
        let ordered: Vec<&str> = order.iter().rev().copied().collect();
        assert_eq!(shown, ordered, "docs/architecture.md, under \"{heading}\"");
    }
}

#[test]
fn the_root_of_the_command_lists_its_modules_in_their_order() {
    let root = workspace::root().join("crates/etdi-cli/src/lib.rs");
    let root = fs::read_to_string(root).unwrap();
    let numbered = root.lines().filter_map(|line| line.strip_prefix("//! ")?.split_once(". `"));
    let listed: Vec<&str> =
        numbered.filter_map(|(_, rest)| Some(rest.split_once('`')?.0)).collect();
    let order = MODULES.iter().find(|modules| modules.of == "etdi-cli").unwrap().order;
    assert_eq!(listed, order);
}

#[test]
fn the_walks_of_contributing_name_at_most_four_files_that_are_there() {
    let text = fs::read_to_string(workspace::root().join("CONTRIBUTING.md")).unwrap();
    let walks = walks(&text);
    assert_eq!(walks.len(), 3, "{walks:?}");
    for files in walks {
        assert!((1..=4).contains(&files.len()), "{files:?}");
        for file in files {
            // `NAME.rs` stands for the file of a new vendor.
            let file = file.strip_suffix("NAME.rs").unwrap_or(&file);
            assert!(workspace::root().join(file).exists(), "CONTRIBUTING.md names {file}");
        }
    }
}

#[test]
fn a_connection_has_few_blocks_of_methods() {
    let sources = sources("crates/etdi-client/src");
    let blocks = lines_with(&sources, |line| line.starts_with("impl ServerConnection"));
    assert!(
        blocks.len() <= CONNECTION_BLOCKS,
        "over {CONNECTION_BLOCKS} `impl ServerConnection`:\n{}",
        blocks.join("\n")
    );
}

#[test]
fn no_file_is_a_module_in_another_place() {
    let sources: Vec<_> = ["crates", "demos", "tests"].into_iter().flat_map(sources).collect();
    let found = lines_with(&sources, |line| line.trim_start().starts_with("#[path"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Returns each dependency of a package on another package of the workspace that is not below it, and
/// the differences between the table of crates and the workspace.
fn wrong_dependencies(crates: &[Crate], metadata: &Value) -> Vec<String> {
    let rank = |name: &str| crates.iter().position(|item| item.name == name);
    let packages = list(metadata, "packages");
    let names: BTreeSet<&str> =
        packages.iter().filter_map(|package| text(package, "name")).collect();
    let mut found = Vec::new();
    for package in packages {
        let Some(name) = text(package, "name") else { continue };
        let Some(own) = rank(name) else {
            found.push(format!("{name} is not in the table of crates"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let Some(other) = text(dependency, "name").filter(|name| names.contains(name)) else {
                continue;
            };
            // A dev-dependency may be a higher crate. Cargo gives no kind for a normal dependency.
            let for_tests = text(dependency, "kind") == Some("dev");
            if !for_tests && rank(other).is_some_and(|rank| rank >= own) {
                found.push(format!("{name} depends on {other}, which is not below it"));
            }
        }
    }
    let absent = crates.iter().filter(|item| !names.contains(item.name));
    found.extend(absent.map(|item| format!("{} is in the table, and is not a crate", item.name)));
    found
}

/// Returns the imports of higher modules and of items of the root, and the modules that are missing
/// from the table or from the crate.
fn wrong_imports(modules: &Modules, graph: &Graph) -> Vec<String> {
    let Modules { of, order, .. } = modules;
    let rank = |name: &str| order.iter().position(|known| *known == name);
    let mut found = Vec::new();
    let rooms: BTreeSet<&str> = graph.rooms().collect();
    let unknown = rooms.iter().filter(|room| rank(room).is_none());
    found.extend(unknown.map(|room| format!("{of}: `{room}` is not in the table of modules")));
    let absent = order.iter().filter(|name| !rooms.contains(*name));
    found.extend(absent.map(|name| format!("{of}: `{name}` is in the table, and is not a module")));
    for arrow in graph.arrows() {
        let Some(own) = room(&arrow.from) else { continue };
        let place = format!("crates/{of}/src/{}:{}", arrow.from.display(), arrow.line);
        match room(&arrow.to) {
            None => found.push(format!("{place}: {} belongs to no module", arrow.path)),
            Some(other) if own != other && rank(own) < rank(other) => {
                found.push(format!(
                    "{place}: `{own}` is below `{other}`, and imports {}",
                    arrow.path
                ));
            }
            Some(_) => {}
        }
    }
    found
}

fn wrong_circles(of: &str, graph: &Graph) -> Vec<String> {
    let circles = graph.circles().into_iter();
    circles
        .map(|circle| {
            let arrows: Vec<String> = graph
                .arrows()
                .iter()
                .filter(|arrow| !arrow.weak)
                .filter(|arrow| circle.contains(&arrow.from) && circle.contains(&arrow.to))
                .map(|arrow| format!("  {}:{} {}", arrow.from.display(), arrow.line, arrow.path))
                .collect();
            format!("{of}: {} files in a circle:\n{}", circle.len(), arrows.join("\n"))
        })
        .collect()
}

/// Returns the packages that are compiled into a crate with all of its features. Dependencies of
/// tests and of build scripts do not count.
fn compiled_into(name: &str) -> BTreeSet<String> {
    let tree = Step::cargo("tree")
        .args(["tree", "--offline", "--locked", "--package", name, "--all-features"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .probe()
        .unwrap();
    let (printed, errors) = (String::from_utf8(tree.stdout), String::from_utf8(tree.stderr));
    assert!(tree.status.success(), "cargo tree: {}", errors.unwrap());
    let packages: BTreeSet<String> = printed
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert!(packages.contains(name), "cargo tree does not show {name}: {packages:?}");
    packages
}

fn metadata() -> Value {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Step::cargo("metadata").args(arguments).probe().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn graph_of(name: &str) -> Graph {
    let folder = workspace::root().join("crates").join(name).join("src");
    graph_from(&|file| fs::read_to_string(folder.join(file)).ok())
}

fn graph_from(read: &dyn Fn(&Path) -> Option<String>) -> Graph {
    Graph::new(source::modules("lib.rs", read).unwrap())
}

/// Returns the number of Rust files that lie directly in the `src/` of a crate.
fn flat_files(name: &str) -> usize {
    let folder = workspace::root().join("crates").join(name).join("src");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).count()
}

/// Returns every Rust file below a folder of the workspace, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut open = vec![workspace::root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                if name != "node_modules" && name != ".venv" && name != "target" {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

fn lines_with(sources: &[(PathBuf, String)], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        let path = path.strip_prefix(workspace::root()).unwrap_or(path);
        let lines = text.lines().enumerate().filter(|(_, line)| wanted(line));
        found
            .extend(lines.map(|(index, line)| format!("{}:{}: {line}", path.display(), index + 1)));
    }
    found.sort();
    found
}

/// Returns the files of each walk in CONTRIBUTING.md. A walk is a numbered list, and each step begins
/// with a file.
fn walks(text: &str) -> Vec<Vec<String>> {
    let (_, section) = text.split_once("\n## Three walks").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let walks = section.split("\n\n**").skip(1).map(|walk| {
        let steps = walk.lines().filter_map(|line| line.split_once(". `"));
        let steps = steps.filter(|(number, _)| number.parse::<u8>().is_ok());
        steps.map(|(_, rest)| rest.split('`').next().unwrap().to_owned()).collect()
    });
    walks.collect()
}

/// Returns the rows of the table under a heading of a page, without the head.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// Returns the words in backquotes in a cell of a row.
fn code(row: &[String], cell: usize) -> String {
    let words = row.get(cell).map_or("", String::as_str).split('`').skip(1).step_by(2);
    words.collect::<Vec<_>>().join(" ")
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

/// Tests that each check above fails on a small crate that breaks its rule.
mod small_crates {
    use serde_json::json;

    use super::*;

    const ORDER: Modules = Modules { of: "small", order: &["low", "middle", "high"], files: 4 };

    /// Returns the graph of a small crate in which these files are added or replaced. An empty text
    /// removes the file.
    fn small<const N: usize>(files: [(&str, &str); N]) -> Graph {
        let mut sources: BTreeMap<PathBuf, String> = [
            ("lib.rs", "mod high; mod low; mod middle; pub use low::Low;"),
            ("low.rs", "pub struct Low;"),
            ("middle.rs", "use crate::low::Low; mod part; pub use part::Part;"),
            ("middle/part.rs", "pub struct Part(crate::low::Low);"),
            ("high.rs", "use crate::{low, middle::Part}; pub fn high() { low::Low; }"),
        ]
        .into_iter()
        .chain(files)
        .map(|(file, text)| (PathBuf::from(file), text.to_owned()))
        .collect();
        sources.retain(|_, text| !text.is_empty());
        graph_from(&|file| sources.get(file).cloned())
    }

    /// Returns the one wrong import of a crate whose `middle/part.rs` has this text.
    fn import_in_part(text: &str) -> String {
        let found = wrong_imports(&ORDER, &small([("middle/part.rs", text)]));
        assert_eq!(found.len(), 1, "{text}\n{found:?}");
        found.concat()
    }

    #[test]
    fn a_crate_in_order_passes() {
        assert_eq!(wrong_imports(&ORDER, &small([])), Vec::<String>::new());
        assert_eq!(wrong_circles("small", &small([])), Vec::<String>::new());
    }

    #[test]
    fn an_import_of_a_higher_module_is_found_however_it_is_spelled() {
        let message = "crates/small/src/middle/part.rs:1: `middle` is below `high`, and imports ";
        let spellings = [
            ("use crate::high::high;", "crate::high::high"),
            ("use super::super::high::high;", "super::super::high::high"),
            ("use crate::{low, high::{self}};", "crate::high"),
            ("use crate::high as other;", "crate::high"),
            ("use crate::high::*;", "crate::high"),
            ("pub(crate) use crate::high::high;", "crate::high::high"),
            ("fn f() { crate::high::high() }", "crate::high::high"),
            ("fn f() { super::super::high::high::<u8>(); }", "super::super::high::high"),
            ("struct S { field: crate::high::H }", "crate::high::H"),
            ("impl Into<crate::high::H> for S {}", "crate::high::H"),
            ("fn f() { println!(\"{}\", crate::high::high()); }", "crate::high::high"),
            ("macro_rules! m { () => { $crate::high::high() } }", "crate::high::high"),
            ("#[serde(with = \"crate::high\")] struct S;", "crate::high"),
            (
                "mod inner { use super::super::super::high::high; }",
                "super::super::super::high::high",
            ),
            ("fn f() -> impl Sized + use<> { crate::high::high() }", "crate::high::high"),
        ];
        for (text, path) in spellings {
            assert_eq!(import_in_part(text), format!("{message}{path}"), "{text}");
        }
    }

    #[test]
    fn a_reexported_name_leads_to_the_module_that_defines_it() {
        let root = "mod high; mod low; mod middle; pub use high::high;";
        let found = wrong_imports(
            &ORDER,
            &small([("lib.rs", root), ("low.rs", "use crate::high; pub struct Low;")]),
        );
        assert_eq!(
            found,
            ["crates/small/src/low.rs:1: `low` is below `high`, and imports crate::high"]
        );
        let root = "mod high; mod low; mod middle; pub use high::*;";
        let low = "pub struct Low; fn f() { use crate::high as high_of_the_root; }";
        let high = "pub fn best() {}";
        let files = [("lib.rs", root), ("low.rs", low), ("high.rs", high)];
        assert_eq!(wrong_imports(&ORDER, &small(files)).len(), 1);
        let low = "use crate::best; pub struct Low;";
        let files = [("lib.rs", root), ("low.rs", low), ("high.rs", high)];
        assert_eq!(
            wrong_imports(&ORDER, &small(files)),
            ["crates/small/src/low.rs:1: `low` is below `high`, and imports crate::best"]
        );
    }

    #[test]
    fn an_item_of_the_root_is_not_imported() {
        let root = "mod high; mod low; mod middle; pub struct Everything;";
        let low = "use crate::Everything; pub struct Low;";
        let found = wrong_imports(&ORDER, &small([("lib.rs", root), ("low.rs", low)]));
        assert_eq!(found, ["crates/small/src/low.rs:1: crate::Everything belongs to no module"]);
    }

    #[test]
    fn tests_and_other_crates_are_not_imports() {
        for text in [
            "#[cfg(test)] mod tests { use crate::high::high; }",
            "#[cfg(all(test, unix))] use crate::high::{high, other}; struct S;",
            "#[test] fn f() { crate::high::high() }",
            "#[tokio::test] async fn f() { crate::high::high() }",
            "struct S { #[cfg(test)] counter: crate::high::H, other: u8 }",
            "use high::high; use ::middle::x;",
            "// crate::high::high\nconst TEXT: &str = \"crate::high::high is a function\";",
        ] {
            let found = wrong_imports(&ORDER, &small([("middle/part.rs", text)]));
            let found: Vec<_> = found.iter().filter(|line| !line.contains("Part")).collect();
            assert!(found.is_empty(), "{text}\n{found:?}");
        }
    }

    #[test]
    fn a_module_missing_from_the_table_or_from_the_crate_is_found() {
        let root = "mod high; mod low; mod middle; mod new;";
        let found = wrong_imports(&ORDER, &small([("lib.rs", root), ("new.rs", "// new\n")]));
        assert_eq!(found, ["small: `new` is not in the table of modules"]);
        let order = Modules { of: "small", order: &["low", "middle", "old", "high"], files: 4 };
        let found = wrong_imports(&order, &small([]));
        assert_eq!(found, ["small: `old` is in the table, and is not a module"]);
    }

    #[test]
    fn files_in_a_circle_are_found() {
        let low = "use crate::middle::Part; pub struct Low;";
        let found = wrong_circles("small", &small([("low.rs", low)]));
        assert_eq!(
            found,
            ["small: 2 files in a circle:\n  low.rs:1 crate::middle::Part\n  \
              middle/part.rs:1 crate::low::Low"]
        );
        let middle = "mod part; pub struct Whole(part::Part);";
        let part = "use super::Whole; pub struct Part;";
        let found =
            wrong_circles("small", &small([("middle.rs", middle), ("middle/part.rs", part)]));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_dependency_that_points_up_is_found() {
        let crates = [Crate { name: "low", never: &[] }, Crate { name: "high", never: &[] }];
        let metadata = |kind: Value| {
            json!({"packages": [
                {"name": "low", "dependencies": [{"name": "high", "kind": kind}]},
                {"name": "high", "dependencies": [{"name": "low", "kind": null}]},
            ]})
        };
        let wrong = ["low depends on high, which is not below it"];
        assert_eq!(wrong_dependencies(&crates, &metadata(Value::Null)), wrong);
        assert_eq!(wrong_dependencies(&crates, &metadata(json!("build"))), wrong);
        assert_eq!(wrong_dependencies(&crates, &metadata(json!("dev"))), Vec::<String>::new());
        let [low, _] = crates;
        assert_eq!(
            wrong_dependencies(&[low], &metadata(json!("dev"))),
            ["high is not in the table of crates"]
        );
    }

    #[test]
    fn the_packages_that_a_crate_compiles_are_known() {
        let compiled = compiled_into("etdi-oauth");
        assert!(compiled.contains("etdi-types"), "{compiled:?}");
        assert!(compiled.contains("reqwest"), "{compiled:?}");
        assert!(!compiled.contains("httpmock"), "a dependency of tests: {compiled:?}");
    }
}
