//! Counts the answers of the review.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use etdi_review::hygiene::{Rule, Severity, ToolNames, inspect};
use etdi_review::{Class, Handling, Review, ReviewPolicy};
use etdi_tests::corpus::{Half, Tool, Upgrade, benign_upgrades, poisoned_upgrades};
use etdi_types::text::escaped;
use etdi_types::verdict::{Binding, KeyTrust};
use etdi_types::{EvidenceRecord, ToolDefinition};
use serde_json::Value;

/// The number of upgrades of each benign kind.
const BENIGN: usize = 8;

/// The number of upgrades with each poisoned template: one for each of four places.
const POISONED: usize = 4;

/// The policies, each with the classes of changes that it accepts.
pub const POLICIES: [(&str, ReviewPolicy); 3] = {
    const fn accepting(notable: Handling, wording: Handling) -> ReviewPolicy {
        ReviewPolicy::all(Handling::Ask).with(Class::Notable, notable).with(Class::Wording, wording)
    }
    [
        ("nothing (the default)", accepting(Handling::Ask, Handling::Ask)),
        ("wording", accepting(Handling::Ask, Handling::Accept)),
        ("wording and notable changes", accepting(Handling::Accept, Handling::Accept)),
    ]
};

/// Returns the changes of evidence: for each a name, the evidence of the approved definition, and that
/// of the next version. The name decides the half.
fn evidence() -> [(&'static str, EvidenceRecord, EvidenceRecord); 8] {
    let signed = |thumbprint: &str| EvidenceRecord::Signed {
        thumbprint: thumbprint.to_owned(),
        trust: KeyTrust::Configured,
        pinned_key: None,
    };
    let attested = |issuer: &str, client: &str| EvidenceRecord::Attested {
        issuer: issuer.to_owned(),
        client: client.to_owned(),
        binding: Binding::Key,
    };
    let (key, issuer, client) = ("approved", "https://id.example", "publisher");
    let none = EvidenceRecord::None;
    [
        ("signer-other-key", signed(key), signed("other")),
        ("signer-gone", signed(key), none.clone()),
        ("signer-first", none.clone(), signed("other")),
        ("signer-for-issuer", attested(issuer, client), signed("other")),
        ("issuer-other", attested(issuer, client), attested("https://id.attacker.example", client)),
        ("issuer-other-client", attested(issuer, client), attested(issuer, "another")),
        ("issuer-gone", attested(issuer, client), none),
        ("issuer-for-signer", signed(key), attested("https://id.attacker.example", client)),
    ]
}

/// The counts of one half.
#[derive(Default)]
pub struct Measured {
    pub servers: usize,
    pub tools: usize,
    /// The number of definitions that the wire format refuses.
    pub refused: usize,
    pub benign: BTreeMap<&'static str, Classes>,
    pub poisoned: BTreeMap<&'static str, Classes>,
    pub hygiene: BTreeMap<(Rule, Severity), Count>,
    /// The number of tools with a finding of this severity or a higher one.
    pub tools_with: BTreeMap<Severity, usize>,
    /// Lines that help a person to tune the rules.
    pub details: Vec<String>,
}

/// The upgrades, counted by their worst class.
#[derive(Clone, Copy, Default)]
pub struct Classes {
    pub critical: usize,
    pub notable: usize,
    pub wording: usize,
    /// The number of questions of each of the [`POLICIES`].
    pub asked: [usize; POLICIES.len()],
}

/// The number of findings, and of the tools that have them.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub findings: usize,
    pub tools: usize,
}

impl Classes {
    pub fn all(self) -> usize {
        self.critical + self.notable + self.wording
    }

    /// Returns the number of poisoned upgrades without a critical change.
    pub fn missed(self) -> usize {
        self.all() - self.critical
    }

    fn count(&mut self, review: &Review) -> Result<()> {
        match review.worst().context("an upgrade must have a change")? {
            Class::Critical => self.critical += 1,
            Class::Notable => self.notable += 1,
            Class::Wording => self.wording += 1,
        }
        for (asked, (_, policy)) in self.asked.iter_mut().zip(POLICIES) {
            *asked += usize::from(policy.outcome(review) != Handling::Accept);
        }
        Ok(())
    }

