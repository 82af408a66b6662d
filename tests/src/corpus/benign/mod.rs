//! Benign upgrades: what honest publishers change.

mod edits;
mod sentences;

use super::{Edit, Half, Subject};

/// One kind of honest change.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// Where it changes something.
    pub touches: &'static [&'static str],
    pub(super) change: Change,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// An edit of the tool itself.
    Edit(Edit),
    /// A sentence of the half's is added to the description. `{sibling}` stands for another tool of
    /// the server.
    Sentence(&'static [&'static str]),
    /// The same, to a parameter's description.
    ParameterSentence(&'static [&'static str]),
}

/// Every kind.
pub fn kinds() -> &'static [Kind] {
    edits::KINDS
}

impl Kind {
    /// Changes the tool. `None`: it has nothing that this kind could change.
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

/// The sentences of one half are not those of the other.
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
