//! Vectors of JSON texts: canonical form, numbers, refusals, base64url, confusable keys.

use etdi_types::Digest;
use etdi_types::confusable::{id_key, name_key};
use etdi_types::json::{Limits, parse, parse_canonical};
use etdi_types::keys::base64url_decode;
use serde::Deserialize;

use crate::files::{Head, Input, json_refusal, load_as, run, same};

#[derive(Deserialize)]
struct Canonical {
    #[serde(flatten)]
    head: Head,
    input: String,
    canonical: String,
}

#[test]
fn texts_have_their_canonical_form() {
    run::<Canonical>(
        "canonical.json",
        |v| &v.head,
        |v| {
            let value = parse(v.input.as_bytes(), Limits::TOOL).map_err(|e| e.to_string())?;
            same(&value.to_canonical(), &v.canonical)?;
            let again = parse_canonical(&v.canonical).map_err(|e| e.to_string())?;
            same(&again.to_canonical(), &v.canonical)
        },
    );
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    input: Input,
    refused: String,
}

#[test]
fn texts_are_refused_each_with_its_own_error() {
    run::<Refusal>(
        "refusals.json",
        |v| &v.head,
        |v| match parse(&v.input.bytes(), Limits::TOOL) {
            Ok(_) => Err("accepted".to_owned()),
            Err(error) => same(json_refusal(&error.kind), v.refused.as_str()),
        },
    );
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    input: Input,
}

#[test]
fn texts_at_the_edge_of_a_refusal_are_accepted() {
    run::<Accepted>(
        "accepted.json",
        |v| &v.head,
        |v| parse(&v.input.bytes(), Limits::TOOL).map(|_| ()).map_err(|e| e.to_string()),
    );
}

#[derive(Deserialize)]
struct Double {
    #[serde(flatten)]
    head: Head,
    ieee: String,
    text: String,
}

/// Returns the canonical text of a double, from a token that is not an integer.
fn text_of(value: f64) -> String {
    let token = format!("{value:e}");
    parse(token.as_bytes(), Limits::TOOL).unwrap().to_canonical()
}

#[test]
fn doubles_have_their_canonical_text() {
    run::<Double>(
        "numbers.json",
        |v| &v.head,
        |v| {
            let bits = u64::from_str_radix(&v.ieee, 16).unwrap();
            same(&text_of(f64::from_bits(bits)), &v.text)?;
            // Read the text back: it gives the same double, and so the same text.
            same(&text_of(v.text.parse().unwrap()), &v.text)
        },
    );
}

#[derive(Deserialize)]
struct NumberFile {
    es6_list: Es6List,
}

#[derive(Deserialize)]
struct Es6List {
    first: Vec<String>,
    sums: Vec<Sum>,
}

#[derive(Deserialize)]
struct Sum {
    lines: usize,
    sha256: String,
}

#[test]
fn the_es6_number_list_has_its_checksums() {
    let list = load_as::<NumberFile>("numbers.json").es6_list;
    let values: Vec<f64> = list
        .first
        .iter()
        .map(|hex| u64::from_str_radix(hex, 16).unwrap())
        .chain((0..2000).map(|i| 0x0010_0000_0000_0000 + i))
        .map(f64::from_bits)
        .chain(chained())
        .take(list.sums.iter().map(|sum| sum.lines).max().unwrap())
        .collect();
    for sum in &list.sums {
        let lines: String = values
            .iter()
            .take(sum.lines)
            .map(|value| format!("{:x},{}\n", value.to_bits(), text_of(*value)))
            .collect();
        let digest = Digest::of(lines.as_bytes()).to_string();
        assert_eq!(digest, format!("sha256:{}", sum.sha256));
    }
}

/// Returns the doubles in the blocks of a SHA-256 chain, four in each block. Leaves out zeros and
/// values that are not finite.
fn chained() -> impl Iterator<Item = f64> {
    std::iter::successors(Some(Digest::of(&[0; 32])), |block| Some(Digest::of(block.as_bytes())))
        .flat_map(|block| {
            let doubles: Vec<f64> = block
                .as_bytes()
                .chunks_exact(8)
                .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
            doubles
        })
        .filter(|value| value.is_finite() && *value != 0.0)
}

#[derive(Deserialize)]
struct Base64Url {
    #[serde(flatten)]
    head: Head,
    text: String,
    bytes: Option<String>,
}

#[test]
fn base64url_is_strict() {
    run::<Base64Url>(
        "base64url.json",
        |v| &v.head,
        |v| {
            let want = v.bytes.as_ref().map(|digits| hex::decode(digits).unwrap());
            same(&base64url_decode(&v.text), &want)
        },
    );
}

#[derive(Deserialize)]
struct Pair {
    #[serde(flatten)]
    head: Head,
    kind: String,
    a: String,
    b: String,
    same: bool,
}

#[test]
fn look_alikes_share_a_confusable_key() {
    run::<Pair>(
        "confusable.json",
        |v| &v.head,
        |v| {
            let key = if v.kind == "id" { id_key } else { name_key };
            let (a, b) = (key(&v.a), key(&v.b));
            if (a == b) == v.same { Ok(()) } else { Err(format!("{a:?} and {b:?}")) }
        },
    );
}
