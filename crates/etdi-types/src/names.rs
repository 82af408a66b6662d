//! The names in a definition: tool id, version, provider, scope (wire format, section 1).

use std::cell::Cell;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::Serialize;
use url::{SyntaxViolation, Url};

use crate::string_serde::string_serde;
use crate::text::escaped;

/// The reason why a text is not a valid name (wire format, section 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not `authority/path`.
    #[error(
        "\"{}\" is not a tool id: it must be a lower-case host, a slash and a path of \
         [a-z0-9._-] segments, at most 255 bytes, such as `docs.example/scan`", escaped(.0)
    )]
    ToolId(String),
    /// Not Semantic Versioning 2.0.0 without build metadata.
    #[error("\"{}\" is not a version: it must be SemVer without build metadata, such as `1.2.0`",
        escaped(.0))]
    Version(String),
    /// Not an absolute URI, or a URI with user information.
    #[error("\"{}\" is not a provider id: it must be an absolute URI without user information, such as \
             `https://docs.example`", escaped(.0))]
    Provider(String),
    /// Not one RFC 6749 scope-token.
    #[error("\"{}\" is not a scope: it must be one or more printable ASCII characters without \
             space, quote or backslash (RFC 6749, section 3.3)", escaped(.0))]
    Scope(String),
}

/// A tool id, `authority/path`. Compared as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolId(String);

impl ToolId {
    /// Returns the host before the first slash.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once('/').map_or("", |(authority, _)| authority)
    }

    /// Returns the path after the first slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, path)| path)
    }

    /// Returns the whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ToolId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let well_formed = text.len() <= 255
            && text.split_once('/').is_some_and(|(authority, path)| {
                is_a_label_host(authority) && path.split('/').all(is_path_segment)
            });
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::ToolId(text.to_owned()))
        }
    }
}

impl Display for ToolId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_path_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// Returns whether `host` is a lower-case host of A-labels: letters, digits and hyphens. A label
/// that starts with `xn--` must decode and encode back to itself.
pub(crate) fn is_a_label_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    host.len() <= 253
        && host.split('.').all(label)
        && idna::domain_to_ascii_strict(host).is_ok_and(|ascii| ascii == host)
}

/// A version: Semantic Versioning 2.0.0 without build metadata.
///
/// Equality is byte equality, order is SemVer precedence; without build metadata they agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(semver::Version);

impl FromStr for Version {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match semver::Version::parse(text) {
            Ok(version) if version.build.is_empty() && numeric_parts_fit(&version.pre) => {
                Ok(Self(version))
            }
            _ => Err(NameError::Version(text.to_owned())),
        }
    }
}

/// Returns whether every numeric identifier of a pre-release fits in u64, as those of the core
/// version do.
fn numeric_parts_fit(pre: &str) -> bool {
    pre.split('.')
        .filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        .all(|part| part.parse::<u64>().is_ok())
}

impl Display for Version {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// The publisher of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Provider {
    id: String,
    name: String,
}

impl Provider {
    /// Returns a provider. `id` is an absolute URI without user information, compared as bytes;
    /// `name` is display text and is never trusted.
    ///
    /// # Errors
    /// [`NameError::Provider`] if `id` is not such a URI.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        if is_rfc_3986(&id) && has_no_user(&id) {
            Ok(Self { id, name: name.into() })
        } else {
            Err(NameError::Provider(id))
        }
    }

    /// Returns the URI.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the display name, as the provider wrote it: untrusted text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host of the id, the usual authority of the provider's tool ids.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        Url::parse(&self.id).ok()?.host_str().map(str::to_owned)
    }
}

/// Returns whether `text` is an absolute URI without user information. In front of the host, user
/// information looks like another host: `https://docs.example@evil.example`.
pub(crate) fn has_no_user(text: &str) -> bool {
    // Ask the parser: the parsed URL does not show an empty user name.
    let has_user = Cell::new(false);
    let note = |violation| {
        has_user.set(has_user.get() || violation == SyntaxViolation::EmbeddedCredentials);
    };
    let parsed = Url::options().syntax_violation_callback(Some(&note)).parse(text);
    parsed.is_ok() && !has_user.get()
}

/// Returns whether `text` is an http or https URL without user information and fragment, with only
/// characters that every URL parser reads in the same way.
pub(crate) fn is_http_url(text: &str) -> bool {
    let is_http = text.starts_with("https://") || text.starts_with("http://");
    is_http && is_rfc_3986(text) && !text.contains('#') && has_no_user(text)
}

/// Returns whether `text` has only the characters of RFC 3986, section 2. The URL parser repairs
/// any other character.
fn is_rfc_3986(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    text.bytes().all(allowed)
}

/// One RFC 6749 scope-token (section 3.3). Case-sensitive, without wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    /// Returns the token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let token = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !text.is_empty() && text.bytes().all(token) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Scope(text.to_owned()))
        }
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One permission that a definition asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Permission {
    /// The OAuth scope.
    pub scope: Scope,
    /// The purpose of the scope, in the provider's words: untrusted text.
    pub description: String,
    /// Whether the tool requires the scope. An optional permission is granted only if the approver
    /// names it.
    pub required: bool,
}

impl Permission {
    /// Returns a permission that the tool cannot work without.
    #[must_use]
    pub fn required(scope: Scope, description: impl Into<String>) -> Self {
        Self { scope, description: description.into(), required: true }
    }

    /// Returns a permission that the tool can work without.
    #[must_use]
    pub fn optional(scope: Scope, description: impl Into<String>) -> Self {
        Self { scope, description: description.into(), required: false }
    }
}

string_serde!(ToolId, Version, Scope);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_ids_follow_section_1() {
        for good in ["docs.example/scan", "a/b", "xn--bcher-kva.example/a.b_c-d/e", "10.0.0.1/x"] {
            assert!(good.parse::<ToolId>().is_ok(), "{good}");
        }
        let long = format!("a.example/{}", "x".repeat(246));
        for bad in [
            "",
            "scan",
            "/scan",
            "a/",
            "A.example/scan",
            "a.example/Scan",
            "a.example//scan",
            "a.example/./scan",
            "a.example/../scan",
            "a.example/scan/",
            "bücher.example/scan",
            "a..example/scan",
            "-a.example/scan",
            "a b/scan",
            "xn--a/scan",
            "a.example/sc an",
            "a.example:8080/scan",
            long.as_str(),
        ] {
            assert_eq!(bad.parse::<ToolId>(), Err(NameError::ToolId(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_provider_id_has_no_user_information() {
        for good in ["https://a.example", "https://a.example/@b", "urn:a:b@c", "did:web:a.example"]
        {
            assert!(Provider::new(good, "").is_ok(), "{good}");
        }
        for bad in [
            "https://a.example@b.example",
            "https://a:b@c.example",
            "https://@a.example",
            "https://:@a.example",
            "https:a.example@b.example",
            "https:/a.example@b.example",
            "https:///a.example@b.example",
            "a://b.example@c.example",
        ] {
            assert_eq!(Provider::new(bad, ""), Err(NameError::Provider(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn versions_have_no_build_metadata_and_fit_u64() {
        assert!("1.2.0-rc.1".parse::<Version>().is_ok());
        for bad in ["1.2", "v1.2.0", "1.2.0+build", "01.2.0", "1.2.18446744073709551616", ""] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_are_rfc_6749_tokens() {
        assert!("execute:tools".parse::<Scope>().is_ok());
        for bad in ["", "a b", "a\"b", "a\\b", "ä", "a\u{7f}"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }
}
