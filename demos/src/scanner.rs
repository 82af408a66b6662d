//! The tool that the demos protect: it finds personal data in a document.
//!
//! The tool really scans, so that a claim about its findings is a real check.

use serde::Serialize;

/// One piece of personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `email`, `phone`, `card`, `iban` or `ssn`.
    pub kind: &'static str,
    /// The text that was found.
    pub text: String,
}

/// Finds e-mail addresses, telephone numbers, payment cards (Luhn), IBANs (ISO 13616, mod 97) and
/// US social security numbers, in the order of the document.
#[must_use]
pub fn scan(document: &str) -> Vec<Finding> {
    document
        .lines()
        .flat_map(|line| {
            let words = line.split([',', ';', '(', ')', '<', '>', '"']).flat_map(runs);
            words.filter_map(|run| classify(&run)).collect::<Vec<_>>()
        })
        .collect()
}

/// Splits a text into runs. A run is one word, or several words that may be one number written with
/// blanks.
fn runs(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split_whitespace() {
        let word = word.trim_end_matches(['.', ':', '!', '?']);
        let numeric =
            !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let iban_part = word.len() <= 4 && word.chars().all(|c| c.is_ascii_digit());
        match runs.last_mut() {
            Some(last) if open && (numeric || iban_part) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => runs.push(word.to_owned()),
        }
        open = numeric || iban_part || starts_like_iban(word);
    }
    runs
}

fn starts_like_iban(word: &str) -> bool {
    let mut bytes = word.bytes();
    word.len() == 4
        && bytes.by_ref().take(2).all(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_digit())
}

fn classify(run: &str) -> Option<Finding> {
    let kind = if is_email(run) {
        "email"
    } else if is_iban(run) {
        "iban"
    } else if is_card(run) {
        "card"
    } else if is_ssn(run) {
        "ssn"
    } else if is_phone(run) {
        "phone"
    } else {
        return None;
    };
    Some(Finding { kind, text: run.to_owned() })
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.split('.').count() >= 2
            && domain.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            })
    })
}

fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_digit(10)).collect()
}

/// Returns whether the run is a card number. ISO/IEC 7812-1, annex B: the Luhn formula over 13 to 19
/// digits.
fn is_card(run: &str) -> bool {
    let Some(digits) = digits(run) else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

fn is_iban(run: &str) -> bool {
    let plain: String = run.chars().filter(|c| *c != ' ').collect();
    let Some((head, rest)) = plain.split_at_checked(4) else { return false };
    let well_formed = (15..=34).contains(&plain.len())
        && head.chars().take(2).all(|c| c.is_ascii_uppercase())
        && plain.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let remainder = rest.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).fold(
        0,
        |remainder: u32, value| {
            let shift = if value > 9 { 100 } else { 10 };
            (remainder * shift + value) % 97
        },
    );
    well_formed && remainder == 1
}

fn is_ssn(run: &str) -> bool {
    let groups: Vec<&str> = run.split('-').collect();
    let [area, group, serial] = groups.as_slice() else { return false };
    let number = |text: &str, length| {
        (text.len() == length).then(|| text.parse::<u32>().ok()).flatten().filter(|n| *n > 0)
    };
    number(area, 3).is_some_and(|area| area != 666 && area < 900)
        && number(group, 2).is_some()
        && number(serial, 4).is_some()
}

/// Returns whether the run is a telephone number: E.164 as people write it, `+` and 8 to 15 digits.
fn is_phone(run: &str) -> bool {
    run.strip_prefix('+').and_then(digits).is_some_and(|digits| (8..=15).contains(&digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(document: &str) -> Vec<&'static str> {
        scan(document).into_iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn finds_each_kind_once() {
        let document = "Write to ada@example.org or call +44 20 7946 0958.\n\
                        Card 4111 1111 1111 1111, account DE89 3704 0044 0532 0130 00; SSN 219-09-9999.";
        assert_eq!(kinds(document), ["email", "phone", "card", "iban", "ssn"]);
    }

    #[test]
    fn a_number_with_a_wrong_check_digit_is_not_reported() {
        assert!(kinds("4111 1111 1111 1112").is_empty());
        assert!(kinds("DE89 3704 0044 0532 0130 01").is_empty());
        assert!(kinds("666-09-9999 000-12-3456").is_empty());
        assert!(kinds("user@localhost, @example.org, version 1.2.3").is_empty());
    }
}
