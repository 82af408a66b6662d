//! `npx` and its kin: a package of npm in one version, unless the repository has one in its place.

use super::artifact::Artifact;
use super::reader::{NO_PROGRAM, Reader, join};
use super::tree::{Place, Tree};
use super::words::{Word, Words};

const VALUED: &[&str] = &["-p", "--package", "--loglevel"];

/// Flags that change neither the package nor its source.
const HARMLESS: &[&str] = &[
    "-q",
    "-s",
    "-y",
    "--bun",
    "--loglevel",
    "--no",
    "--no-install",
    "--no-progress",
    "--offline",
    "--prefer-offline",
    "--prefer-online",
    "--quiet",
    "--silent",
    "--verbose",
    "--yes",
];

/// The most folders of `node_modules` that are looked through.
const MOST_FOLDERS: usize = 20_000;

pub(super) fn npx(reader: &mut Reader<'_>, args: &[Word]) {
    packages(reader, args, &[".npmrc"]);
}

pub(super) fn npm(reader: &mut Reader<'_>, args: &[Word]) {
    // Before `--`, npm takes every flag for its own, also one behind the package.
    let of_npm: Vec<_> = args.iter().skip(1).take_while(|word| word.value != "--").collect();
    let words = of_npm.iter().skip_while(|word| word.is_flag());
    if let Some(flag) = words.skip(1).find(|word| word.is_flag()) {
        reader.not_understood(flag, &Words::of(&[]));
    }
    under(reader, args, &["exec", "x"], &[".npmrc"]);
}

pub(super) fn bunx(reader: &mut Reader<'_>, args: &[Word]) {
    packages(reader, args, &[".npmrc", "bunfig.toml"]);
}

pub(super) fn bun(reader: &mut Reader<'_>, args: &[Word]) {
    under(reader, args, &["x"], &[".npmrc", "bunfig.toml"]);
}

pub(super) fn pnpm(reader: &mut Reader<'_>, args: &[Word]) {
    under(reader, args, &["dlx"], &[".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs"]);
}

pub(super) fn yarn(reader: &mut Reader<'_>, args: &[Word]) {
    under(reader, args, &["dlx"], &[".npmrc", ".yarnrc.yml"]);
}

/// Reads the packages behind one of these subcommands. Other subcommands run what `package.json` names.
fn under(reader: &mut Reader<'_>, args: &[Word], subcommands: &[&str], settings: &[&str]) {
    match args.split_first() {
        Some((first, rest)) if subcommands.contains(&first.value.as_str()) => {
            packages(reader, rest, settings);
        }
        Some((first, rest)) => {
            reader.loose(first, "it runs a program that this command does not name");
            reader.data(rest);
        }
        None => reader.loose(&Word::new("npm", "npm"), NO_PROGRAM),
    }
}

fn packages(reader: &mut Reader<'_>, args: &[Word], settings: &[&str]) {
    let (mut words, mut packages) = (Words::of(args), Vec::new());
    while let Some(flag) = words.flag(VALUED) {
        match (flag.name.as_str(), flag.value) {
            ("--", _) => break,
            ("-p" | "--package", Some(package)) => packages.push(package),
            (name, _) if HARMLESS.contains(&name) => {}
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    let Some(first) = words.next() else {
        return reader.loose(&Word::new("npx", "npx"), NO_PROGRAM);
    };
    reader.settings(settings);
    if !packages.is_empty() {
        for package in &packages {
            if let Some(artifact) = reader.artifact(package, Artifact::of_npm(&package.value)) {
                local(reader, package, &artifact, &first.value);
            }
        }
        return reader.program_beside_packages(first, words.rest());
    }
    match reader.artifact(first, Artifact::of_npm(&first.value)) {
        Some(artifact) => {
            local(reader, first, &artifact, &first.value);
            reader.package_program(artifact.program().unwrap_or_default(), first, words.rest());
        }
        None => reader.data(words.rest()),
    }
}

/// Checks that the repository has no package in the place of the one from the registry: npm prefers a
/// package in `node_modules`, a program in `node_modules/.bin`, and a program that `package.json` names.
fn local(reader: &mut Reader<'_>, word: &Word, artifact: &Artifact, program: &str) {
    if reader.in_image {
        return;
    }
    let tree = reader.tree();
    let name = artifact.npm_name();
    for folder in tree.folders_above(&reader.folder) {
        let modules = join(&folder, "node_modules");
        let bin = join(&modules, &format!(".bin/{program}"));
        let mut left = MOST_FOLDERS;
        let has_package = name.is_some_and(|name| has_package(tree, &modules, name, &mut left));
        if has_package || tree.find(&bin) != Place::Missing {
            reader.loose(word, "node_modules has a package of this name, which runs in its place");
        }
        let manifest = join(&folder, "package.json");
        if tree.find(&manifest) != Place::Missing
            && claims(tree.text(&manifest).as_deref(), name, program)
        {
            reader.loose(word, "package.json names a program of its own, which runs in its place");
        }
    }
}

/// Returns whether `node_modules` has the package, at any depth.
fn has_package(tree: &dyn Tree, modules: &str, name: &str, left: &mut usize) -> bool {
    if tree.find(modules) != Place::Folder {
        return false;
    }
    if tree.find(&join(modules, name)) != Place::Missing {
        return true;
    }
    let mut packages = Vec::new();
    for entry in tree.entries(modules) {
        let path = join(modules, &entry);
        match entry.starts_with('@') {
            true => packages.extend(tree.entries(&path).iter().map(|one| join(&path, one))),
            false => packages.push(path),
        }
    }
    packages.iter().any(|package| {
        // Too many folders to look through: the package could be in the next one.
        let Some(rest) = left.checked_sub(1) else { return true };
        *left = rest;
        has_package(tree, &join(package, "node_modules"), name, left)
    })
}

/// Returns whether a `package.json` has this name, or a program of this name. An unreadable one could.
fn claims(text: Option<&str>, name: Option<&str>, program: &str) -> bool {
    let manifest = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let Some(manifest) = manifest else { return true };
    let own = manifest.get("name").and_then(serde_json::Value::as_str);
    let bin = manifest.get("bin");
    let has_bin = match bin {
        Some(serde_json::Value::Object(programs)) => programs.contains_key(program),
        // A single program has the name of the package.
        Some(_) => own.is_some_and(|own| own.rsplit('/').next() == Some(program)),
        None => false,
    };
    has_bin || (own.is_some() && own == name)
}
