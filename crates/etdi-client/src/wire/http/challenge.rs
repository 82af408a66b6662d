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

/// Returns whether the server calls the token of a request invalid (RFC 6750, section 3.1).
pub(crate) fn says_invalid_token(challenges: &str) -> bool {
    parameter(challenges, "error").is_some_and(|error| error == "invalid_token")
}

/// Returns the scopes that the first `Bearer` challenge with scopes names. `None` for a text that
/// cannot be read.
fn scope(challenges: &str) -> Option<String> {
    parameter(challenges, "scope")
}

/// Returns a parameter of the first `Bearer` challenge that has it.
fn parameter(challenges: &str, wanted: &str) -> Option<String> {
    ChallengeParser::new(challenges)
        .filter_map(Result::ok)
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .flat_map(|challenge| challenge.params)
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
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

    #[test]
    fn a_challenge_says_that_the_token_is_invalid() {
        for challenge in [
            "Bearer error=\"invalid_token\"",
            "Bearer realm=\"x\",error=\"invalid_token\",error_description=\"expired\"",
            "Bearer resource_metadata=\"https://a.example/\", error=invalid_token",
        ] {
            assert!(says_invalid_token(challenge), "{challenge}");
        }
        for challenge in [
            "Bearer",
            "Bearer error=\"insufficient_scope\"",
            "Bearer error=\"invalid_request\", error_description=\"not invalid_token\"",
            "Bearer my_error=\"invalid_token\"",
        ] {
            assert!(!says_invalid_token(challenge), "{challenge}");
        }
    }
}
