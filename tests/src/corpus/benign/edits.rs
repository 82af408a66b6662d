//! The kinds of benign changes, and their edits.

use serde_json::{Value, json};

use super::super::Subject;
use super::super::tool::{
    add, append, description, member, names_where, object, parameters, prepare, required,
};
use super::Change::{self, Edit, ParameterSentence, Sentence};
use super::{Kind, sentences};

const fn kind(name: &'static str, touches: &'static [&'static str], change: Change) -> Kind {
    Kind { name, touches, change }
}

const DESCRIPTION: &[&str] = &["/description"];
const PARAMETERS: &[&str] = &["/inputSchema/"];

pub(super) const KINDS: &[Kind] = &[
    kind("version only", &[], Edit(|_| Some(()))),
    kind("typo fixed", DESCRIPTION, Edit(typo)),
    kind("sentences reordered", DESCRIPTION, Edit(reorder)),
    kind("sentence dropped", DESCRIPTION, Edit(shorten)),
    kind("punctuation", DESCRIPTION, Edit(punctuation)),
    kind("line breaks", DESCRIPTION, Edit(line_breaks)),
    kind("synonym", DESCRIPTION, Edit(synonym)),
    kind("sentence added", DESCRIPTION, Sentence(sentences::PLAIN)),
    kind("example added", DESCRIPTION, Sentence(sentences::EXAMPLES)),
    kind("parameter described", PARAMETERS, ParameterSentence(sentences::PARAMETERS)),
    kind("optional parameter", PARAMETERS, Edit(optional)),
    kind("optional parameter with a default", PARAMETERS, Edit(defaulted)),
    kind("optional parameter removed", PARAMETERS, Edit(removed)),
    kind("enum value added", PARAMETERS, Edit(enum_value)),
    kind("range added", PARAMETERS, Edit(range)),
    kind("required relaxed", PARAMETERS, Edit(relaxed)),
    kind("parameter deprecated", PARAMETERS, Edit(deprecated)),
    kind("output schema added", &["/outputSchema"], Edit(output)),
    kind("title", &["/title"], Edit(title)),
    kind("read-only hint added", &["/annotations"], Edit(read_only)),
    kind("permission dropped", &["/_meta/"], Edit(permission_dropped)),
    kind("hard: words of attackers", DESCRIPTION, Sentence(sentences::HARD)),
    kind("hard: sibling tool", DESCRIPTION, Sentence(sentences::SIBLINGS)),
    kind("hard: link", DESCRIPTION, Sentence(sentences::LINKS)),
    kind("hard: letters", DESCRIPTION, Sentence(sentences::UNICODE)),
];

/// Adds a sentence to a parameter's description.
pub(super) fn parameter_sentence(s: &mut Subject<'_>, text: &str) -> Option<()> {
    let names = names_where(&s.after, |_, _| true);
    let name = names.get(s.instance % names.len().max(1))?;
    append(parameters(&mut s.after)?.get_mut(name)?, "description", text)
}

/// Replaces the description of `tool`. Returns `None` if the tool has no description to change, or if
/// the new one is the same.
fn rewrite(tool: &mut Value, new: impl Fn(&str) -> Option<String>) -> Option<()> {
    let old = description(tool)?;
    let new = new(old).filter(|new| new != old)?;
    tool.as_object_mut()?.insert("description".to_owned(), new.into());
    Some(())
}

/// Swaps two letters of the longest word before the upgrade, so that the upgrade corrects the word.
fn typo(s: &mut Subject<'_>) -> Option<()> {
    rewrite(&mut s.before, |text| {
        let plain = |word: &&str| word.len() > 4 && word.bytes().all(|b| b.is_ascii_lowercase());
        let word = text.split(' ').filter(plain).max_by_key(|word| word.len())?;
        let mut letters = word.as_bytes().to_vec();
        let at = (1..letters.len() - 1).find(|at| letters[*at] != letters[*at + 1])?;
        letters.swap(at, at + 1);
        Some(text.replacen(word, &String::from_utf8(letters).ok()?, 1))
    })
}

fn reorder(s: &mut Subject<'_>) -> Option<()> {
    rewrite(&mut s.after, |text| {
        let mut all: Vec<_> = text.split(". ").collect();
        if all.len() < 3 {
            return None;
        }
        all.swap(0, 1);
        Some(all.join(". "))
    })
}

fn shorten(s: &mut Subject<'_>) -> Option<()> {
    rewrite(&mut s.after, |text| Some(format!("{}.", text.rsplit_once(". ")?.0)))
}

fn punctuation(s: &mut Subject<'_>) -> Option<()> {
    let instance = s.instance;
    rewrite(&mut s.after, |text| {
        let end = text.strip_suffix('.').map_or_else(|| format!("{text}."), str::to_owned);
        let signs = text.replace('\'', "\u{2019}").replace(" - ", " \u{2014} ");
        let mut all = [end, signs, text.replacen(", ", "; ", 1)];
        all.rotate_left(instance % 3);
        all.into_iter().find(|new| new != text)
    })
}

fn line_breaks(s: &mut Subject<'_>) -> Option<()> {
    rewrite(&mut s.after, |text| {
        if text.contains('\n') {
            return Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        Some(text.replacen(". ", ".\n\n", 1))
    })
}

fn synonym(s: &mut Subject<'_>) -> Option<()> {
    const PAIRS: [(&str, &str); 8] = [
        ("Get ", "Fetch "),
        ("Retrieve ", "Get "),
        ("Create ", "Make "),
        ("Returns ", "Gives "),
        ("List ", "Show "),
        (" specific ", " given "),
        (" new ", " fresh "),
        (" using ", " with "),
    ];
    rewrite(&mut s.after, |text| {
        let (old, new) = PAIRS.iter().find(|(old, _)| text.contains(old))?;
        Some(text.replacen(old, new, 1))
    })
}

fn optional(s: &mut Subject<'_>) -> Option<()> {
    let (name, schema) = [
        ("limit", json!({ "type": "integer", "description": "How many entries at most." })),
        ("cursor", json!({ "type": "string", "description": "Where the last page ended." })),
        ("verbose", json!({ "type": "boolean" })),
        ("sort", json!({ "type": "string", "enum": ["asc", "desc"] })),
    ]
    .into_iter()
    .nth(s.instance % 4)?;
    add(&mut s.after, name, schema)
}

fn defaulted(s: &mut Subject<'_>) -> Option<()> {
    let (name, schema) = [
        ("limit", json!({ "type": "integer", "default": 20 })),
        ("include_archived", json!({ "type": "boolean", "default": false })),
        ("format", json!({ "type": "string", "enum": ["text", "json"], "default": "text" })),
    ]
    .into_iter()
    .nth(s.instance % 3)?;
    add(&mut s.after, name, schema)
}

fn removed(s: &mut Subject<'_>) -> Option<()> {
    let optional = |name: &str| !required(&s.after, name);
    let name = names_where(&s.after, |name, _| optional(name)).first()?.clone();
    parameters(&mut s.after)?.remove(&name).map(drop)
}

fn enum_value(s: &mut Subject<'_>) -> Option<()> {
    const VALUES: [&str; 4] = ["auto", "compact", "none", "weekly"];
    let has = |schema: &Value| schema.get("enum").is_some_and(Value::is_array);
    let name = names_where(&s.after, |_, schema| has(schema)).first()?.clone();
    let value = VALUES.get(s.instance % VALUES.len())?;
    let all = parameters(&mut s.after)?.get_mut(&name)?.get_mut("enum")?.as_array_mut()?;
    if all.iter().any(|old| old == value) {
        return None;
    }
    all.push((*value).into());
    Some(())
}

fn range(s: &mut Subject<'_>) -> Option<()> {
    let free = |schema: &Value| {
        let kind = schema.get("type").and_then(Value::as_str);
        let limit = match kind {
            Some("integer" | "number") => "maximum",
            Some("string") => "maxLength",
            _ => return false,
        };
        schema.get(limit).is_none()
    };
    let name = names_where(&s.after, |_, schema| free(schema)).first()?.clone();
    let schema = parameters(&mut s.after)?.get_mut(&name)?.as_object_mut()?;
    let text = schema.get("type") == Some(&json!("string"));
    schema.insert(if text { "maxLength" } else { "maximum" }.to_owned(), json!(1000));
    Some(())
}

fn relaxed(s: &mut Subject<'_>) -> Option<()> {
    let names = object(&mut s.after, "inputSchema")?.get_mut("required")?.as_array_mut()?;
    names.pop().map(drop)
}

fn deprecated(s: &mut Subject<'_>) -> Option<()> {
    let name =
        names_where(&s.after, |_, schema| schema.get("deprecated").is_none()).first()?.clone();
    let schema = parameters(&mut s.after)?.get_mut(&name)?.as_object_mut()?;
    schema.insert("deprecated".to_owned(), json!(true));
    Some(())
}

fn output(s: &mut Subject<'_>) -> Option<()> {
    if s.after.get("outputSchema").is_some() {
        return None;
    }
    let schema = json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": { "type": "string" } } },
        "required": ["items"],
    });
    s.after.as_object_mut()?.insert("outputSchema".to_owned(), schema);
    Some(())
}

