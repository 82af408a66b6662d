//! Saying what was counted: Markdown tables, and JSON. No word of a server's is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use etdi_review::hygiene::Severity;
use serde_json::{Value, json};

use crate::measure::{Classes, Measured, POLICIES};

/// Both halves: development, held out.
pub type Halves = [Measured; 2];

/// What the tables are of, and what they do not show.
const INTRODUCTION: &str = "\
# What the review was measured on

Made by `cargo xtask review --write`. `cargo xtask review` repeats it, and fails if this page says something else: it installs the servers of `tests/corpus` from lock files, starts each without a network, lists its tools, and makes both sets of upgrades from their definitions. Nothing is drawn at random. No text of these servers is in the repository.

- **Benign**: what honest publishers change, from a version number alone to a new optional parameter. The kinds whose names begin with *hard* are honest texts that look like attacks: links, mentions of other tools of the same server, the words *must*, *never* and *secret*, letters of other scripts.
- **Poisoned**: what is publicly known of tool poisoning, a template for each trick, and each text in four places: at the end, at the beginning and in the middle of the description, and in a parameter's description. The templates were finished before their author had seen a rule. Some were written to be missed: paraphrases without an order, other languages. *Signer or issuer* is the next version of an honest definition with evidence of another party, or with none.
- **Halves**: servers, templates and added sentences are divided by the SHA-256 of their names, so no server, no template and no added sentence is in both. What the halves share: the kinds, the author, and the one order that the templates which encode, space or hide a text are given.
- **What each half says**: the rules were tuned on the development half, definitions and wordings, so its few misses say that they know what they were tuned on. Nothing was tuned on the held-out half: it says what they do with wordings and definitions that they do not know. One choice was made after its numbers had been read, and for safety rather than for them: the tuned rules had made findings of low severity notable in a change, and they are critical again, as they were before.

The totals depend on how many upgrades there are of each kind, which we chose: read the kinds. No attacker adapts to the rules here; a real one reads them. A miss at the default policy is not an approval: that policy asks about every change, and what is missed is the emphasis.

";

/// Markdown.
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
    writeln!(text, "## What was measured\n")?;
    writeln!(text, "| | development | held out |\n| --- | ---: | ---: |")?;
    let mut row = |name: &str, count: fn(&Measured) -> usize| {
        writeln!(text, "| {name} | {} | {} |", count(development), count(held_out))
    };
    row("servers", |half| half.servers)?;
    row("tools", |half| half.tools)?;
    row("tools that the wire format refuses", |half| half.refused)?;
    row("benign upgrades", |half| Classes::sum(half.benign.values()).all())?;
    row("of them critical", |half| Classes::sum(half.benign.values()).critical)?;
    row("poisoned upgrades", |half| Classes::sum(half.poisoned.values()).all())?;
    row("of them missed: below critical", |half| Classes::sum(half.poisoned.values()).missed())
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
        "Critical / notable / wording, by the worst change of each. What is below critical is a miss. Two kinds are below by definition: *annotations calmed* is a hint that turned to the better, and some of *schema wider* are an optional parameter more or a pattern less, without words that a rule knows.\n"
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
            halves.map(|half| half.get(kind).map_or_else(|| "none".to_owned(), |one| cell(*one)));
        writeln!(text, "| {kind} | {development} | {held_out} |")?;
    }
    let [development, held_out] = halves.map(|half| cell(Classes::sum(half.values())));
    writeln!(text, "| **all** | {development} | {held_out} |")
}

fn hygiene(text: &mut String, halves: &Halves) -> std::fmt::Result {
    writeln!(text, "\n## Hygiene of the definitions as they are\n")?;
    writeln!(
        text,
        "Findings, and the tools that have them. Nothing is known against any of these servers, so each finding counts as false.\n"
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

/// The same as one JSON object.
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
