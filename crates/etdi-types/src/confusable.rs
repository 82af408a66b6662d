//! Confusable keys: two names that look alike to a person have the same key (wire format, section
//! 1).

use std::sync::LazyLock;

use unicode_security::skeleton;

/// Returns the key of a served name: the UTS 39 skeleton of the lower-case name, with one character
/// for every dash, `_` and `.`.
///
/// Two names with the same key look the same to a person.
#[must_use]
pub fn name_key(name: &str) -> String {
    if let Some(key) = ascii_key(name) {
        return key;
    }
    let lower = skeleton_lower(name);
    lower.chars().map(fold_separator).collect()
}

/// Returns the key of an ASCII name; `None` for any other name. Most names are ASCII, and a table
/// is fast: the skeleton maps ASCII characters one by one.
fn ascii_key(name: &str) -> Option<String> {
    static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let key = |c: u8| skeleton_lower(char::from(c).encode_utf8(&mut [0; 4]));
        (0..128).map(|c| key(c).chars().map(fold_separator).collect()).collect()
    });
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        out.push_str(KEYS.get(usize::from(byte))?);
    }
    Some(out)
}

/// Returns the key of a tool id: [`name_key`] of the id with its authority in U-labels.
#[must_use]
pub fn id_key(id: &str) -> String {
    match id.split_once('/') {
        Some((authority, path)) => {
            if !authority.contains("xn--") {
                return name_key(id);
            }
            let (unicode, _) = idna::domain_to_unicode(authority);
            name_key(&format!("{unicode}/{path}"))
        }
        None => name_key(id),
    }
}

/// Takes the skeleton of the lower-case text twice: the skeleton of a lower-case text may hold
/// upper-case letters, and their lower-case forms have a skeleton of their own.
fn skeleton_lower(text: &str) -> String {
    let lower = text.to_lowercase();
    let once: String = skeleton(&lower).collect();
    let again = once.to_lowercase();
    skeleton(&again).collect()
}

fn fold_separator(c: char) -> char {
    if matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_share_a_key() {
        assert_eq!(name_key("foo-bar"), name_key("foo_bar"));
        assert_eq!(name_key("foo.bar"), name_key("Foo_Bar"));
        // Cyrillic а in place of the Latin one.
        assert_eq!(name_key("sc\u{430}n"), name_key("scan"));
        assert_ne!(name_key("scan"), name_key("scam"));
    }

    #[test]
    fn the_table_for_ascii_agrees_with_the_skeleton() {
        for text in ["Il1|O0", "rn-m_w.vv", "read_FILE", "`'\"", "", "a b\tc"] {
            let slow: String = skeleton_lower(text).chars().map(fold_separator).collect();
            assert_eq!(ascii_key(text), Some(slow), "{text}");
        }
        assert_eq!(ascii_key("sc\u{430}n"), None);
    }

    #[test]
    fn ids_compare_by_their_u_label() {
        // xn--80ak6aa92e.com is the all-Cyrillic look-alike of apple.com.
        assert_eq!(id_key("xn--80ak6aa92e.com/scan"), id_key("apple.com/scan"));
        assert_ne!(id_key("a.example/scan"), id_key("b.example/scan"));
    }
}
