//! The checks, and the comparison of the transcripts of two connections.
//!
//! A transcript is the record of one connection: `{"version", "protocol", "pages", "calls": {…}, …}`.
//! If a peer cannot do a thing, the member gives the reason: `{"none": "…"}`.

use etdi::DEFINITION_KEY;
use serde_json::{Map, Value, json};

/// The part of a transcript that a check reads; `Err` is the reason why it is missing.
type Seen = Result<Value, String>;

/// A function that reads one part of a transcript.
type Look = fn(&Value) -> Seen;

/// The checks: the title in the table, and the part that is read.
pub const CHECKS: [(&str, Look); 26] = [
    ("tools", tools),
    ("`_meta`", meta),
    ("annotations", |transcript| everywhere(transcript, "annotations")),
    ("icons", |transcript| everywhere(transcript, "icons")),
    ("output schema", |transcript| everywhere(transcript, "outputSchema")),
    ("structured", |transcript| everywhere(transcript, "structuredContent")),
    ("image", |transcript| content(transcript, "image")),
    ("audio", |transcript| content(transcript, "audio")),
    ("embedded", |transcript| content(transcript, "resource")),
    ("link", |transcript| content(transcript, "resource_link")),
    ("tool error", tool_error),
    ("JSON-RPC error", json_rpc_error),
    ("large", large),
    ("arguments", |transcript| call(transcript, "echo")),
    ("pages", pages),
    ("progress", progress),
    ("cancel", |transcript| at(transcript, "/cancel")),
    ("elicitation", |transcript| call(transcript, "ask")),
    ("sampling", |transcript| call(transcript, "sample")),
    ("roots", |transcript| call(transcript, "roots")),
    ("logging", logging),
    ("prompts", |transcript| some_of(transcript, &["prompts", "prompt"])),
    ("resources", |transcript| some_of(transcript, &["resources", "templates", "resource"])),
    ("completion", |transcript| at(transcript, "/completion")),
    ("custom request", custom_requests),
    ("custom notice", custom_notifications),
];

/// The result of one check.
#[derive(Debug, PartialEq, Eq)]
pub enum Cell {
    /// Both transcripts agree.
    Same,
    /// The peer does not have this part, with ETDI or without it.
    None(String),
    /// A part is lost, or added.
    Differs(String),
}

/// Compares the transcript through ETDI with the one without it.
pub fn compare(bare: &Value, etdi: &Value) -> Vec<(&'static str, Cell)> {
    CHECKS.iter().map(|(title, look)| (*title, cell(look(bare), look(etdi)))).collect()
}

fn cell(bare: Seen, etdi: Seen) -> Cell {
    match (bare, etdi) {
        (Ok(bare), Ok(etdi)) => match difference(&bare, &etdi, String::new()) {
            None => Cell::Same,
            Some(difference) => Cell::Differs(difference),
        },
        (Err(bare), Err(etdi)) if bare == etdi => Cell::None(bare),
        (Err(bare), Err(etdi)) => Cell::Differs(format!("without: {bare}; with: {etdi}")),
        (Ok(_), Err(why)) => Cell::Differs(format!("lost: {why}")),
        (Err(why), Ok(_)) => Cell::Differs(format!("only with ETDI; without: {why}")),
    }
}

/// Returns the place where two values first differ.
fn difference(bare: &Value, etdi: &Value, path: String) -> Option<String> {
    match (bare, etdi) {
        (Value::Object(bare), Value::Object(etdi)) => {
            let names = bare.keys().chain(etdi.keys().filter(|name| !bare.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let path = format!("{path}/{name}");
                match (bare.get(name), etdi.get(name)) {
                    (Some(bare), Some(etdi)) => difference(bare, etdi, path),
                    (Some(_), None) => Some(format!("{path} is lost")),
                    (None, _) => Some(format!("{path} is added")),
                }
            })
        }
        (Value::Array(bare), Value::Array(etdi)) if bare.len() == etdi.len() => {
            let mut pairs = bare.iter().zip(etdi).enumerate();
            pairs
                .find_map(|(index, (bare, etdi))| difference(bare, etdi, format!("{path}/{index}")))
        }
        _ if bare == etdi => None,
        _ => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            Some(format!("{path}: {} became {}", short(bare), short(etdi)))
        }
    }
}

/// Returns the value at a JSON pointer.
fn at(transcript: &Value, pointer: &str) -> Seen {
    let found = transcript.pointer(pointer).filter(|value| !value.is_null());
    let found = found.ok_or_else(|| "not tried".to_owned())?;
    if let Some(why) = found.get("none").and_then(Value::as_str) {
        return Err(why.to_owned());
    }
    Ok(found.clone())
}

/// Returns the result of a call. If the call failed, `Err` is the message.
fn call(transcript: &Value, name: &str) -> Seen {
    let result = at(transcript, &format!("/calls/{name}"))?;
    let message = |error: &Value| error["message"].as_str().unwrap_or_default().to_owned();
    result.get("error").map_or(Ok(result.clone()), |error| Err(message(error)))
}

