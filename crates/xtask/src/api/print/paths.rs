//! The paths by which items of a crate can be named.

use std::collections::BTreeMap;

use rustdoc_types::{Crate, Enum, Id, ItemEnum, Use};

/// The paths by which items can be named.
#[derive(Default)]
pub(super) struct Paths {
    /// The paths of each item. The flag is true if the path is a re-export.
    found: BTreeMap<Id, Vec<(bool, String)>>,
    /// Re-exports of other crates' items: the name here, and the path in the other crate.
    foreign: Vec<(String, String)>,
    open: Vec<Id>,
}

impl Paths {
    pub(super) fn module(&mut self, krate: &Crate, id: Id, path: &[&str]) {
        let Some(item) = krate.index.get(&id) else { return };
        // A glob can lead back to a module that is being read.
        if self.open.contains(&id) {
            return;
        }
        self.open.push(id);
        match &item.inner {
            ItemEnum::Module(module) => {
                for id in &module.items {
                    self.child(krate, *id, path);
                }
            }
            // `pub use Enum::*`.
            ItemEnum::Enum(Enum { variants, .. }) => {
                for id in variants {
                    self.child(krate, *id, path);
                }
            }
            _ => {}
        }
        self.open.pop();
    }

    fn child(&mut self, krate: &Crate, id: Id, path: &[&str]) {
        let Some(item) = krate.index.get(&id) else { return };
        match &item.inner {
            ItemEnum::Use(Use { id: Some(target), is_glob: true, .. })
                if krate.index.contains_key(target) =>
            {
                self.module(krate, *target, path);
            }
            ItemEnum::Use(Use { id: Some(target), name, is_glob: false, .. })
                if krate.index.contains_key(target) =>
            {
                self.named(krate, *target, false, &joined(path, name));
            }
            ItemEnum::Use(Use { source, name, is_glob, .. }) => {
                let name = if *is_glob { "*" } else { name };
                self.foreign.push((joined(path, name).join("::"), source.clone()));
            }
            ItemEnum::Impl(_) => {}
            _ => {
                let name = item.name.as_deref().unwrap_or_default();
                self.named(krate, id, true, &joined(path, name));
            }
        }
    }

    fn named(&mut self, krate: &Crate, id: Id, defined: bool, path: &[&str]) {
        self.found.entry(id).or_default().push((!defined, path.join("::")));
        if krate.index.get(&id).is_some_and(|item| matches!(item.inner, ItemEnum::Module(_))) {
            self.module(krate, id, path);
        }
    }

    /// Returns one path for each item: the path of its definition if that is public, or else the
    /// shortest path.
    pub(super) fn chosen(&self) -> BTreeMap<Id, String> {
        let shortest = |(passed_on, path): &&(bool, String)| {
            (*passed_on, path.matches("::").count(), path.clone())
        };
        self.found
            .iter()
            .filter_map(|(id, paths)| Some((*id, paths.iter().min_by_key(shortest)?.1.clone())))
            .collect()
    }

    /// Returns the other paths, each with the chosen path of the same item.
    pub(super) fn passed_on(
        &self,
        krate: &Crate,
        chosen: &BTreeMap<Id, String>,
    ) -> Vec<(String, String)> {
        let mut passed_on: Vec<(String, String)> = self.foreign.clone();
        for (id, paths) in &self.found {
            let Some(path) = chosen.get(id) else { continue };
            // One line for a re-exported module is enough. Its items need no lines of their own.
            let is_below_another = |other: &str| {
                self.found.iter().any(|(id, paths)| {
                    let module = krate.index.get(id).map(|item| &item.inner);
                    matches!(module, Some(ItemEnum::Module(_)))
                        && paths.iter().any(|(_, module)| {
                            chosen.get(id) != Some(module)
                                && other.starts_with(&format!("{module}::"))
                        })
                })
            };
            let others = paths.iter().map(|(_, other)| other).filter(|other| *other != path);
            passed_on.extend(
                others
                    .filter(|other| !is_below_another(other))
                    .map(|other| (other.clone(), format!("crate::{path}"))),
            );
        }
        passed_on.sort();
        passed_on.dedup();
        passed_on
    }
}

fn joined<'a>(path: &[&'a str], name: &'a str) -> Vec<&'a str> {
    path.iter().copied().chain([name]).collect()
}
