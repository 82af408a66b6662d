//! Vectors of definitions: digests, refusals, names, and publishers.

use etdi_types::evidence::{AttestationEvidence, ProviderKeys, check_signature};
use etdi_types::judge::Case;
use etdi_types::verdict::{ImpostorReason, KeyTrust, UnknownReason};
use etdi_types::{
    AuthorizationContext, Evidence, Known, Origin, Provider, Scope, ServerIdentity, ToolDefinition,
    ToolId, TrustConfig, Version, Who, judge,
};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::files::{Head, Input, definition_refusal, load, run, same};
use crate::keys::signature_refusal;

#[derive(Deserialize)]
struct Good {
    #[serde(flatten)]
    head: Head,
    tool: String,
    canonical: String,
    digest: String,
    served_name: String,
    id: Option<String>,
    version: Option<String>,
}

#[test]
fn definitions_have_their_canonical_form_and_digest() {
    run::<Good>(
        "definitions.json",
        |v| &v.head,
        |v| {
            let tool = ToolDefinition::parse(v.tool.as_bytes()).map_err(|e| e.to_string())?;
            same(tool.canonical().as_ref(), v.canonical.as_str())?;
            same(&tool.digest().to_string(), &v.digest)?;
            same(tool.served_name(), v.served_name.as_str())?;
            same(tool.raw(), v.tool.as_str())?;
            let signed = tool.signed();
            same(&signed.map(|part| part.id.to_string()), &v.id)?;
            same(&signed.map(|part| part.version.to_string()), &v.version)
        },
    );
}

#[derive(Deserialize)]
struct Bad {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    input: Input,
    refused: String,
}

#[test]
fn definitions_are_refused_each_with_its_own_error() {
    run::<Bad>(
        "definitions-bad.json",
        |v| &v.head,
        |v| match ToolDefinition::parse(&v.input.bytes()) {
            Ok(_) => Err("accepted".to_owned()),
            Err(error) => same(definition_refusal(&error), v.refused.as_str()),
        },
    );
}

#[derive(Deserialize)]
struct Name {
    #[serde(flatten)]
    head: Head,
    tool_id: Option<String>,
    version: Option<String>,
    scope: Option<String>,
    provider: Option<String>,
    versions_ascending: Option<Vec<String>>,
    valid: Option<bool>,
    authority: Option<String>,
}

#[test]
fn names_follow_section_1() {
    for vector in load::<Name>("names.json") {
        let Head { name, clause } = &vector.head;
        let valid = if let Some(text) = &vector.tool_id {
            let id = text.parse::<ToolId>();
            if let (Ok(id), Some(authority)) = (&id, &vector.authority) {
                assert_eq!(id.authority(), authority, "{name} [{clause}]");
            }
            id.is_ok_and(|id| id.as_str() == text)
        } else if let Some(text) = &vector.version {
            text.parse::<Version>().is_ok()
        } else if let Some(text) = &vector.scope {
            text.parse::<Scope>().is_ok()
        } else if let Some(text) = &vector.provider {
            Provider::new(text, "").is_ok_and(|provider| provider.id() == text)
        } else {
            let texts = vector.versions_ascending.as_ref().unwrap();
            let versions: Vec<Version> = texts.iter().map(|text| text.parse().unwrap()).collect();
            assert!(versions.is_sorted_by(|a, b| a < b), "{name} [{clause}]: {versions:?}");
            assert!(texts.iter().zip(&versions).all(|(t, v)| *t == v.to_string()));
            continue;
        };
        assert_eq!(Some(valid), vector.valid, "{name} [{clause}]");
    }
}

#[derive(Deserialize)]
struct Judged {
    #[serde(flatten)]
    head: Head,
    tool: String,
    trust: String,
    server: String,
    who: String,
    origin: Option<String>,
}

#[test]
fn the_evidence_decides_who_published_a_definition() {
    run::<Judged>(
        "evidence.json",
        |v| &v.head,
        |v| {
            let definition = ToolDefinition::parse(v.tool.as_bytes()).unwrap();
            let trust = TrustConfig::parse(&v.trust).unwrap();
            let server: ServerIdentity = v.server.parse().unwrap();
            let signature = check_signature(&definition, &trust, ProviderKeys::Listed, |_, _| None);
            let evidence = Evidence::new(signature, AttestationEvidence::Absent);
            let verdict = judge(Case {
                definition: &definition,
                evidence: &evidence,
                server: &server,
                context: &AuthorizationContext::None,
                trust: &trust,
                known: &Known::default(),
                scopes: None,
                now: OffsetDateTime::UNIX_EPOCH,
            });
            same(&who(&verdict.who), &v.who)?;
            let origin = match verdict.origin {
                Origin::Listed => "listed",
                Origin::Unproven => "unproven",
            };
            same(origin, v.origin.as_deref().unwrap_or(origin))
        },
    );
}

/// Returns the name that the vectors use for an answer.
fn who(who: &Who) -> String {
    match who {
        Who::Signed { trust: KeyTrust::Configured, .. } => "signed".to_owned(),
        Who::Identified { .. } => "identified".to_owned(),
        Who::Anonymous => "anonymous".to_owned(),
        Who::Revoked { .. } => "revoked".to_owned(),
        Who::Unknown { why: UnknownReason::UntrustedKey { .. } } => {
            "unknown:untrusted_key".to_owned()
        }
        Who::Impostor { why } => match why {
            ImpostorReason::NoEvidence => "impostor:no_evidence".to_owned(),
            ImpostorReason::Signature(error) => {
                format!("impostor:signature:{}", signature_refusal(error))
            }
            ImpostorReason::ForeignAuthority { .. } => "impostor:foreign_authority".to_owned(),
            ImpostorReason::ServerNotListed { .. } => "impostor:server_not_listed".to_owned(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}
