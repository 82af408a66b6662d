//! The names of other tools, and where a text mentions them.

use std::collections::HashMap;

use etdi_types::confusable::name_key;

/// The names of the tools that a definition may be confused with or may steer a model to: those of
/// the same server, and those of others.
#[derive(Clone, Debug, Default)]
pub struct ToolNames {
    by_key: HashMap<String, Vec<KnownName>>,
}

#[derive(Clone, Debug)]
pub(super) struct KnownName {
    /// As the caller wrote it.
    pub(super) name: String,
    /// Whether it belongs to another server.
    pub(super) foreign: bool,
}

/// Of names that look the same, this many are told apart.
const ALIKE: usize = 4;

impl ToolNames {
    /// No names: nothing is a mention, nothing is confusable.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// With the names of tools on the same server. A definition's own name may be among them.
    #[must_use]
    pub fn and_siblings<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(names, false)
    }

    /// With the names of tools on other servers.
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

    /// The tools whose names look like `name`.
    pub(super) fn look_up(&self, name: &str) -> impl Iterator<Item = &KnownName> {
        self.by_key.get(&name_key(name)).into_iter().flatten()
    }
}

/// Whether a name is one of several words, which no prose holds by chance.
pub(super) fn is_compound(name: &str) -> bool {
    let separated = name.trim_matches(['-', '_', '.']).contains(['-', '_', '.']);
    let humps =
        name.chars().zip(name.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    separated || humps
}
