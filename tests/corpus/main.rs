//! Checks the upgrades on which the review of changes is measured: each may change only the places that
//! it names.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use etdi_tests::corpus::{
    Half, Tool, Upgrade, benign, benign_upgrades, listing, poison, poisoned_upgrades,
};
use etdi_types::{DEFINITION_KEY, ToolDefinition};
use serde_json::{Value, json};

const EACH: usize = 3;

#[test]
fn the_same_tools_give_the_same_upgrades_in_whatever_order_they_come() {
    let tools = tools();
    let backwards: Vec<_> = tools.iter().rev().cloned().collect();
    let all = |tools: &[Tool]| -> Vec<_> {
        upgrades(tools).into_iter().map(|upgrade| format!("{upgrade:?}")).collect()
    };
    assert_eq!(all(&tools), all(&backwards));
}

#[test]
fn every_kind_and_every_template_has_the_requested_number_of_upgrades_in_its_half() {
    let tools = tools();
    for half in Half::ALL {
        let counts = counted(&benign_upgrades(&tools, half, EACH));
        let wanted: BTreeMap<_, _> = benign::kinds().iter().map(|kind| (kind.name, EACH)).collect();
        assert_eq!(counts, wanted);
        assert!(counts.values().sum::<usize>() >= 50);

        let counts = counted(&poisoned_upgrades(&tools, half, EACH));
        let templates = poison::templates();
        let own = templates.iter().filter(|template| Half::of(template.id) == half);
        let wanted: BTreeMap<_, _> = own.map(|template| (template.id, EACH)).collect();
        assert_eq!(counts, wanted);
        assert!(counts.values().sum::<usize>() >= 50);
    }
}

#[test]
fn every_upgrade_differs_only_where_it_says() {
    for upgrade in upgrades(&tools()) {
        let mut places = BTreeSet::new();
        differences("", &upgrade.before, &upgrade.after, &mut places);
        let version = format!("/_meta/{}/version", DEFINITION_KEY.replace('/', "~1"));
        assert!(places.remove(&version), "{upgrade:#?}");
        let touched = |place: &String| upgrade.touches.iter().any(|touch| place.starts_with(touch));
        assert!(places.iter().all(touched), "{}: {places:?}", upgrade.template);
        assert_eq!(places.is_empty(), upgrade.touches.is_empty(), "{upgrade:#?}");
    }
}

#[test]
fn the_text_of_a_template_is_where_a_model_reads_it() {
    let tools = tools();
    let all = Half::ALL.map(|half| poisoned_upgrades(&tools, half, 4)).concat();
    for template in poison::templates() {
        let text = match template.change {
            poison::Change::Text(text) if !text.contains('{') => text.to_owned(),
            poison::Change::Rewritten(rewrite, text) => rewrite(text),
            _ => continue,
        };
        let made: Vec<_> = all.iter().filter(|upgrade| upgrade.template == template.id).collect();
        let mut places = BTreeSet::new();
        for upgrade in made {
            let holds = |tool: &Value, place: &str| {
                tool.pointer(place).and_then(Value::as_str).is_some_and(|read| read.contains(&text))
            };
            let mut changed = BTreeSet::new();
            differences("", &upgrade.before, &upgrade.after, &mut changed);
            let place = changed.iter().find(|place| holds(&upgrade.after, place));
            places.insert(place.unwrap_or_else(|| panic!("{upgrade:#?}")).clone());
        }
        assert!(places.len() >= 2, "{}: {places:?}", template.id);
    }
}

#[test]
fn every_upgrade_is_a_definition_before_and_after() {
    for upgrade in upgrades(&tools()) {
        let [before, after] = [&upgrade.before, &upgrade.after]
            .map(|tool| ToolDefinition::parse(tool.to_string().as_bytes()).unwrap());
        assert_ne!(before.digest(), after.digest(), "{}", upgrade.template);
        let version = |tool: &ToolDefinition| tool.signed().unwrap().version.to_string();
        assert_eq!((version(&before).as_str(), version(&after).as_str()), ("1.0.0", "1.0.1"));
    }
}

