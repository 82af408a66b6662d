//! Poisoned upgrades: what is publicly known of tool poisoning, a template each.
//!
//! A template never says how it would be found. Some are meant to be hard: paraphrases without a
//! single order, other languages, words taken apart.

mod hidden;
mod prose;
mod structure;
mod text;

use serde_json::Value;

use super::tool::{self, append};
use super::{Edit, Subject};

/// One way to poison a tool.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// What it is called: its half follows from it.
    pub id: &'static str,
    /// What kind of attack it is.
    pub kind: &'static str,
    /// What it does.
    pub change: Change,
}

/// What a template does.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Puts a text where a model reads it, in a different place with each instance. `{tool}` stands
    /// for the tool's own name, `{sibling}` for another tool of its server, `{other}` for a tool of
    /// another server.
    Text(&'static str),
    /// As `Text`, with the text rewritten.
    Rewritten(fn(&str) -> String, &'static str),
    /// Changes a structure.
    Structure(&'static [&'static str], Edit),
}

/// Every template.
pub fn templates() -> Vec<Template> {
    [text::TEMPLATES, hidden::TEMPLATES, prose::TEMPLATES, structure::TEMPLATES].concat()
}

impl Template {
    /// Poisons the tool. `None`: it has nothing that this template could change.
    pub fn apply(&self, subject: &mut Subject<'_>) -> Option<()> {
        match self.change {
            Change::Text(text) => place(subject, &filled(text, subject)?),
            Change::Rewritten(rewrite, text) => place(subject, &rewrite(&filled(text, subject)?)),
            Change::Structure(_, edit) => edit(subject),
        }
    }

    /// Where it changes something.
    pub fn touches(&self) -> &'static [&'static str] {
        match self.change {
            Change::Text(_) | Change::Rewritten(..) => {
                &["/description", "/inputSchema/properties/"]
            }
            Change::Structure(touches, _) => touches,
        }
    }
}

/// The end of the description, a parameter's description, its beginning, its middle.
fn place(subject: &mut Subject<'_>, text: &str) -> Option<()> {
    let after = &mut subject.after;
    let old = after.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    match subject.instance % 4 {
        1 => {
            let names = tool::names_where(after, |_, _| true);
            let name = names.last()?;
            append(tool::parameters(after)?.get_mut(name)?, "description", text)
        }
        2 if !old.is_empty() => set_description(after, format!("{text} {old}")),
        3 if old.contains(". ") => {
            set_description(after, old.replacen(". ", &format!(". {text} "), 1))
        }
        _ => append(after, "description", text),
    }
}

fn set_description(tool: &mut Value, text: String) -> Option<()> {
    tool.as_object_mut()?.insert("description".to_owned(), text.into());
    Some(())
}

fn filled(text: &str, subject: &Subject<'_>) -> Option<String> {
    let own = subject.after.get("name")?.as_str()?;
    let pick = |names: &[String]| names.get(subject.instance % names.len().max(1)).cloned();
    let mut text = text.replace("{tool}", own);
    if text.contains("{sibling}") {
        text = text.replace("{sibling}", &pick(subject.around.siblings)?);
    }
    if text.contains("{other}") {
        text = text.replace("{other}", &pick(subject.around.elsewhere)?);
    }
    Some(text)
}
