//! Runs the demos as a smoke test. They must succeed, and their JSON must say that every claim holds.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::step::Step;

const SCENARIOS: &[&str] = &["tool-poisoning", "e2e"];

pub(crate) fn run() -> Result<()> {
    Step::cargo("demos").args(["run", "-q", "-p", "demos"]).run()?;
    for scenario in SCENARIOS {
        let output = Step::cargo(format!("demo {scenario} as JSON"))
            .args(["run", "-q", "-p", "demos", "--", scenario, "--json"])
            .read()?;
        check(scenario, &output)
            .with_context(|| format!("cannot accept the JSON of {scenario}:\n{output}\nreason"))?;
    }
    Ok(())
}

/// Checks that each line is an object of this scenario with claims, and that all claims pass.
fn check(scenario: &str, output: &str) -> Result<()> {
    let mut transports = Vec::new();
    for line in output.lines() {
        let result: Value = serde_json::from_str(line).context("a line is not JSON")?;
        ensure!(text(&result, "scenario") == Some(scenario), "a line has another scenario");
        ensure!(result.get("issuer").is_some(), "a line has no `issuer`");
        let transport = text(&result, "transport").context("a line has no `transport`")?;
        ensure!(!transports.contains(&transport.to_owned()), "two lines are for {transport}");
        transports.push(transport.to_owned());
        let claims = result.get("claims").and_then(Value::as_array);
        let claims = claims.filter(|claims| !claims.is_empty()).context("a line has no claims")?;
        for claim in claims {
            for member in ["id", "claim", "expected", "observed"] {
                ensure!(claim.get(member).is_some(), "a claim has no `{member}`: {claim}");
            }
            ensure!(passes(claim), "a claim does not hold: {claim}");
        }
        ensure!(passes(&result), "a line does not pass");
    }
    ensure!(!transports.is_empty(), "the output has no lines");
    Ok(())
}

fn passes(value: &Value) -> bool {
    value.get("pass") == Some(&Value::Bool(true))
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"scenario":"s","transport":"stdio","issuer":null,"claims":[{"id":"1","claim":"c","expected":1,"observed":1,"pass":true}],"pass":true}"#;

    #[test]
    fn a_passing_line_for_each_transport_is_accepted() {
        check("s", &format!("{GOOD}\n{}\n", GOOD.replace("stdio", "http"))).unwrap();
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "not json",
            &format!("{GOOD}\n{GOOD}"),
            &GOOD.replace(r#""scenario":"s""#, r#""scenario":"t""#),
            &GOOD.replace(r#""issuer":null,"#, ""),
            &GOOD.replace(r#""observed":1,"#, ""),
            &GOOD.replacen(r#""pass":true"#, r#""pass":false"#, 1),
            &GOOD.replace(r#"],"pass":true"#, r#"],"pass":false"#),
            r#"{"scenario":"s","transport":"http","issuer":null,"claims":[],"pass":true}"#,
        ] {
            assert!(check("s", bad).is_err(), "{bad}");
        }
    }
}
