//! The meaning of the members of a token's header and claims, in words.

use etdi::json::{Object, Value};
use etdi::text::escaped_json;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::to_json;
use crate::terminal::line::Line;
use crate::terminal::output::Output;

/// One claim.
pub(crate) struct Explained {
    name: String,
    /// The value in the token. `None` if the claim is missing.
    value: Option<serde_json::Value>,
    /// The value for a person, with every hidden character escaped.
    shown: String,
    /// The value as a time, if the claim is a time.
    time: Option<String>,
    meaning: &'static str,
    /// The state of the claim at this moment, such as "expired".
    now: Option<(String, Mood)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Warn,
    Bad,
}

/// Returns every claim in the order of importance: who, for whom, when, what; then the others by name.
pub(crate) fn explain(claims: &Value<'_>, now: OffsetDateTime) -> Vec<Explained> {
    let Some(object) = claims.as_object() else {
        return Vec::new();
    };
    let known = MEANINGS.iter().filter_map(|(name, meaning)| {
        object.get(name).map(|value| explained(name, value, meaning, object, now))
    });
    let others = object.iter().filter(|(name, _)| meaning(name).is_none());
    let others = others.map(|(name, value)| {
        let meaning = match name.contains("://") {
            true => {
                "its name is a URI: the issuer defines this claim, and only the issuer knows its meaning"
            }
            false => "this program does not know this claim",
        };
        explained(name, value, meaning, object, now)
    });
    let mut all: Vec<_> = known.chain(others).collect();
    for name in ["iss", "aud", "iat", "exp"] {
        if object.get(name).is_none() {
            all.push(Explained {
                name: name.to_owned(),
                value: None,
                shown: "missing".to_owned(),
                time: None,
                meaning: meaning(name).unwrap_or_default(),
                now: Some(("a token without it is refused".to_owned(), Mood::Bad)),
            });
        }
    }
    all
}

/// Returns the header's members. They are not proof: the configuration decides which algorithms and keys
/// may be used.
pub(crate) fn header(header: &Value<'_>) -> Vec<(&'static str, Line)> {
    let Some(object) = header.as_object() else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    for (name, _) in HEADER {
        if let Some(value) = object.get(name) {
            let line = Line::new().text(shown(value)).text("  ");
            fields.push((
                *name,
                match header_meaning(name, value) {
                    (text, Mood::Bad) => line.bad(text),
                    (text, Mood::Warn) => line.warn(text),
                    (text, Mood::Good) => line.dim(text),
                },
            ));
        }
    }
    let others: Vec<_> = object.iter().map(|(name, _)| name).filter(|name| !known(name)).collect();
    if !others.is_empty() {
        fields.push(("others", Line::new().theirs(&others.join(", ")).dim("  ignored")));
    }
    fields
}

/// Returns the header's members as JSON.
pub(crate) fn header_json(header: &Value<'_>) -> Vec<serde_json::Value> {
    let members = header.as_object().into_iter().flat_map(Object::iter);
    let explained = members.map(|(name, value)| {
        let meaning = match known(name) {
            true => header_meaning(name, value).0,
            false => "ignored",
        };
        json!({ "member": name, "value": to_json(value), "meaning": meaning })
    });
    explained.collect()
}

const HEADER: &[(&str, &str)] = &[
    ("alg", "the algorithm that the token says it was signed with"),
    ("kid", "the issuer's key that the token says it was signed with"),
    ("typ", "the kind of token"),
    ("jwk", "a key in the token: never used"),
    ("jku", "an address of keys in the token: never used"),
    ("x5u", "an address of a certificate in the token: never used"),
    ("x5c", "a certificate in the token: never used"),
    ("crit", "members that must be understood: the token is refused"),
];

fn known(name: &str) -> bool {
    HEADER.iter().any(|(known, _)| *known == name)
}

fn header_meaning(name: &str, value: &Value<'_>) -> (&'static str, Mood) {
    let meaning = HEADER.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning);
    let meaning = meaning.unwrap_or_default();
    match (name, value.as_str()) {
        ("alg", Some("none")) => ("not signed at all", Mood::Bad),
        ("alg", Some(alg)) if alg.starts_with("HS") => (
            "a shared secret: each server that checks the token could also sign tokens; refused",
            Mood::Bad,
        ),
        ("crit" | "jwk" | "jku" | "x5u" | "x5c", _) => (meaning, Mood::Warn),
        _ => (meaning, Mood::Good),
    }
}

