//! Poisoned upgrades: templates for the publicly known ways of tool poisoning.
//!
//! A template does not name the rule that should detect it. Some templates are made to be hard to
//! detect: paraphrases without a single order, other languages, words taken apart.

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
    /// The name of the template, which decides its half.
    pub id: &'static str,
    /// The kind of the attack.
    pub kind: &'static str,
    /// Its change.
    pub change: Change,
}

/// The change of a template.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Puts a text where a model reads it, in a different place with each instance. `{tool}` stands
    /// for the tool's own name, `{sibling}` for another tool of its server, `{other}` for a tool of
    /// another server.
    Text(&'static str),
    /// Like `Text`, with the text rewritten.
    Rewritten(fn(&str) -> String, &'static str),
    /// Changes a structure.
    Structure(&'static [&'static str], Edit),
}

/// Returns every template.
pub fn templates() -> Vec<Template> {
    [text::TEMPLATES, hidden::TEMPLATES, prose::TEMPLATES, structure::TEMPLATES].concat()
}

impl Template {
    /// Poisons the tool. Returns `None` if the tool has no part that this template could change.
    pub fn apply(&self, subject: &mut Subject<'_>) -> Option<()> {
        match self.change {
            Change::Text(text) => place(subject, &filled(text, subject)?),
            Change::Rewritten(rewrite, text) => place(subject, &rewrite(&filled(text, subject)?)),
            Change::Structure(_, edit) => edit(subject),
        }
    }

    /// Returns the places that it changes.
    pub fn touches(&self) -> &'static [&'static str] {
        match self.change {
            Change::Text(_) | Change::Rewritten(..) => {
                &["/description", "/inputSchema/properties/"]
            }
            Change::Structure(touches, _) => touches,
        }
    }
}

/// Puts the text into the description (at its end, its beginning or its middle) or into a parameter's
/// description. The instance decides the place.
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