#[test]
fn servers_templates_and_sentences_belong_to_one_half_each() {
    let tools = tools();
    let [development, held_out] = Half::ALL.map(|half| {
        let mut all = benign_upgrades(&tools, half, EACH);
        all.extend(poisoned_upgrades(&tools, half, EACH));
        all
    });
    let servers =
        |all: &[Upgrade]| -> BTreeSet<_> { all.iter().map(|one| one.server.clone()).collect() };
    assert!(servers(&development).is_disjoint(&servers(&held_out)));
    let sentence = |all: &[Upgrade]| -> BTreeSet<_> {
        let added = all.iter().filter(|upgrade| upgrade.kind == "sentence added");
        added
            .map(|upgrade| {
                let [before, after] = [&upgrade.before, &upgrade.after]
                    .map(|tool| tool["description"].as_str().unwrap());
                after.strip_prefix(before).unwrap().to_owned()
            })
            .collect()
    };
    assert!(sentence(&development).is_disjoint(&sentence(&held_out)));
}

#[test]
fn names_are_unique_and_both_halves_have_enough() {
    let templates = poison::templates();
    let ids: BTreeSet<_> = templates.iter().map(|template| template.id).collect();
    assert_eq!(ids.len(), templates.len());
    let servers = listing::servers(&folder()).unwrap();
    assert!(servers.len() >= 10);
    for half in Half::ALL {
        let of = |name: &str| Half::of(name) == half;
        assert!(templates.iter().filter(|template| of(template.id)).count() >= 50);
        assert!(servers.iter().filter(|server| of(&server.package)).count() >= 10);
    }
}

#[test]
fn the_readme_names_each_server_with_its_half() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for server in listing::servers(&folder()).unwrap() {
        let row =
            readme.lines().find(|line| line.starts_with(&format!("| `{}` |", server.package)));
        let row = row.unwrap_or_else(|| panic!("{} is missing", server.package));
        let end = format!("| {} | {} |", server.publisher, Half::of(&server.package).name());
        assert!(row.ends_with(&end), "{row}");
    }
}

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn upgrades(tools: &[Tool]) -> Vec<Upgrade> {
    let both = Half::ALL.map(|half| {
        let mut all = benign_upgrades(tools, half, EACH);
        all.extend(poisoned_upgrades(tools, half, EACH));
        all
    });
    both.concat()
}

fn counted(upgrades: &[Upgrade]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for upgrade in upgrades {
        *counts.entry(upgrade.template).or_default() += 1;
    }
    counts
}

/// Returns the tools of four servers of each half: three tools each, which have a part for every edit.
fn tools() -> Vec<Tool> {
    let mut servers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in (0..).map(|number| format!("made-up-{number}")) {
        let of = servers.entry(Half::of(&name).name()).or_default();
        if of.len() < 4 {
            of.push(name);
        }
        if servers.values().map(Vec::len).sum::<usize>() == 8 {
            break;
        }
    }
    let all = servers.into_values().flatten();
    all.flat_map(|server| {
        ["get_page", "list_pages", "search_notes"].map(|name| tool(&server, name))
    })
    .collect()
}

fn tool(server: &str, name: &str) -> Tool {
    let raw = json!({
        "name": name,
        "description": "Get specific entries, by name. Returns what was found. Gives up early.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What to look for." },
                "count": { "type": "integer" },
                "order": { "type": "string", "enum": ["up", "down"] },
            },
            "required": ["query"],
        },
    });
    Tool { server: server.to_owned(), name: name.to_owned(), raw: raw.to_string() }
}

/// Collects the places where two values differ, as JSON pointers, including members of one side only.
fn differences(at: &str, before: &Value, after: &Value, places: &mut BTreeSet<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for name in before.keys().chain(after.keys()) {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                let [before, after] =
                    [before, after].map(|object| object.get(name).unwrap_or(&Value::Null));
                differences(&at, before, after, places);
            }
        }
        _ if before == after => {}
        _ => {
            places.insert(at.to_owned());
        }
    }
}
