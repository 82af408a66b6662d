//! One JSON value in many spellings, and arbitrary JSON values.

use proptest::prelude::*;
use serde_json::{Map, Value};

/// Returns texts, with many of the characters that a writer may escape.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 _./-]{0,12}",
        proptest::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{2028}\u{e000}\u{fb33}\u{1f600}]{0,6}",
    ]
}

/// Returns JSON values. Their integers are at most 2^53 − 1, so every reader keeps them exactly.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has finite numbers only", |n| n.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..5)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// Writes `value` as JSON. `choices` decides the member order, the white space, the escapes and the
/// forms of numbers.
pub fn spell(value: &Value, choices: u64) -> String {
    let mut speller = Speller { choices: choices | 1, out: String::new() };
    speller.value(value);
    speller.out
}

struct Speller {
    choices: u64,
    out: String,
}

impl Speller {
    /// Returns a number below `bound`, from a xorshift generator.
    fn choose(&mut self, bound: usize) -> usize {
        self.choices ^= self.choices << 13;
        self.choices ^= self.choices >> 7;
        self.choices ^= self.choices << 17;
        usize::try_from(self.choices % u64::try_from(bound).unwrap()).unwrap()
    }

    fn space(&mut self) {
        let space = ["", "", " ", "\n", "\t\r\n  "][self.choose(5)];
        self.out.push_str(space);
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Object(members) => {
                let mut rest: Vec<_> = members.iter().collect();
                self.out.push('{');
                self.space();
                while !rest.is_empty() {
                    let (name, member) = rest.remove(self.choose(rest.len()));
                    self.space();
                    self.string(name);
                    self.space();
                    self.out.push(':');
                    if name == "schema" {
                        // Keep the text of `schema`: a reader that wants an integer may refuse
                        // `1.0`.
                        self.out.push_str(&member.to_string());
                    } else {
                        self.value(member);
                    }
                    if !rest.is_empty() {
                        self.out.push(',');
                    }
                }
                self.out.push('}');
            }
            Value::Array(elements) => {
                self.out.push('[');
                self.space();
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.value(element);
                }
                self.out.push(']');
            }
            Value::String(text) => self.string(text),
            Value::Number(number) => self.number(number),
            other => self.out.push_str(&other.to_string()),
        }
        self.space();
    }

    fn number(&mut self, number: &serde_json::Number) {
        let value = number.as_f64().unwrap();
        let spelled = match self.choose(3) {
            0 if !number.is_f64() => number.to_string(),
            1 => format!("{value:e}"),
            2 => format!("{value:E}").replace("E", "E+").replace("E+-", "E-0"),
            _ => format!("{value:?}"),
        };
        self.out.push_str(&spelled);
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            let must = c < ' ' || c == '"' || c == '\\';
            if must || self.choose(4) == 0 {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let upper = self.choose(2) == 0;
                    let escape =
                        if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                    self.out.push_str(&escape);
                }
            } else if c == '/' && self.choose(2) == 0 {
                self.out.push_str("\\/");
            } else {
                self.out.push(c);
            }
        }
        self.out.push('"');
    }
}
