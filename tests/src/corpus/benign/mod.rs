//! Benign upgrades: changes that honest publishers make.

mod edits;
mod sentences;

use super::{Edit, Half, Subject};

/// One kind of honest change.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The places that it changes.
    pub touches: &'static [&'static str],
    pub(super) change: Change,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// An edit of the tool itself.
    Edit(Edit),
    /// Adds one of these sentences to the description, from those of the tool's half. `{sibling}`
    /// stands for another tool of the server.
    Sentence(&'static [&'static str]),
    /// Adds one of these sentences to the description of a parameter.
    ParameterSentence(&'static [&'static str]),
}

/// Returns every kind.
pub fn kinds() -> &'static [Kind] {
    edits::KINDS
}

impl Kind {
    /// Changes the tool. Returns `None` if the tool has no part that this kind could change.
    pub fn apply(&self, subject: &mut Subject<'_>, half: Half) -> Option<()> {
        match self.change {
            Change::Edit(edit) => edit(subject),
            Change::Sentence(all) => {
                let text = sentence(all, subject, half)?;
                super::tool::append(&mut subject.after, "description", &text)
            }
            Change::ParameterSentence(all) => {
                let text = sentence(all, subject, half)?;
                edits::parameter_sentence(subject, &text)
            }
        }
    }
}

/// Returns a sentence of this half. The two halves do not share sentences.
fn sentence(all: &[&str], subject: &Subject<'_>, half: Half) -> Option<String> {
    let own: Vec<_> = all.iter().filter(|text| Half::of(text) == half).collect();
    let text = own.get(subject.instance % own.len().max(1))?;
    if !text.contains("{sibling}") {
        return Some((**text).to_owned());
    }
    let siblings = subject.around.siblings;
    let sibling = siblings.get(subject.instance % siblings.len().max(1))?;
    Some(text.replace("{sibling}", sibling))
}