/// Adds a title: the name in words.
fn title(s: &mut Subject<'_>) -> Option<()> {
    let words = s.after.get("name")?.as_str()?.replace(['_', '-', '.'], " ");
    let mut letters = words.chars();
    let title = format!("{}{}", letters.next()?.to_uppercase(), letters.as_str());
    let old = s.after.as_object_mut()?.insert("title".to_owned(), title.clone().into());
    (old != Some(title.into())).then_some(())
}

fn read_only(s: &mut Subject<'_>) -> Option<()> {
    const READING: [&str; 6] = ["get", "list", "search", "read", "show", "find"];
    let name = s.after.get("name")?.as_str()?.to_ascii_lowercase();
    if !READING.iter().any(|verb| name.contains(verb)) {
        return None;
    }
    let annotations = object(&mut s.after, "annotations")?;
    annotations.insert("readOnlyHint".to_owned(), json!(true)).is_none().then_some(())
}

fn permission_dropped(s: &mut Subject<'_>) -> Option<()> {
    let extra =
        json!({ "scope": "history:read", "description": "Read history", "required": false });
    prepare(s, |tool| {
        member(tool)?.get_mut("permissions")?.as_array_mut()?.push(extra.clone());
        Some(())
    })?;
    member(&mut s.after)?.get_mut("permissions")?.as_array_mut()?.pop().map(drop)
}
