//! The text of a tool is judged as it came.

use etdi_client::{DiscoverError, ListError};
use etdi_types::json::JsonErrorKind;
use etdi_types::{DefinitionError, ListingError};

use crate::script::Script;
use crate::servers::{WAYS, client, connect};

/// A tool with odd white space, escapes, number spellings, unknown members, and members that rmcp's
/// model drops.
const ODD: &str = r#"{ "name":"odd" ,  "inputSchema":{"type":"object","x":1.0e2,"y":-0.0},"execution":{"taskSupport":"optional"},"\u0074itle":"t\u00e9 \/ \ud83d\ude00","unknown":[1,2.50,null], "annotations":{"destructiveHint":true,"vendor":1}}"#;
const PLAIN: &str = r#"{"name":"plain","inputSchema":{"type":"object"}}"#;

#[tokio::test]
async fn a_tool_is_judged_by_its_text_byte_for_byte() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::of(&[ODD, PLAIN]) };
        let server = connect(&client(), way, script).await.unwrap();
        let tools = server.discover().await.unwrap();
        let texts: Vec<_> = tools.iter().map(|tool| tool.definition().unwrap().raw()).collect();
        assert_eq!(texts, [ODD, PLAIN], "{way:?} modern: {modern}");
        let version = server.peer().peer_info().unwrap().protocol_version.to_string();
        assert_eq!(version, if modern { "2026-07-28" } else { "2025-11-25" });
    }
}

#[tokio::test]
async fn a_malformed_tool_is_refused_with_its_own_error_and_the_others_stand() {
    let deep = format!(
        r#"{{"name":"deep","inputSchema":{}{}}}"#,
        r#"{"a":"#.repeat(200) + "1",
        "}".repeat(200)
    );
    let large = format!(
        r#"{{"name":"large","description":"{}","inputSchema":{{}}}}"#,
        "x".repeat(300 * 1024)
    );
    let bad = [
        r#"{"name":"twice","description":"a","description":"b","inputSchema":{}}"#,
        r#"{"name":"number","inputSchema":{"maximum":9007199254740993}}"#,
        &deep,
        &large,
    ];
    for (way, modern) in WAYS {
        let mut tools = bad.to_vec();
        tools.push(PLAIN);
        let script = Script { modern, ..Script::of(&tools) };
        let server = connect(&client(), way, script).await.unwrap();
        let judged = server.discover().await.unwrap();
        let kinds: Vec<_> = judged
            .iter()
            .map(|tool| match tool.problem() {
                Some(etdi_client::Problem::Malformed(DefinitionError::Json(error))) => {
                    Some(error.kind.clone())
                }
                Some(other) => panic!("{other}"),
                None => None,
            })
            .collect();
        let expected = [
            Some(JsonErrorKind::DuplicateMember("description".to_owned())),
            Some(JsonErrorKind::IntegerOutOfRange),
            Some(JsonErrorKind::TooDeep { limit: 64 }),
            Some(JsonErrorKind::TooLarge { limit: 256 * 1024 }),
            None,
        ];
        assert_eq!(kinds, expected, "{way:?} modern: {modern}");
    }
}

#[tokio::test]
async fn duplicate_members_around_the_tools_refuse_the_listing() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::default() };
        let text = br#"{"tools":[],"_meta":{"a":1,"a":2}}"#;
        *script.list_result.lock().unwrap() = Some(text.to_vec());
        let server = connect(&client(), way, script).await.unwrap();
        let error = server.discover().await.unwrap_err();
        let DiscoverError::Listing(ListError::Refused(ListingError::Json(error))) = error else {
            panic!("{way:?} modern: {modern}: {error:?}");
        };
        assert_eq!(error.kind, JsonErrorKind::DuplicateMember("a".to_owned()));
    }
}

#[tokio::test]
async fn invalid_utf8_refuses_the_listing() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::default() };
        let text = b"{\"tools\":[{\"name\":\"a\xff\",\"inputSchema\":{}}]}";
        *script.list_result.lock().unwrap() = Some(text.to_vec());
        let server = connect(&client(), way, script).await.unwrap();
        let error = server.discover().await.unwrap_err();
        let refused = match &error {
            DiscoverError::Listing(ListError::NotUtf8) => true,
            DiscoverError::Listing(ListError::Refused(ListingError::Json(error))) => {
                error.kind == JsonErrorKind::InvalidUtf8
            }
            _ => false,
        };
        assert!(refused, "{way:?} modern: {modern}: {error:?}");
    }
}

#[tokio::test]
async fn a_response_of_over_16_mib_refuses_the_listing() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::default() };
        let text = format!(r#"{{"tools":[],"x":"{}"}}"#, "x".repeat(16 * 1024 * 1024));
        *script.list_result.lock().unwrap() = Some(text.into_bytes());
        let server = connect(&client(), way, script).await.unwrap();
        let error = server.discover().await.unwrap_err();
        let refused = matches!(error, DiscoverError::Listing(ListError::TooLarge));
        assert!(refused, "{way:?} modern: {modern}: {error:?}");
    }
}
