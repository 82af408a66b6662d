//! Finds conspicuous parts of a text: hidden characters, control sequences, markup, addresses,
//! files, encoded data. Ranges are of the text that is passed in.

use std::ops::Range;

use etdi_types::text::is_hidden;
use unicode_security::{MixedScript, skeleton};

use super::Severity;

/// Returns the hidden characters that no writing system needs at their place, and the place of the
/// first.
pub(super) fn hidden(text: &str) -> Option<(usize, String)> {
    pick(text, |before, c, after| {
        is_hidden(c)
            && !is_terminal_control(c)
            && (!c.is_whitespace() || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
            && !matches!(c, '\n' | '\t' | '\r')
            && !belongs_to_an_emoji_or_a_script(before, c, after)
    })
}

/// Returns the place of the first character that starts a terminal control sequence, and the two
/// characters after each one.
pub(super) fn ansi(text: &str) -> Option<(usize, String)> {
    let (at, _) = pick(text, |_, c, _| is_terminal_control(c))?;
    let sequences = text.split(is_terminal_control).skip(1);
    Some((at, sequences.flat_map(|rest| rest.chars().take(2)).collect()))
}

/// Matches ESC and backspace, and the 8-bit forms of DCS, SOS, CSI, ST, OSC, PM and APC (ECMA-48,
/// section 5.3).
fn is_terminal_control(c: char) -> bool {
    matches!(c, '\u{1b}' | '\u{8}' | '\u{90}' | '\u{98}' | '\u{9b}'..='\u{9f}')
}

fn pick(text: &str, wanted: impl Fn(char, char, char) -> bool) -> Option<(usize, String)> {
    if text.bytes().all(|b| matches!(b, 0x20..=0x7e | b'\n')) {
        return None;
    }
    let (mut first, mut found, mut before) = (None, String::new(), ' ');
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |(_, next)| *next);
        if wanted(before, c, after) {
            first.get_or_insert(at);
            found.push(c);
        }
        before = c;
    }
    first.map(|at| (at, found))
}

fn belongs_to_an_emoji_or_a_script(before: char, c: char, after: char) -> bool {
    let pictorial = |c: char| matches!(c, '\u{2190}'..='\u{32ff}' | '\u{1f000}'..='\u{1faff}');
    match c {
        // A variation selector after a sign that has a text form and an emoji form.
        '\u{fe0e}' | '\u{fe0f}' => {
            pictorial(before)
                || matches!(
                    before,
                    '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{a9}' | '\u{ae}'
                )
                || (after == '\u{20e3}' && matches!(before, '0'..='9' | '#' | '*'))
        }
        '\u{200d}' if pictorial(after) => pictorial(before) || before == '\u{fe0f}',
        // Joiners between letters of scripts that join letters.
        '\u{200c}' | '\u{200d}' => {
            [before, after].iter().all(|c| matches!(c, '\u{600}'..='\u{dff}'))
        }
        _ => false,
    }
}

/// The greatest distance of a tag's name from its bracket, and the greatest length of the name.
const LEAD: usize = 8;
const TAG: usize = 32;

/// Finds markup that a model may take for the words of another party, in a folded text.
pub(super) fn markup(text: &str) -> Vec<(Severity, Range<usize>)> {
    let mut found = Vec::new();
    let openings = text.match_indices(['<', '[']).map(|(at, _)| (at, 1));
    for (at, length) in openings.chain(text.match_indices("&lt;").map(|(at, _)| (at, 4))) {
        let rest = text.get(at + length..).unwrap_or_default();
        let html_comment = rest.starts_with("!--");
        // The limit keeps the time linear: each bracket in a row of brackets starts a new search.
        let lead = rest.bytes().take(LEAD).take_while(|b| b"</| [".contains(b)).count();
        let inner = rest.get(lead..).unwrap_or_default();
        let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let tag = inner.bytes().take(TAG).take_while(name).count();
        let tag = inner.get(..tag).unwrap_or_default();
        let end = at + length + lead + tag.len();
        let severity = match tag.replace('-', "_").as_str() {
            _ if html_comment => Some(Severity::Medium),
            "function_calls" | "function_call" | "invoke" | "tool_call" | "tool_calls"
            | "tool_use" | "tool_result" | "tool_response" | "function_results" => {
                Some(Severity::Medium)
            }
            "important" | "system" | "instruction" | "instructions" | "assistant" | "secret"
            | "hidden" | "sys" | "inst" | "im_start" | "im_end" | "endoftext" | "admin"
            | "override" | "system_prompt" | "system_reminder" | "developer" => {
                Some(Severity::High)
            }
            tag if ["important", "instruction", "system", "critical", "mandatory"]
                .iter()
                .any(|start| tag.starts_with(start)) =>
            {
                Some(Severity::Medium)
            }
            _ => None,
        };
        found.extend(severity.map(|severity| (severity, at..end)));
    }
    found.extend(roles(text).map(|range| (Severity::Medium, range)));
    found.extend(turns(text).map(|range| (Severity::Medium, range)));
    found
}

