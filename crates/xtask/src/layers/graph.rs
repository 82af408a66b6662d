//! Resolves the paths in the files of a crate, and finds the arrows between the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::source::{Mention, Module, ModulePath};

/// The modules of one crate.
pub(super) struct Graph {
    modules: BTreeMap<ModulePath, Module>,
}

/// A path in one file that names an item or a module of another file.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Arrow {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    pub(super) line: usize,
    /// The path, as written.
    pub(super) path: String,
    /// Whether the path only re-exports a name, or names the module itself.
    pub(super) weak: bool,
}

/// The target of a path.
enum Place {
    /// A module itself.
    Module(ModulePath),
    /// An item of a module, or a part of such an item.
    Item(ModulePath),
}

impl Graph {
    pub(super) fn new(modules: BTreeMap<ModulePath, Module>) -> Self {
        Self { modules }
    }

    /// Returns the modules that the root declares: files and folders of `src/`.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &str> {
        let root = self.modules.get(&Vec::new());
        root.into_iter().flat_map(|root| root.children.iter().map(String::as_str))
    }

    /// Returns every arrow between two files.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (path, module) in &self.modules {
            for Mention { segments, line, reexport } in &module.mentions {
                let Some(place) = self.find(path, segments, &mut Vec::new()) else { continue };
                let (target, weak) = match &place {
                    Place::Module(target) => (target, true),
                    Place::Item(target) => (target, *reexport),
                };
                let Some(target) = self.modules.get(target) else { continue };
                if target.file != module.file {
                    arrows.insert(Arrow {
                        from: module.file.clone(),
                        to: target.file.clone(),
                        line: *line,
                        path: segments.join("::"),
                        weak,
                    });
                }
            }
        }
        arrows
    }

    /// Returns the groups of files that depend on each other in a circle. Weak arrows do not count: a
    /// file that uses a re-exported name has an arrow of its own to the file that defines the name.
    pub(super) fn circles(&self) -> Vec<Vec<PathBuf>> {
        let mut next: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        for arrow in self.arrows().into_iter().filter(|arrow| !arrow.weak) {
            next.entry(arrow.from).or_default().insert(arrow.to);
        }
        let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
            next.keys().map(|file| (file, reachable(file, &next))).collect();
        let mut circles: Vec<Vec<PathBuf>> = Vec::new();
        for (file, ahead) in &reached {
            if !ahead.contains(file) || circles.iter().any(|circle| circle.contains(file)) {
                continue;
            }
            let back = |other: &&PathBuf| reached.get(*other).is_some_and(|all| all.contains(file));
            circles.push(ahead.iter().copied().filter(back).cloned().collect());
        }
        circles
    }

    fn find(
        &self,
        from: &[String],
        segments: &[String],
        trail: &mut Vec<(ModulePath, String)>,
    ) -> Option<Place> {
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, trail),
            "self" => self.walk(from.to_vec(), rest, trail),
            "super" => {
                let (_, parent) = from.split_last()?;
                // `super::super::x` goes on from the parent.
                match rest.first().map(String::as_str) {
                    Some("super") => self.find(parent, rest, trail),
                    _ => self.walk(parent.to_vec(), rest, trail),
                }
            }
            name => {
                let module = self.modules.get(from)?;
                let known = module.children.contains(name) || module.names.contains_key(name);
                if known { self.walk(from.to_vec(), segments, trail) } else { None }
            }
        }
    }

    /// Follows `segments` from a module: through its child modules, its own items, the names that it
    /// imports, and the modules that it imports whole.
    fn walk(
        &self,
        module: ModulePath,
        segments: &[String],
        trail: &mut Vec<(ModulePath, String)>,
    ) -> Option<Place> {
        let Some((first, rest)) = segments.split_first() else {
            return Some(Place::Module(module));
        };
        let here = self.modules.get(&module)?;
        if here.children.contains(first) {
            let mut child = module.clone();
            child.push(first.clone());
            return self.walk(child, rest, trail);
        }
        if here.items.contains(first) {
            return Some(Place::Item(module));
        }
        let step = (module.clone(), first.clone());
        if trail.contains(&step) {
            return None;
        }
        trail.push(step);
        if let Some(path) = here.names.get(first) {
            let whole: Vec<String> = path.iter().chain(rest).cloned().collect();
            // Returns `None` for a name of another crate.
            return self.find(&module, &whole, trail);
        }
        for glob in &here.globs {
            if let Some(Place::Module(target)) = self.find(&module, glob, &mut Vec::new())
                && self.defines(&target, first)
            {
                return self.walk(target, segments, trail);
            }
        }
        Some(Place::Item(module))
    }

    fn defines(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|module| {
            module.children.contains(name)
                || module.items.contains(name)
                || module.names.contains_key(name)
        })
    }
}

/// Returns the files that can be reached from `file` by one arrow or more.
fn reachable<'a>(
    file: &PathBuf,
    next: &'a BTreeMap<PathBuf, BTreeSet<PathBuf>>,
) -> BTreeSet<&'a PathBuf> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&PathBuf> = next.get(file).into_iter().flatten().collect();
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            open.extend(next.get(file).into_iter().flatten());
        }
    }
    seen
}

/// Returns the top module that a file belongs to, or `None` for the root: `lib.rs` or `main.rs`.
pub(super) fn room(file: &Path) -> Option<&str> {
    let name = file.iter().next()?.to_str()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (name != "lib" && name != "main").then_some(name)
}