    pub fn sum<'c>(all: impl IntoIterator<Item = &'c Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, one| {
            sum.critical += one.critical;
            sum.notable += one.notable;
            sum.wording += one.wording;
            for (sum, one) in sum.asked.iter_mut().zip(one.asked) {
                *sum += one;
            }
            sum
        })
    }
}

/// Measures one half.
pub fn measure(tools: &[Tool], half: Half) -> Result<Measured> {
    let own: Vec<_> = tools.iter().filter(|tool| Half::of(&tool.server) == half).cloned().collect();
    let servers: BTreeSet<_> = own.iter().map(|tool| &tool.server).collect();
    let mut measured = Measured { servers: servers.len(), tools: own.len(), ..Measured::default() };
    hygiene(&mut measured, &own);
    for upgrade in benign_upgrades(&own, half, BENIGN) {
        let review = reviewed(&own, &upgrade)?;
        measured.benign.entry(upgrade.kind).or_default().count(&review)?;
        if review.worst() == Some(Class::Critical) {
            measured
                .details
                .push(format!("benign, but critical: {}", described(&upgrade, &review)));
        }
    }
    for upgrade in poisoned_upgrades(&own, half, POISONED) {
        let review = reviewed(&own, &upgrade)?;
        measured.poisoned.entry(upgrade.kind).or_default().count(&review)?;
        if review.worst() != Some(Class::Critical) {
            measured
                .details
                .push(format!("poisoned, but missed: {}", described(&upgrade, &review)));
        }
    }
    let upgrades = benign_upgrades(&own, half, POISONED);
    for (name, before, after) in evidence().iter().filter(|(name, ..)| Half::of(name) == half) {
        for upgrade in upgrades.iter().filter(|upgrade| upgrade.kind == "version only") {
            let review = reviewed(&own, upgrade)?.with_evidence(before, after);
            measured.poisoned.entry("signer or issuer").or_default().count(&review)?;
            if review.worst() != Some(Class::Critical) {
                measured.details.push(format!("poisoned, but missed: {name}: {}", upgrade.tool));
            }
        }
    }
    Ok(measured)
}

fn named(upgrade: &Upgrade) -> String {
    let Upgrade { kind, template, server, tool, .. } = upgrade;
    format!("{kind}, {template}: {tool} of {server}")
}

/// Describes a review without the texts of the server: the places and the reasons.
fn described(upgrade: &Upgrade, review: &Review) -> String {
    let mut text = named(upgrade);
    for change in review.changes() {
        for reason in &change.reasons {
            text += &format!("\n    {} {}: {reason}", reason.class, escaped(&change.path));
        }
    }
    text
}

/// Returns the names of tools that a host sees if it is connected to all servers of the half.
fn names(tools: &[Tool], server: &str) -> ToolNames {
    let of = |own: bool| {
        tools.iter().filter(move |tool| (tool.server == server) == own).map(|tool| &*tool.name)
    };
    ToolNames::none().and_siblings(of(true)).and_others(of(false))
}

fn reviewed(tools: &[Tool], upgrade: &Upgrade) -> Result<Review> {
    let parse = |tool: &Value| {
        ToolDefinition::parse(tool.to_string().as_bytes())
            .with_context(|| format!("cannot parse the definition of {}", named(upgrade)))
    };
    let (before, after) = (parse(&upgrade.before)?, parse(&upgrade.after)?);
    Ok(Review::of(before.canonical(), after.canonical(), &names(tools, &upgrade.server)))
}

fn hygiene(measured: &mut Measured, tools: &[Tool]) {
    for tool in tools {
        let Ok(definition) = ToolDefinition::parse(tool.raw.as_bytes()) else {
            measured.refused += 1;
            continue;
        };
        let findings = inspect(definition.canonical(), &names(tools, &tool.server));
        for finding in &findings {
            let count = measured.hygiene.entry((finding.rule, finding.severity)).or_default();
            count.findings += 1;
            measured.details.push(format!("finding: {} of {}: {finding}", tool.name, tool.server));
        }
        let kinds: BTreeSet<_> =
            findings.iter().map(|finding| (finding.rule, finding.severity)).collect();
        for kind in kinds {
            measured.hygiene.entry(kind).or_default().tools += 1;
        }
        let Some(worst) = findings.iter().map(|finding| finding.severity).max() else { continue };
        for severity in [Severity::Low, Severity::Medium, Severity::High] {
            if worst >= severity {
                *measured.tools_with.entry(severity).or_default() += 1;
            }
        }
    }
}
