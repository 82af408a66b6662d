//! The names of other tools, and the search for them in a text.

use std::collections::HashMap;

use etdi_types::confusable::name_key;

/// The names of the tools that a definition may imitate or may steer a model to: tools of the same
/// server, and tools of other servers.
#[derive(Clone, Debug, Default)]
pub struct ToolNames {
    by_key: HashMap<String, Vec<KnownName>>,
}

#[derive(Clone, Debug)]
pub(super) struct KnownName {
    /// The name as the caller wrote it.
    pub(super) name: String,
    /// Whether the tool belongs to another server.
    pub(super) foreign: bool,
}

/// The most names that are kept of those that look the same.
const ALIKE: usize = 4;

impl ToolNames {
    /// Returns an empty set of names. The rules about other tools then find no match.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the names of tools on the same server. A definition's own name may be among them.
    #[must_use]
    pub fn and_siblings<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(names, false)
    }

    /// Adds the names of tools on other servers.
    #[must_use]
    pub fn and_others<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(names, true)
    }

    fn with<'n>(mut self, names: impl IntoIterator<Item = &'n str>, foreign: bool) -> Self {
        for name in names {
            let alike = self.by_key.entry(name_key(name)).or_default();
            let room = alike.len() < ALIKE;
            match alike.iter_mut().find(|known| known.name == name) {
                Some(known) => known.foreign |= foreign,
                None if room => {
                    alike.push(KnownName { name: name.to_owned(), foreign });
                }
                None => {}
            }
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Returns the tools whose names look like `name`.
    pub(super) fn look_up(&self, name: &str) -> impl Iterator<Item = &KnownName> {
        self.by_key.get(&name_key(name)).into_iter().flatten()
    }
}

/// Returns whether a name consists of several words: prose does not contain such a name by chance.
pub(super) fn is_compound(name: &str) -> bool {
    let separated = name.trim_matches(['-', '_', '.']).contains(['-', '_', '.']);
    let humps =
        name.chars().zip(name.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    separated || humps
}
