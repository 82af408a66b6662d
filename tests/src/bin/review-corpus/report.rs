//! Reports the counts as Markdown tables and as JSON, without any text of a server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use etdi_review::hygiene::Severity;
use serde_json::{Value, json};

use crate::measure::{Classes, Measured, POLICIES};

/// Both halves: development, held out.
pub type Halves = [Measured; 2];

/// The text above the tables: their subject and their limits.
const INTRODUCTION: &str = "\
# Measurements of the review

`cargo xtask review --write` made this page. `cargo xtask review` repeats the measurement, and fails if this page differs from the result. It installs the servers of `tests/corpus` from lock files, starts each without a network, lists its tools, and makes both sets of upgrades from their definitions. The choice is never random. No text of these servers is in the repository.

- **Benign** upgrades are changes that honest publishers make, from a version number alone to a new optional parameter. The kinds whose names begin with *hard* are honest texts that look like attacks: links, mentions of other tools of the same server, the words *must*, *never* and *secret*, letters of other scripts.
- **Poisoned** upgrades are the publicly known tricks of tool poisoning. Each trick has a template, and each text is put in four places: at the end, at the beginning and in the middle of the description, and in a parameter's description. The templates were finished before their author had seen a rule. Some were written to be missed: paraphrases without an order, other languages. *Signer or issuer* is the next version of an honest definition with evidence of another party, or without evidence.
- **Halves**: servers, templates and added sentences are divided by the SHA-256 of their names, so each server, template and added sentence is in one half only. The halves share the kinds and the author. They also share one order: the text that is given to the templates which encode, space or hide a text.
- **How to read the halves**: the rules were tuned on the definitions and wordings of the development half, so its few misses only show that the rules know these texts. The rules were not tuned on the held-out half: it shows how they treat wordings and definitions that they do not know. One choice was made after the numbers of the held-out half had been read, for safety and not for better numbers: the tuned rules had made findings of low severity notable in a change, and they are critical again, as they were before.

The totals depend on the number of upgrades of each kind, which we chose, so read the kinds. No attacker adapts to the rules here; a real attacker reads them. A miss at the default policy is not an approval: that policy asks about every change, and a miss only means that the question does not stress the change.

";

/// Returns the tables in Markdown.
pub fn tables(halves: &Halves) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _written = text
        .write_str(INTRODUCTION)
        .and_then(|()| corpus(&mut text, halves))
        .and_then(|()| prompts(&mut text, halves))
        .and_then(|()| benign(&mut text, halves))
        .and_then(|()| poisoned(&mut text, halves))
        .and_then(|()| hygiene(&mut text, halves));
    text
}

fn corpus(text: &mut String, [development, held_out]: &Halves) -> std::fmt::Result {
    writeln!(text, "## The corpus\n")?;
    writeln!(text, "| | development | held out |\n| --- | ---: | ---: |")?;
    let mut row = |name: &str, count: fn(&Measured) -> usize| {
        writeln!(text, "| {name} | {} | {} |", count(development), count(held_out))
    };
    row("servers", |half| half.servers)?;
    row("tools", |half| half.tools)?;
    row("tools that the wire format refuses", |half| half.refused)?;
    row("benign upgrades", |half| Classes::sum(half.benign.values()).all())?;
    row("critical benign upgrades", |half| Classes::sum(half.benign.values()).critical)?;
    row("poisoned upgrades", |half| Classes::sum(half.poisoned.values()).all())?;
    row("missed poisoned upgrades, below critical", |half| {
        Classes::sum(half.poisoned.values()).missed()
    })
}

