//! The canonical form agrees with another implementation of RFC 8785.
//!
//! This test is not in etdi-types. The other implementation turns on features of `serde_json` for every
//! package in the same build, and etdi-types must run its vectors without these features.

use etdi_types::ToolDefinition;
use etdi_types::json::{Limits, parse};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_./-]{0,12}",
        proptest::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{2028}\u{e000}\u{fb33}\u{1f600}]{0,6}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |n| n.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..6)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_canonical_form_agrees_with_the_oracle(value in value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let ours = parse(text.as_bytes(), Limits::TOOL).unwrap().to_canonical();
        prop_assert_eq!(ours, serde_json_canonicalizer::to_string(&value).unwrap());
    }

    #[test]
    fn the_canonical_form_of_an_unsigned_tool_agrees_with_the_oracle(name in "[a-z]{1,8}", description in text(), schema in value()) {
        let tool = json!({"name": name, "description": description, "inputSchema": schema});
        let ours = ToolDefinition::parse(tool.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&**ours.canonical(), serde_json_canonicalizer::to_string(&tool).unwrap());
    }

    #[test]
    fn the_text_of_every_double_agrees_with_the_oracle(bits: u64) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let ours = parse(format!("{double:e}").as_bytes(), Limits::TOOL).unwrap().to_canonical();
        prop_assert_eq!(ours, serde_json_canonicalizer::to_string(&double).unwrap());
    }
}
