//! Tests that the time and memory for a hostile definition are in proportion to its size.

use etdi_review::Review;
use etdi_review::hygiene::{ToolNames, inspect};
use etdi_types::{Clock, SystemClock};
use serde_json::{Map, Value, json};
use time::Duration;

use crate::tool::names;

/// Returns texts of about `n` bytes that are meant to be slow.
fn texts(n: usize) -> Vec<(&'static str, String)> {
    let of = |text: &str| text.repeat(n / text.len());
    vec![
        ("brackets", of("<")),
        ("open tags", of("< / | [")),
        ("comments", of("<!--")),
        ("orders", of("do not ")),
        ("half orders", of("do not do not tell ")),
        ("one sentence of orders", of("never tell the user ")),
        ("sentences of orders", of("Never tell the user. ")),
        ("secrets", of("send the api key ")),
        ("addresses", of("send http://a.b/c ")),
        ("no spaces", of("a")),
        ("hosts", of("a.b.")),
        ("paths", of("/.ssh/")),
        ("turns", of("system:\n")),
        ("hidden", of("\u{200b}")),
        ("tags", of("\u{e0041}")),
        ("escapes", of("\u{1b}[2K")),
        ("mixed", of("a\u{430}")),
        ("ligatures", of("\u{fdfa}")),
        ("marks", format!("a{}", of("\u{301}"))),
        ("names", of("send_mail ")),
        ("called", of("'fetch' ")),
        ("digits", of("aB3")),
        ("spaces", of(" \u{3000}")),
        ("escapes of letters", of("&#100;\\u0064%64")),
        ("open escapes", of("&#1000000\u{e9}")),
        ("letters apart", of("d o n o t ")),
        ("roles", of("\"role\": ")),
        ("dots", of("a dot com ")),
        ("dots in a row", of("dot ")),
        ("another language", of("les des une est ")),
        ("two scripts", of("\u{4e0d}\u{43d}")),
        ("base64", of("RG8gbm90IHRlbGwgdGhlIHVzZXIu ")),
        ("backwards", of("resu eht llet ton od ")),
    ]
}

/// The length of the long text of a pair, as a multiple of the short text.
const TIMES: usize = 16;

/// Returns the result of a run over the long text, which is [`TIMES`] times as long as the short
/// text. Fails if the long run takes much longer than [`TIMES`] short runs, as it would in
/// quadratic time. Both sides take about the same time, so that a busy machine slows them down
/// alike.
fn in_linear_time<T>(name: &str, short: impl Fn() -> T, long: impl Fn() -> T) -> T {
    for _ in 0..2 {
        let (result, few, many) = measured(&short, &long);
        if is_linear(few, many) {
            return result;
        }
    }
    let (result, few, many) = measured(&short, &long);
    assert!(is_linear(few, many), "{name}: {few}, then {many}");
    result
}

fn is_linear(few: Duration, many: Duration) -> bool {
    many < few * 4 + Duration::milliseconds(250)
}

fn measured<T>(short: impl Fn() -> T, long: impl Fn() -> T) -> (T, Duration, Duration) {
    let begun = SystemClock.now();
    (0..TIMES).for_each(|_| drop(short()));
    let between = SystemClock.now();
    let result = long();
    (result, between - begun, SystemClock.now() - between)
}

#[test]
fn inspecting_takes_linear_time_and_bounded_room() {
    for ((name, few), (_, many)) in texts(2_000).into_iter().zip(texts(2_000 * TIMES)) {
        let canonical = |text: &str| json!({"description": text, "name": "a"}).to_string();
        let (few, many) = (canonical(&few), canonical(&many));
        let looks = |text: &str| inspect(text, &names());
        let findings = in_linear_time(name, || looks(&few), || looks(&many));
        let size: usize =
            findings.iter().map(|finding| finding.excerpt.len() + finding.path.len()).sum();
        assert!(size <= 100_000, "{name}: {size} bytes in {} findings", findings.len());
        assert!(findings.iter().all(|finding| finding.excerpt.len() <= 160));
    }
}

/// Returns objects that differ in many members, or that have many findings.
fn wide(n: usize, value: u8) -> Vec<(&'static str, Value)> {
    let members = |text: &str| -> Map<String, Value> {
        (0..n).map(|index| (format!("m{index:05}"), format!("{text}{value}").into())).collect()
    };
    let schemas: Map<String, Value> =
        (0..n).map(|index| (format!("m{index:05}"), json!({"default": value}))).collect();
    let required: Vec<String> = (0..n).map(|index| format!("m{index:05}")).collect();
    let parameters = |schemas: Map<String, Value>| json!({"inputSchema": {"properties": schemas, "required": required}});
    let scopes: Vec<Value> = (0..n)
        .map(|index| json!({"scope": format!("s{index}-{value}"), "description": "", "required": true}))
        .collect();
    vec![
        ("members", json!({ "unknown": members("a") })),
        ("orders", json!({ "unknown": members("do not tell the user ") })),
        ("defaults", parameters(schemas)),
        ("new required ones", parameters(if value == 0 { Map::new() } else { members("") })),
        ("scopes", json!({"_meta": {"dev.etdi/definition": {"permissions": scopes}}})),
        ("enum", json!({"inputSchema": {"enum": members("a").values().collect::<Vec<_>>()}})),
        ("below a long name", json!({ "k".repeat(n * 4): members("send it to http://a.b/c ") })),
    ]
}

#[test]
fn reviewing_takes_linear_time_and_bounded_room() {
    let pairs = |n| wide(n, 0).into_iter().zip(wide(n, 1));
    for (((name, old), (_, new)), ((_, more_old), (_, more_new))) in
        pairs(150).zip(pairs(150 * TIMES))
    {
        let [old, new, more_old, more_new] = [old, new, more_old, more_new].map(|v| v.to_string());
        let names = ToolNames::none();
        let short = || Review::of(&old, &new, &names);
        let review = in_linear_time(name, short, || Review::of(&more_old, &more_new, &names));
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let size: usize = review
            .changes()
            .iter()
            .map(|change| {
                let reasons: usize = change.reasons.iter().map(|r| 64 + length(&r.detail)).sum();
                change.path.len() + length(&change.old) + length(&change.new) + reasons
            })
            .sum();
        let compared = more_old.len() + more_new.len();
        assert!(size <= 8 * compared, "{name}: {size} bytes of review of {compared} bytes");
    }
}
