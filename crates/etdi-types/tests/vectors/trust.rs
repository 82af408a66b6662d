//! Vectors of trust configurations, and the decision table as data.

use std::collections::BTreeMap;
use std::time::Duration;

use etdi_types::decision::action;
use etdi_types::{Row, SecurityLevel, TrustConfig, TrustError};
use serde::Deserialize;

use crate::files::{File, Head, load_as, run, same};

#[derive(Deserialize)]
struct Vector {
    #[serde(flatten)]
    head: Head,
    toml: String,
    providers: Option<Vec<String>>,
    refused: Option<String>,
}

#[test]
fn trust_configurations_are_read_or_refused() {
    run::<Vector>(
        "trust.json",
        |v| &v.head,
        |v| match TrustConfig::parse(&v.toml) {
            Ok(trust) => {
                let ids = trust.providers().iter().map(|p| p.id.clone()).collect();
                same(&Some(ids), &v.providers)
            }
            Err(error) => same(&Some(refusal(&error)), &v.refused.as_deref()),
        },
    );
}

fn refusal(error: &TrustError) -> &'static str {
    match error {
        TrustError::Toml(_) => "malformed",
        TrustError::DuplicateProvider(_) => "duplicate_provider",
        TrustError::DuplicateAuthority(_) => "duplicate_authority",
        TrustError::Authority(_) => "authority",
        TrustError::ProviderId(_) => "provider_id",
        TrustError::Url { .. } => "url",
        TrustError::KeySource(_) => "key_source",
        TrustError::MissingKid(_) => "missing_kid",
        TrustError::NoClients(_) => "no_clients",
        _ => "?",
    }
}

#[derive(Deserialize)]
struct Decisions {
    #[serde(flatten)]
    file: File<Decision>,
    levels: BTreeMap<String, String>,
    offline_grace_seconds: BTreeMap<String, u64>,
    definition_max_age_seconds: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Decision {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    actions: BTreeMap<String, String>,
}

#[test]
fn the_decision_table_is_the_one_in_the_vectors() {
    let table: Decisions = load_as("decisions.json");
    assert_eq!(table.file.vectors.len(), Row::ALL.len());
    for row in Row::ALL.iter().copied() {
        let name = serde_json::to_value(row).unwrap();
        let vector = table
            .file
            .vectors
            .iter()
            .find(|v| name == v.head.name.as_str())
            .unwrap_or_else(|| panic!("no vector for {row:?}"));
        for level in [SecurityLevel::Basic, SecurityLevel::Enhanced, SecurityLevel::Strict] {
            let got = serde_json::to_value(action(row, level)).unwrap();
            let want = &vector.actions[&level.to_string()];
            assert_eq!(got, want.as_str(), "{row:?} at {level}");
        }
    }
}

#[test]
fn levels_have_their_names_and_times() {
    let table: Decisions = load_as("decisions.json");
    for (text, name) in &table.levels {
        assert_eq!(&text.parse::<SecurityLevel>().unwrap().to_string(), name);
    }
    assert_eq!(SecurityLevel::default(), SecurityLevel::Enhanced);
    for (name, seconds) in &table.offline_grace_seconds {
        let level: SecurityLevel = name.parse().unwrap();
        assert_eq!(level.offline_grace(), Duration::from_secs(*seconds));
    }
    for (name, seconds) in &table.definition_max_age_seconds {
        let level: SecurityLevel = name.parse().unwrap();
        assert_eq!(level.definition_max_age(), Duration::from_secs(*seconds));
    }
}