/// Finds turns of a conversation in the form of an API, such as `"role": "system"`, if the role is
/// one that gives orders.
fn roles(text: &str) -> impl Iterator<Item = Range<usize>> {
    // The limit keeps the time linear: a text may contain the member many times.
    const REACH: usize = 32;
    text.match_indices("role").filter_map(|(at, role)| {
        let after = at + role.len();
        let rest = text.get(after..)?;
        let lead = rest.bytes().take(REACH).take_while(|b| b"\"'`\\ :=".contains(b)).count();
        let (lead, said) = (rest.get(..lead)?, rest.get(lead..)?);
        let gives_orders = ["system", "developer"].iter().find(|who| said.starts_with(**who))?;
        let is_value = lead.contains([':', '=']) && lead.ends_with(['"', '\'', '`']);
        is_value.then(|| at..after + lead.len() + gives_orders.len())
    })
}

/// Finds lines that start like a turn of a conversation.
fn turns(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let at = start;
        start += line.len();
        let said = line.trim_start_matches([' ', '#', '*', '>', '-', '`']);
        let heading = line.trim_start().starts_with('#');
        let turn = ["system", "assistant", "human", "instruction", "instructions"].iter().find(
            |turn| {
                let rest =
                    said.strip_prefix(**turn).map(|rest| rest.trim_start_matches(['*', ' ']));
                rest.is_some_and(|rest| {
                    rest.starts_with(':') || (heading && rest.trim().is_empty())
                })
            },
        )?;
        // Only a role with a colon, or a role alone in a heading, counts. An honest line such as
        // "System: macOS" matches as well.
        let from = at + (line.len() - said.len());
        Some(from..from + turn.len())
    })
}

/// Finds URLs, host names with a known ending or a path, and mail addresses, in a folded text.
pub(super) fn addresses(text: &str) -> Vec<Range<usize>> {
    tokens(text, |c| c.is_whitespace() || "\"'`<>()[]{}|,;".contains(c))
        .filter_map(|range| {
            let token = text.get(range.clone())?;
            let cut = token.trim_end_matches(['.', ':', '!', '?', '*', '_']);
            let lead = cut.len() - cut.trim_start_matches(['*', '_', '=', ':', '-']).len();
            let range = range.start + lead..range.start + cut.len();
            is_address(text.get(range.clone())?).then_some(range)
        })
        .collect()
}

pub(super) const ENDINGS: [&str; 18] = [
    "com", "net", "org", "io", "dev", "ai", "app", "co", "info", "biz", "xyz", "ru", "cn", "me",
    "example", "site", "online", "cloud",
];

fn is_address(token: &str) -> bool {
    if let Some((scheme, rest)) = token.split_once("://") {
        return !scheme.is_empty() && !rest.is_empty();
    }
    if ["www.", "mailto:", "data:", "javascript:"].iter().any(|start| token.starts_with(start)) {
        return token.len() > 11;
    }
    let (host, path) = match token.split_once('@') {
        Some((user, host)) if !user.is_empty() => (host, None),
        Some(_) => return false,
        None => token.split_once('/').map_or((token, None), |(host, path)| (host, Some(path))),
    };
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let Some((_, ending)) = host.rsplit_once('.') else {
        return false;
    };
    let spelled = host.split('.').all(label) && ending.chars().all(char::is_alphabetic);
    let numeric =
        host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok());
    (spelled && (ENDINGS.contains(&ending) || (token.contains('@') && ending.len() > 1)))
        || (spelled && path.is_some_and(|path| !path.is_empty()) && ending.len() > 1)
        || numeric
}

