//! Decides which tool gets which change.

use std::collections::HashMap;

use etdi_types::Digest;
use serde_json::{Value, json};

use super::poison::templates;
use super::tool::member;
use super::{Half, Subject, Surroundings, Tool, Upgrade, benign as honest};

/// Returns the benign upgrades of one half: `each` of every kind, or fewer if fewer tools have the part
/// that the kind changes.
pub fn benign(tools: &[Tool], half: Half, each: usize) -> Vec<Upgrade> {
    let own = Corpus::of(tools, half);
    let kinds = honest::kinds().iter();
    let some = kinds.flat_map(|kind| {
        own.upgrades(kind.name, each, |subject| kind.apply(subject, half)).map(
            |(tool, before, after)| {
                own.upgrade(kind.name, kind.name, kind.touches, tool, before, after)
            },
        )
    });
    some.collect()
}

/// Returns the poisoned upgrades of one half: `each` with every template of the half.
pub fn poisoned(tools: &[Tool], half: Half, each: usize) -> Vec<Upgrade> {
    let own = Corpus::of(tools, half);
    let templates = templates().into_iter().filter(|template| Half::of(template.id) == half);
    let some = templates.flat_map(|template| {
        let touches = template.touches();
        let made: Vec<_> =
            own.upgrades(template.id, each, |subject| template.apply(subject)).collect();
        made.into_iter().map(move |(tool, before, after)| {
            (template.kind, template.id, touches, tool, before, after)
        })
    });
    some.map(|(kind, id, touches, tool, before, after)| {
        own.upgrade(kind, id, touches, tool, before, after)
    })
    .collect()
}

/// The tools of one half.
struct Corpus<'t> {
    half: Half,
    tools: Vec<&'t Tool>,
}

impl<'t> Corpus<'t> {
    fn of(tools: &'t [Tool], half: Half) -> Self {
        let mut tools: Vec<_> =
            tools.iter().filter(|tool| Half::of(&tool.server) == half).collect();
        tools.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        Self { half, tools }
    }

    /// Applies `edit` to tools until there are `count` upgrades. The order of the tools follows from
    /// `what` and their names. Each server is used once before any server is used again.
    fn upgrades(
        &self,
        what: &'static str,
        count: usize,
        edit: impl Fn(&mut Subject<'_>) -> Option<()>,
    ) -> impl Iterator<Item = (&'t Tool, Value, Value)> {
        let mut made = Vec::new();
        for tool in self.in_order(what) {
            if made.len() == count {
                break;
            }
            let siblings =
                self.names(|other| other.server == tool.server && other.name != tool.name);
            let elsewhere =
                self.names(|other| other.server != tool.server && other.name != tool.name);
            // Texts mention only names with a separator. Another name, such as `fetch`, can also be an
            // ordinary word.
            let elsewhere: Vec<_> =
                elsewhere.into_iter().filter(|name| name.contains(['_', '-'])).collect();
            let elsewhere = rotated(elsewhere, &[what, &tool.server, &tool.name]);
            let Some(before) = tool.published() else { continue };
            let around = Surroundings { siblings: &siblings, elsewhere: &elsewhere };
            let mut subject =
                Subject { after: before.clone(), before, around, instance: made.len() };
            if edit(&mut subject).is_some() && bump(&mut subject.after).is_some() {
                made.push((tool, subject.before, subject.after));
            }
        }
        made.into_iter()
    }

    fn in_order(&self, what: &str) -> Vec<&'t Tool> {
        let mut tools = self.tools.clone();
        tools.sort_by_key(|tool| key(&[what, &tool.server, &tool.name]));
        let mut rounds: HashMap<&str, usize> = HashMap::new();
        let mut ordered: Vec<_> = tools
            .into_iter()
            .map(|tool| {
                let round = rounds.entry(&tool.server).or_default();
                *round += 1;
                (*round, tool)
            })
            .collect();
        // The sort is stable: the order within a round stays.
        ordered.sort_by_key(|(round, _)| *round);
        ordered.into_iter().map(|(_, tool)| tool).collect()
    }

    fn names(&self, wanted: impl Fn(&Tool) -> bool) -> Vec<String> {
        self.tools.iter().filter(|tool| wanted(tool)).map(|tool| tool.name.clone()).collect()
    }

    fn upgrade(
        &self,
        kind: &'static str,
        template: &'static str,
        touches: &'static [&'static str],
        tool: &Tool,
        before: Value,
        after: Value,
    ) -> Upgrade {
        let (server, name) = (tool.server.clone(), tool.name.clone());
        Upgrade { half: self.half, kind, template, server, tool: name, before, after, touches }
    }
}

/// Sets the version of the upgraded tool to 1.0.1.
fn bump(tool: &mut Value) -> Option<()> {
    member(tool)?.as_object_mut()?.insert("version".to_owned(), json!("1.0.1"));
    Some(())
}

fn key(parts: &[&str]) -> Digest {
    Digest::of(parts.join("\n").as_bytes())
}

fn rotated(mut names: Vec<String>, by: &[&str]) -> Vec<String> {
    let first = usize::from(key(by).as_bytes()[1]) % names.len().max(1);
    names.rotate_left(first);
    names
}
