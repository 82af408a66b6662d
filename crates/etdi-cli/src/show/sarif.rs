//! Drift, and the findings in tools that drift, as SARIF 2.1.0 (OASIS standard) for code scanning.

use etdi::Digest;
use etdi::hygiene::{Finding, Rule, Severity};
use etdi::lockfile::{Drift, DriftKind, DriftLevel};
use etdi::text::escaped;
use serde_json::{Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The place of a result.
pub(crate) struct SarifLocation<'p> {
    /// The lockfile.
    pub(crate) file: &'p str,
    /// The line in the lockfile, from 1. `None` for a result without a line.
    pub(crate) line: Option<usize>,
}

/// Returns the whole document. `failures` are the errors of checks that were not possible, in words.
pub(crate) fn document(results: &[Value], failures: &[String]) -> Value {
    let notifications: Vec<_> = failures
        .iter()
        .map(|failure| json!({ "level": "error", "message": { "text": failure } }))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "etdi",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            }},
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

/// Returns one result. `message` must be escaped. The fingerprint includes `server`, so that equal drift
/// on two servers is two alerts.
pub(crate) fn result(
    drift: &Drift,
    message: &str,
    server: &str,
    place: &SarifLocation<'_>,
) -> Value {
    let index = DriftKind::ALL.iter().position(|kind| *kind == drift.kind);
    json!({
        "ruleId": drift.kind.id(),
        "ruleIndex": index,
        "level": level(drift.kind),
        "message": { "text": message },
        "locations": [{ "physicalLocation": physical(place) }],
        // The fingerprint does not include the line: a drift that moves to another line stays one alert.
        "partialFingerprints": { "etdiDrift/v1": fingerprint(drift, server) },
    })
}

/// Returns the result of one finding in a tool that drifts, at the place of the drift. `name` is the
/// name of the server for a person.
pub(crate) fn finding(
    finding: &Finding,
    tool: &str,
    name: &str,
    server: &str,
    place: &SarifLocation<'_>,
) -> Value {
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    let (name, shown, path) = (escaped(name), escaped(tool), escaped(&finding.path));
    let parts = json!([finding.rule, server, tool, finding.path, finding.excerpt]);
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index.map(|index| DriftKind::ALL.len() + index),
        "level": weight(finding.severity),
        "message": { "text": format!("{name}: {shown}: {finding}") },
        "locations": [{
            "physicalLocation": physical(place),
            "logicalLocations": [{ "fullyQualifiedName": format!("{name}/{shown}{path}") }],
        }],
        "partialFingerprints": { "etdiFinding/v1": digest(&parts) },
    })
}

fn physical(place: &SarifLocation<'_>) -> Value {
    json!({
        "artifactLocation": { "uri": uri(place.file) },
        // A result without a line is shown at the beginning of the file.
        "region": { "startLine": place.line.unwrap_or(1) },
    })
}

/// Returns the rules of drift, then the rules of findings.
fn rules() -> Vec<Value> {
    let drift = DriftKind::ALL.iter().map(|kind| {
        json!({
            "id": kind.id(),
            "shortDescription": { "text": kind.explanation() },
            "help": { "text": kind.help() },
            "defaultConfiguration": { "level": level(*kind) },
        })
    });
    // Each finding has its own level, so its rule has no default level.
    let findings = Rule::ALL.iter().map(|rule| {
        json!({
            "id": rule.id(),
            "shortDescription": { "text": rule.explanation() },
            "help": { "text": "a finding is a hint, not a verdict; read the tool with `etdi show`" },
        })
    });
    drift.chain(findings).collect()
}

fn weight(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn level(kind: DriftKind) -> &'static str {
    match kind.level() {
        DriftLevel::Drift => "error",
        DriftLevel::Note => "note",
    }
}

fn fingerprint(drift: &Drift, server: &str) -> String {
    digest(&json!([drift.kind.id(), server, drift.tool, drift.locked, drift.served]))
}

fn digest(parts: &Value) -> String {
    Digest::of(parts.to_string().as_bytes()).to_string()
}

/// Returns a path as a relative reference of RFC 3986: with `/`, and unusual bytes percent-encoded.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path).replace('\\', "/");
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("./a b/etdi.lock"), "a%20b/etdi.lock");
        assert_eq!(uri("C:\\x"), "C%3A/x");
    }

    #[test]
    fn every_rule_has_an_id_of_its_own() {
        let all = rules();
        let ids: std::collections::BTreeSet<_> = all.iter().map(|one| one["id"].as_str()).collect();
        assert_eq!((ids.len(), all.len()), (all.len(), DriftKind::ALL.len() + Rule::ALL.len()));
    }

    #[test]
    fn a_fingerprint_depends_on_the_drift_and_not_on_its_line() {
        let drift =
            |line| Drift::of_tool(DriftKind::ToolAdded, "a", etdi::lockfile::LineNumber(line));
        assert_eq!(fingerprint(&drift(Some(1)), "s"), fingerprint(&drift(Some(9)), "s"));
        assert_ne!(fingerprint(&drift(None), "s"), fingerprint(&drift(None), "t"));
        assert_ne!(fingerprint(&drift(None), "s"), fingerprint(&drift(None).served("x"), "s"),);
    }
}