/// Returns all tools, without the members that ETDI adds.
fn listed(transcript: &Value) -> Result<Vec<Value>, String> {
    let pages = at(transcript, "/pages")?;
    let tools = pages.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
    Ok(tools.cloned().map(without_definition).collect())
}

fn without_definition(mut tool: Value) -> Value {
    if let Some(meta) = tool.get_mut("_meta").and_then(Value::as_object_mut)
        && meta.remove(DEFINITION_KEY).is_some()
        && meta.is_empty()
        && let Some(tool) = tool.as_object_mut()
    {
        tool.remove("_meta");
    }
    tool
}

fn tools(transcript: &Value) -> Seen {
    listed(transcript).map(Value::from)
}

fn pages(transcript: &Value) -> Seen {
    let pages = at(transcript, "/pages")?;
    let names = |page: &Value| -> Vec<Value> {
        page.as_array().into_iter().flatten().map(|tool| tool["name"].clone()).collect()
    };
    let pages: Vec<_> = pages.as_array().into_iter().flatten().map(names).collect();
    let count = transcript["page_count"].as_u64().map_or(pages.len() as u64, |count| count);
    match count {
        0 | 1 => Err("lists all tools on one page".to_owned()),
        _ => Ok(json!(pages.concat())),
    }
}

/// Returns every `_meta` of tools and results, and of the values in them.
fn meta(transcript: &Value) -> Seen {
    everywhere(transcript, "_meta")
}

/// Returns every member of this name, in tools and in the results of calls, by its path.
fn everywhere(transcript: &Value, member: &str) -> Seen {
    let calls = transcript.get("calls").cloned().unwrap_or_default();
    let mut found = Map::new();
    collect(&json!({"tools": listed(transcript)?, "calls": calls}), member, "", &mut found);
    match found.is_empty() {
        true => Err(format!("sends no `{member}`")),
        false => Ok(found.into()),
    }
}

fn collect(value: &Value, member: &str, path: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = format!("{path}/{name}");
                match name == member {
                    true => drop(found.insert(path, value.clone())),
                    false => collect(value, member, &path, found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, member, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Returns every content block of this type, by its path.
fn content(transcript: &Value, kind: &str) -> Seen {
    let calls = transcript.get("calls").cloned().unwrap_or_default();
    let mut found = Map::new();
    collect(&calls, "content", "", &mut found);
    let blocks: Vec<Value> = found
        .values()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|block| block["type"] == kind)
        .cloned()
        .collect();
    match blocks.is_empty() {
        true => Err(format!("sends no content of type `{kind}`")),
        false => Ok(blocks.into()),
    }
}

fn tool_error(transcript: &Value) -> Seen {
    let result = call(transcript, "failing")?;
    match result["isError"] == true {
        true => Ok(result),
        false => Err("no call fails".to_owned()),
    }
}

fn json_rpc_error(transcript: &Value) -> Seen {
    let answer = at(transcript, "/calls/broken")?;
    answer.get("error").cloned().ok_or_else(|| "no call is answered with an error".to_owned())
}

/// The size of a megabyte, in bytes.
const MEGABYTE: usize = 1024 * 1024;

fn large(transcript: &Value) -> Seen {
    let result = call(transcript, "large")?;
    match result.to_string().len() > 3 * MEGABYTE {
        true => Ok(result),
        false => Err("has no result of 3 MiB".to_owned()),
    }
}

/// Returns the notifications before a result, in order, and the result.
fn progress(transcript: &Value) -> Seen {
    let stream = at(transcript, "/stream")?;
    match stream.as_array().map(Vec::len) {
        Some(2..) => Ok(stream),
        _ => Err("sends no progress".to_owned()),
    }
}

fn logging(transcript: &Value) -> Seen {
    let mut logs = at(transcript, "/logs")?;
    // Some clients pass several messages on at once, in any order, so they are sorted.
    if let Some(logs) = logs.as_array_mut() {
        logs.sort_by_key(Value::to_string);
    }
    Ok(json!([logs, call(transcript, "log")?]))
}

fn some_of(transcript: &Value, names: &[&str]) -> Seen {
    let mut found = Map::new();
    let mut why = String::new();
    for name in names {
        match at(transcript, &format!("/{name}")) {
            Ok(value) if value.get("error").is_none() => {
                found.insert((*name).to_owned(), value);
            }
            Ok(value) => why = value["error"]["message"].as_str().unwrap_or_default().to_owned(),
            Err(reason) => why = reason,
        }
    }
    if found.is_empty() { Err(why) } else { Ok(found.into()) }
}

/// Returns one request from the client, and one from the server if the peer can send it.
fn custom_requests(transcript: &Value) -> Seen {
    let asked = at(transcript, "/asked")?;
    if let Some(error) = asked.get("error") {
        return Err(error["message"].as_str().unwrap_or_default().to_owned());
    }
    Ok(
        json!({"asked": asked, "answered": call(transcript, "reach").map_or_else(Value::from, Value::from)}),
    )
}

fn custom_notifications(transcript: &Value) -> Seen {
    let told = at(transcript, "/told")?;
    Ok(
        json!({"told": told, "heard": call(transcript, "heard").map_or_else(Value::from, Value::from)}),
    )
}