const MEANINGS: &[(&str, &str)] = &[
    ("iss", "the issuer of the token"),
    ("sub", "the person or program that the token speaks for"),
    ("aud", "the audience of the token; every other server must refuse it"),
    ("exp", "valid until"),
    ("nbf", "not valid before"),
    ("iat", "issued at"),
    ("auth_time", "when the person signed in"),
    ("azp", "the client that asked for the token"),
    ("client_id", "the client that asked for the token"),
    ("cid", "the client that asked for the token (Okta)"),
    ("appid", "the client that asked for the token (Entra, v1)"),
    ("uid", "the person, by Okta's id; absent where a program speaks for itself"),
    ("oid", "the person or program, by Entra's id"),
    ("tid", "the Entra tenant"),
    ("idtyp", "`app` where a program speaks for itself (Entra)"),
    ("ver", "the version of the token's form"),
    ("gty", "the grant by which the client got the token (Auth0)"),
    ("org_id", "the organisation (Auth0)"),
    ("scope", "the permissions of the token"),
    ("scp", "the permissions of the token (Okta, Entra)"),
    ("permissions", "the permissions of the token, with role-based access control (Auth0)"),
    ("roles", "the permissions of the token (Entra, for programs)"),
    ("cnf", "the key that its bearer must prove to have; without the proof the token is worthless"),
    ("act", "who acts for the subject"),
    ("jti", "the id of this token"),
    ("nonce", "ties the token to one sign-in: this is an ID token, not for calls"),
    ("at_hash", "the hash of an access token: this is an ID token, not for calls"),
    ("email", "about the person: this looks like an ID token"),
    ("name", "about the person: this looks like an ID token"),
    ("https://etdi.dev/definitions", "the tool definitions that the issuer vouches for (ETDI)"),
];

fn meaning(name: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

fn explained(
    name: &str,
    value: &Value<'_>,
    meaning: &'static str,
    claims: &Object<'_>,
    now: OffsetDateTime,
) -> Explained {
    let (time, now) = match name {
        "exp" | "nbf" | "iat" | "auth_time" => time(name, value, now),
        "aud" if value.as_array().is_some_and(|all| all.len() > 1) => (
            None,
            Some((
                "several audiences: each of them can use the token at the others".to_owned(),
                Mood::Warn,
            )),
        ),
        "sub" => {
            let machine = value.as_str().is_some_and(|sub| sub.ends_with("@clients"))
                || claims
                    .get("client_id")
                    .and_then(Value::as_str)
                    .is_some_and(|id| value.as_str() == Some(id));
            (None, machine.then(|| ("a program, not a person".to_owned(), Mood::Good)))
        }
        _ => (None, None),
    };
    let shown = time.clone().unwrap_or_else(|| shown(value));
    Explained { name: name.to_owned(), value: Some(to_json(value)), shown, time, meaning, now }
}

fn time(
    name: &str,
    value: &Value<'_>,
    now: OffsetDateTime,
) -> (Option<String>, Option<(String, Mood)>) {
    let Value::Number(number) = value else {
        return (None, Some(("not a number of seconds: refused".to_owned(), Mood::Bad)));
    };
    let seconds = number.value;
    // RFC 3339 cannot write a time outside this range.
    if !seconds.is_finite() || !(0.0..253_402_300_800.0).contains(&seconds) {
        return (None, Some(("not a possible time: refused".to_owned(), Mood::Bad)));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and the year 10,000")]
    let at = OffsetDateTime::from_unix_timestamp(seconds as i64);
    let Ok(at) = at else {
        return (None, None);
    };
    let left = at - now;
    let note = match (name, left.is_positive()) {
        ("exp", true) => (format!("{} left", span(left)), Mood::Good),
        ("exp", false) => (format!("expired {} ago", span(left)), Mood::Bad),
        ("nbf", true) => (format!("not valid for another {}", span(left)), Mood::Bad),
        ("iat", true) => (
            format!("{} from now: the clock of the issuer or of this machine is wrong", span(left)),
            Mood::Warn,
        ),
        _ => (format!("{} ago", span(left)), Mood::Good),
    };
    (at.format(&Rfc3339).ok(), Some(note))
}

/// Returns a length of time in words, rounded down.
fn span(time: time::Duration) -> String {
    let seconds = time.whole_seconds().unsigned_abs();
    let (many, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{many} {unit}")
}

/// Returns a value as JSON, but a string without its quotes. Every hidden character is escaped.
fn shown(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) => etdi::text::escaped(text).to_string(),
        None => escaped_json(&value.to_canonical()),
    }
}

impl Explained {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "claim": self.name, "missing": self.value.is_none(), "value": self.value,
            "time": self.time, "meaning": self.meaning,
            "now": self.now.as_ref().map(|(text, _)| text),
        })
    }

    pub(crate) fn show(&self, out: &Output) {
        let name = etdi::text::escaped(&self.name).to_string();
        let line = Line::new().text("  ").bold(format!("{name:12}")).text("  ").text(&self.shown);
        let line = match &self.now {
            Some((text, Mood::Good)) => line.text("  ").good(text),
            Some((text, Mood::Warn)) => line.text("  ").warn(text),
            Some((text, Mood::Bad)) => line.text("  ").bad(text),
            None => line,
        };
        out.indented(line, 16);
        out.indented(Line::new().text(" ".repeat(16)).dim(self.meaning), 16);
    }
}