/// Returns whether an address only names the dialect of a schema.
pub(super) fn is_schema_dialect(address: &str) -> bool {
    ["http", "https"].iter().any(|scheme| {
        address.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://json-schema.org/"))
    })
}

/// Finds files that hold secrets, in a folded text.
pub(super) fn secret_files(text: &str) -> Vec<(Severity, Range<usize>)> {
    const HIGH: [&str; 25] = [
        ".ssh",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "authorized_keys",
        ".aws/",
        ".netrc",
        ".pypirc",
        ".git-credentials",
        ".kube/config",
        ".docker/config",
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        ".bash_history",
        ".zsh_history",
        "wallet.dat",
        ".gnupg",
        "claude_desktop_config",
        ".cursor/",
        ".vscode/mcp",
        ".config/gcloud",
        "login.keychain",
        ".password-store",
        ".pgpass",
    ];
    tokens(text, |c| c.is_whitespace() || "\"'`<>()[]{}|,;".contains(c))
        .filter_map(|range| {
            let token = text.get(range.clone())?.trim_end_matches(['.', ':', '!', '?']);
            if !token.contains(['.', '_', '/']) {
                return None;
            }
            let token = &token.replace('\\', "/");
            let file = token.rsplit('/').next().unwrap_or_default();
            let severity = if HIGH.iter().any(|secret| token.contains(secret)) {
                Severity::High
            } else if file == ".env"
                || file.starts_with(".env.")
                || file.ends_with("mcp.json")
                || file == ".npmrc"
            {
                Severity::Medium
            } else {
                return None;
            };
            Some((severity, range))
        })
        .collect()
}

/// Finds long runs of base64 or hexadecimal digits, in the original text.
pub(super) fn blobs(text: &str) -> Vec<Range<usize>> {
    if text.len() < 80 {
        return Vec::new();
    }
    tokens(text, |c| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '=' | '-' | '_'))
        .filter(|range| {
            let run = text.get(range.clone()).unwrap_or_default();
            let has = |kind: fn(&u8) -> bool| run.bytes().any(|b| kind(&b));
            let hexadecimal = run.len() >= 80 && run.bytes().all(|b| b.is_ascii_hexdigit());
            let mixed = has(u8::is_ascii_lowercase)
                && has(u8::is_ascii_uppercase)
                && has(u8::is_ascii_digit);
            hexadecimal || (run.len() >= 100 && mixed)
        })
        .collect()
}

/// Finds words that mix look-alike letters of several scripts, in the original text.
pub(super) fn mixed_words(text: &str) -> Vec<Range<usize>> {
    if text.is_ascii() {
        return Vec::new();
    }
    tokens(text, |c| !c.is_alphanumeric() && !is_hidden(c))
        .filter(|range| {
            let word = text.get(range.clone()).unwrap_or_default();
            !word.is_ascii()
                && word.chars().any(|c| c.is_ascii_alphabetic())
                && word.chars().any(passes_for_ascii)
                && !word.is_single_script()
        })
        .collect()
}

fn passes_for_ascii(c: char) -> bool {
    !c.is_ascii()
        && c.is_alphabetic()
        && skeleton(c.encode_utf8(&mut [0; 4])).all(|looks| looks.is_ascii_alphanumeric())
}

/// Finds names in the form that programs use, in the original text.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = Range<usize>> {
    tokens(text, |c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/'))
        .filter(|range| range.len() <= 256)
}

/// Finds the parts of `text` between separators.
pub(super) fn tokens(
    text: &str,
    is_separator: impl Fn(char) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let ends = text.char_indices().filter(move |(_, c)| is_separator(*c));
    ends.map(|(at, c)| (at, c.len_utf8()))
        .chain([(text.len(), 0)])
        .map(move |(at, length)| {
            let range = start..at;
            start = at + length;
            range
        })
        .filter(|range| !range.is_empty())
}