fn prompts(text: &mut String, halves: &Halves) -> std::fmt::Result {
    writeln!(text, "\n## Prompts and misses\n")?;
    writeln!(
        text,
        "| a policy that accepts | benign upgrades asked about, development | held out | poisoned upgrades accepted, development | held out |"
    )?;
    writeln!(text, "| --- | ---: | ---: | ---: | ---: |")?;
    let benign = halves.each_ref().map(|half| Classes::sum(half.benign.values()));
    let poisoned = halves.each_ref().map(|half| Classes::sum(half.poisoned.values()));
    for (at, (name, _)) in POLICIES.iter().enumerate() {
        write!(text, "| {name} |")?;
        for half in benign {
            write!(text, " {} |", share(half.asked[at], half.all()))?;
        }
        for half in poisoned {
            write!(text, " {} |", share(half.all() - half.asked[at], half.all()))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn benign(text: &mut String, halves: &Halves) -> std::fmt::Result {
    writeln!(text, "\n## Benign upgrades by kind\n")?;
    writeln!(text, "Critical / notable / wording, by the worst change of each.\n")?;
    by_kind(text, halves.each_ref().map(|half| &half.benign))
}

fn poisoned(text: &mut String, halves: &Halves) -> std::fmt::Result {
    writeln!(text, "\n## Poisoned upgrades by kind\n")?;
    writeln!(
        text,
        "Critical / notable / wording, by the worst change of each. An upgrade below critical is a miss. Two kinds are below critical by definition: *annotations calmed* is a hint that changed to the safer value, and some of *schema wider* are an additional optional parameter or a removed pattern, without words that a rule knows.\n"
    )?;
    by_kind(text, halves.each_ref().map(|half| &half.poisoned))
}

fn by_kind(text: &mut String, halves: [&BTreeMap<&'static str, Classes>; 2]) -> std::fmt::Result {
    writeln!(text, "| kind | development | held out |\n| --- | ---: | ---: |")?;
    let cell = |classes: Classes| {
        let Classes { critical, notable, wording, .. } = classes;
        format!("{critical} / {notable} / {wording} of {}", classes.all())
    };
    let kinds: BTreeSet<_> = halves.iter().flat_map(|half| half.keys()).collect();
    for kind in kinds {
        let [development, held_out] =
            halves.map(|half| half.get(kind).map_or_else(|| "—".to_owned(), |one| cell(*one)));
        writeln!(text, "| {kind} | {development} | {held_out} |")?;
    }
    let [development, held_out] = halves.map(|half| cell(Classes::sum(half.values())));
    writeln!(text, "| **all** | {development} | {held_out} |")
}

fn hygiene(text: &mut String, halves: &Halves) -> std::fmt::Result {
    writeln!(text, "\n## Hygiene of the definitions as they are\n")?;
    writeln!(
        text,
        "Findings, and the tools that have them. No fault of these servers is known, so each finding counts as false.\n"
    )?;
    writeln!(text, "| rule | severity | development | held out |\n| --- | --- | ---: | ---: |")?;
    let kinds: BTreeSet<_> = halves.iter().flat_map(|half| half.hygiene.keys()).collect();
    for kind in kinds {
        let [development, held_out] = halves.each_ref().map(|half| {
            let count = half.hygiene.get(kind).copied().unwrap_or_default();
            format!("{} in {}", count.findings, count.tools)
        });
        writeln!(text, "| `{}` | {} | {development} | {held_out} |", kind.0, kind.1)?;
    }
    for (severity, name) in
        [(Severity::High, "high"), (Severity::Medium, "medium or high"), (Severity::Low, "any")]
    {
        let [development, held_out] = halves.each_ref().map(|half| {
            let tools = half.tools_with.get(&severity).copied().unwrap_or_default();
            share(tools, half.tools)
        });
        writeln!(text, "| tools with a finding | {name} | {development} | {held_out} |")?;
    }
    Ok(())
}

fn share(count: usize, all: usize) -> String {
    let percent = (count * 100 + all / 2).checked_div(all).unwrap_or_default();
    format!("{count} of {all} ({percent} %)")
}

/// Returns the same counts as one JSON object.
pub fn json([development, held_out]: &Halves) -> Value {
    let half = |half: &Measured| {
        let by_kind = |all: &BTreeMap<&'static str, Classes>| -> Value {
            all.iter().map(|(kind, classes)| ((*kind).to_owned(), counts(*classes))).collect()
        };
        let hygiene = |((rule, severity), count): (&(_, _), &crate::measure::Count)| {
            json!({
                "rule": rule,
                "severity": severity,
                "findings": count.findings,
                "tools": count.tools,
            })
        };
        json!({
            "servers": half.servers,
            "tools": half.tools,
            "refused": half.refused,
            "benign": by_kind(&half.benign),
            "benign_all": counts(Classes::sum(half.benign.values())),
            "poisoned": by_kind(&half.poisoned),
            "poisoned_all": counts(Classes::sum(half.poisoned.values())),
            "hygiene": half.hygiene.iter().map(hygiene).collect::<Vec<_>>(),
            "tools_with_a_finding": half.tools_with.iter()
                .map(|(severity, tools)| (severity.to_string(), json!(tools)))
                .collect::<Value>(),
        })
    };
    json!({ "development": half(development), "held_out": half(held_out) })
}

fn counts(classes: Classes) -> Value {
    json!({
        "critical": classes.critical,
        "notable": classes.notable,
        "wording": classes.wording,
        "asked": POLICIES.iter().zip(classes.asked)
            .map(|((accepted, _), asked)| json!({ "accepted": accepted, "asked": asked }))
            .collect::<Vec<_>>(),
    })
}
