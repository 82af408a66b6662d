//! The challenges of a server that wants a token (RFC 9110, section 11.6.1, and RFC 6750, section 3).

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use http_auth::parser::ChallengeParser;
use rmcp::transport::streamable_http_client::{AuthRequiredError, InsufficientScopeError};

use super::error::RequestError;

/// Returns the error for an answer with a challenge, so that the caller can answer it.
pub(super) fn check(status: StatusCode, headers: &HeaderMap) -> Result<(), RequestError> {
    let Some(text) = text(headers) else {
        return Ok(());
    };
    match status {
        StatusCode::UNAUTHORIZED => Err(RequestError::AuthRequired(AuthRequiredError::new(text))),
        StatusCode::FORBIDDEN => {
            let scope = scope(&text);
            Err(RequestError::InsufficientScope(InsufficientScopeError::new(text, scope)))
        }
        _ => Ok(()),
    }
}

/// Returns all challenges, as one list. Several headers are the same as one with commas between
/// (RFC 9110, section 5.2).
fn text(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    if texts.is_empty() { None } else { Some(texts.join(", ")) }
}

/// Returns the scopes that the first `Bearer` challenge with scopes names. `None` for a text that
/// cannot be read.
fn scope(challenges: &str) -> Option<String> {
    ChallengeParser::new(challenges)
        .filter_map(Result::ok)
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .flat_map(|challenge| challenge.params)
        .find(|(name, _)| name.eq_ignore_ascii_case("scope"))
        .map(|(_, value)| value.to_unescaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_scope_of_a_bearer_challenge_counts() {
        for (challenges, expected) in [
            (r#"Bearer scope="a b""#, Some("a b")),
            ("Bearer scope=a", Some("a")),
            (r#"bearer realm="x", Scope="a""#, Some("a")),
            (r#"Basic realm="x", Bearer error="insufficient_scope", scope="a""#, Some("a")),
            (r#"Bearer error_description="scope=\"x\" is missing", scope="a""#, Some("a")),
            (r#"Bearer error_description="scope=\"x\" is missing""#, None),
            (r#"Digest scope="x""#, None),
            (r#"Bearer realm="x", DPoP algs="ES256", scope="b""#, None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(scope(challenges).as_deref(), expected, "{challenges}");
        }
    }

    #[test]
    fn challenges_in_several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Basic realm=x".parse().unwrap());
        headers.append(WWW_AUTHENTICATE, "Bearer scope=a".parse().unwrap());
        let Err(RequestError::InsufficientScope(said)) = check(StatusCode::FORBIDDEN, &headers)
        else {
            panic!()
        };
        assert_eq!(said.required_scope.as_deref(), Some("a"));
        assert_eq!(said.www_authenticate_header, "Basic realm=x, Bearer scope=a");
    }
}
