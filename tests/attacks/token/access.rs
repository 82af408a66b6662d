//! Access tokens: a provider refuses each invalid token with its own error, and a protected server
//! refuses the request.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etdi::client::{CallError, ConnectError};
use etdi::oauth::{BearerToken, GenericProvider, TokenError};
use etdi::{Clock, EtdiClient, Expectations, OAuthConfig, OAuthError, OAuthProvider, TokenRequest};
use serde_json::{Value, json};

use crate::support::*;

fn input_of(header: &Value, claims: &Value) -> String {
    signing_input(&header.to_string(), &claims.to_string())
}

/// Returns the error with which a provider refuses a token for the API.
async fn refusal_of(provider: &dyn OAuthProvider, token: &str) -> TokenError {
    let token = BearerToken::new(token.to_owned());
    match provider.validate(&token, &Expectations::audience(API)).await {
        Err(OAuthError::Token(error)) => error,
        other => panic!("the token should be refused, not {other:?}"),
    }
}

/// Checks that every token is refused for its reason, and that a call with it is refused too, even if
/// the tool needs no token.
async fn assert_refused(issuer: &Issuer, cases: Vec<(String, TokenError)>) {
    let app = protected_app();
    let site = Site::protected(issuer, &app).await;
    let provider = issuer.provider().await;
    for (token, expected) in cases {
        assert_eq!(refusal_of(&provider, &token).await, expected);
        for tool in ["scan", "known", "harmless"] {
            let answer = site.call(tool, Some(&token)).await;
            answer.assert_challenge(401, "invalid_token");
            assert!(!answer.text.contains(&token), "{answer:?}");
        }
    }
    app.assert_calls(0);
    let good = issuer.token("alice", &SCOPES.join(" "));
    assert_eq!(site.call("scan", Some(&good)).await.status, 200);
    app.assert_calls(1);
}

#[tokio::test]
async fn attack_30_access_tokens_that_are_not_valid() {
    let issuer = Issuer::start().await;
    let (now, clock) = (issuer.now(), issuer.clock.now());
    let good = issuer.access_claims("alice", &SCOPES.join(" "));
    let token = |changes| FIRST.sign(&changed(&good, changes));
    let wrong_audience = |found: &[&str]| TokenError::WrongAudience {
        expected: API.to_owned(),
        found: found.iter().map(|one| (*one).to_owned()).collect(),
    };
    let wrong_issuer = |found: &str| TokenError::WrongIssuer {
        expected: issuer.issuer.clone(),
        found: found.to_owned(),
    };
    let malformed = |claim, expected, found| TokenError::MalformedClaim { claim, expected, found };
    let slashless = issuer.issuer.trim_end_matches('/');
    let doubled = format!("{}/", issuer.issuer);
    let (slash, upper) = (format!("{API}/"), API.to_uppercase());
    let late = |claim| TokenError::NotYetValid { claim, from: clock + Duration::from_secs(61) };
    let crit = json!({"alg": "RS256", "kid": KID, "crit": ["exp"], "exp": now + 60});
    let kind = |typ: &str| FIRST.sign_with(&json!({"alg": "RS256", "kid": KID, "typ": typ}), &good);
    let wrong_type = |found: &str| TokenError::WrongType { found: found.to_owned() };
    let mut cases = vec![
        (
            token(json!({"exp": now - 60})),
            TokenError::Expired { since: clock - Duration::from_secs(60) },
        ),
        (token(json!({"aud": ATTESTATIONS})), wrong_audience(&[ATTESTATIONS])),
        (token(json!({"aud": slash})), wrong_audience(&[&slash])),
        (token(json!({"aud": upper})), wrong_audience(&[&upper])),
        (token(json!({"aud": ["a", "b"]})), wrong_audience(&["a", "b"])),
        (
            token(json!({"aud": {"0": API}})),
            malformed("aud", "a string or an array of strings", "an object"),
        ),
        (
            token(json!({"aud": [API, 7]})),
            malformed("aud", "a string or an array of strings", "an array"),
        ),
        (
            token(json!({"aud": []})),
            malformed("aud", "a string or an array of strings", "an array"),
        ),
        (token(json!({"iss": "https://evil.example/"})), wrong_issuer("https://evil.example/")),
        (token(json!({"iss": slashless})), wrong_issuer(slashless)),
        (token(json!({"iss": doubled})), wrong_issuer(&doubled)),
        (
            token(json!({"iss": [issuer.issuer]})),
            malformed("iss", "a string that is not empty", "an array"),
        ),
        (token(json!({"nbf": now + 61})), late("nbf")),
        (token(json!({"iat": now + 61})), late("iat")),
        (
            token(json!({"exp": (now + 3600).to_string()})),
            malformed("exp", "a number of at most 2^53", "a string"),
        ),
        (token(json!({"exp": 1e300})), malformed("exp", "a number of at most 2^53", "a number")),
        (FIRST.sign_with(&crit, &good), TokenError::Critical),
        (kind("JWT+x"), wrong_type("JWT+x")),
        (kind("etdi-definition+jws"), wrong_type("etdi-definition+jws")),
        // The token is bound to a key, and its bearer does not prove possession of that key.
        (
            token(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})),
            TokenError::SenderConstrained,
        ),
        ("0123456789".to_owned(), TokenError::NotAJwt),
        (SECOND.sign(&good), TokenError::UnknownKey { kid: Some("second".to_owned()) }),
        (SECOND.sign_with(&FIRST.header(), &good), TokenError::BadSignature),
    ];
    for name in ["exp", "iat", "iss", "aud"] {
        cases.push((token(json!({name: null})), TokenError::MissingClaim(name)));
    }
    assert_refused(&issuer, cases).await;

    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    // Two JSON readers could read this number as two different values.
    let inexact = token(json!({"exp": 9_007_199_254_740_993_i64}));
    let error = refusal_of(&issuer.provider().await, &inexact).await;
    assert_eq!(error, malformed("exp", "a number of at most 2^53", "a number"));
    site.call("scan", Some(&inexact)).await.assert_challenge(401, "invalid_token");
    // The leeway is 60 seconds: the token is good for 59 seconds after `exp`, and refused one second
    // later.
    let token = token(json!({"exp": now}));
    assert_eq!(site.call("scan", Some(&token)).await.status, 200);
    issuer.clock.advance(Duration::from_secs(59));
    assert_eq!(site.call("scan", Some(&token)).await.status, 200);
    issuer.clock.advance(Duration::from_secs(1));
    site.call("scan", Some(&token)).await.assert_challenge(401, "invalid_token");
    app.assert_calls(2);
}

/// Returns tokens with `claims` that are unsigned, or signed with a publicly known value, each with the
/// reason for which it is refused. The issuer has one key.
pub fn forged(claims: &Value) -> Vec<(String, TokenError)> {
    let algorithm = |found: &str| TokenError::WrongAlgorithm {
        found: found.to_owned(),
        allowed: "RS256".to_owned(),
    };
    let mut cases = Vec::new();
    let (_, signature) =
        FIRST.sign(claims).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for none in ["none", "None", "NONE", ""] {
        let input = input_of(&json!({"alg": none, "typ": "JWT", "kid": KID}), claims);
        for signature in ["", &signature] {
            cases.push((format!("{input}.{signature}"), algorithm(none)));
        }
    }
    let pem = |label: &str, der: &[u8]| {
        let text = STANDARD.encode(der);
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    // SubjectPublicKeyInfo (RFC 5280, section 4.1): rsaEncryption, then RSAPublicKey in a bit string.
    let der = FIRST.public_der();
    let mut spki =
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00".to_vec();
    spki.extend_from_slice(b"\x03\x82\x01\x0f\x00");
    spki.extend_from_slice(der);
    let public = [
        der.to_vec(),
        FIRST.modulus().to_vec(),
        encode(FIRST.modulus()).into_bytes(),
        FIRST.jwk().to_string().into_bytes(),
        pem("RSA PUBLIC FIRST", der).into_bytes(),
        pem("PUBLIC FIRST", &spki).into_bytes(),
        spki,
        Vec::new(),
    ];
    for secret in public {
        cases.push((hs256(KID, &secret, claims), algorithm("HS256")));
    }
    for other in ["RS384", "PS256", "rs256", "EdDSA", "ES256"] {
        let header = json!({"alg": other, "kid": KID});
        cases.push((FIRST.sign_with(&header, claims), algorithm(other)));
    }
    cases
}

fn hs256(kid: &str, secret: &[u8], claims: &Value) -> String {
    let input = input_of(&json!({"alg": "HS256", "typ": "JWT", "kid": kid}), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", encode(hmac::sign(&key, input.as_bytes())))
}

#[tokio::test]
async fn attack_31_algorithm_none_or_the_public_key_as_a_secret() {
    let issuer = Issuer::start().await;
    let cases = forged(&issuer.access_claims("alice", &SCOPES.join(" ")));
    assert_refused(&issuer, cases).await;
}

#[tokio::test]
async fn attack_31_rs256_token_against_an_ec_key_of_its_kid() {
    let issuer = Issuer::start().await;
    let (ec, claims) = (EcKey::generate(), issuer.access_claims("alice", &SCOPES.join(" ")));
    // The JWKS has an EC key with the `kid` of the RSA key that signed the token.
    issuer.jwks(Jwks::Keys(vec![ec.jwk("second"), FIRST.jwk()]));
    let algorithm = |found: &str| TokenError::WrongAlgorithm {
        found: found.to_owned(),
        allowed: "RS256".to_owned(),
    };
    let (kid, other) = ("second".to_owned(), "RS256".to_owned());
    let cases = vec![
        (SECOND.sign(&claims), TokenError::KeyForAnotherAlgorithm { kid, algorithm: other }),
        (ec.sign("second", &claims), algorithm("ES256")),
        (hs256("second", b"", &claims), algorithm("HS256")),
    ];
    assert_refused(&issuer, cases).await;

    // Even where both algorithms are allowed, each key verifies only signatures of its own algorithm.
    let base = issuer.issuer.trim_end_matches('/').to_owned();
    issuer.metadata(json!({
        "issuer": base, "token_endpoint": issuer.url("oauth/token"),
        "jwks_uri": issuer.url(".well-known/jwks.json"),
    }));
    let generic = issuer.plug(OAuthConfig::generic(&base)).audience(API);
    let generic = GenericProvider::initialize(generic).await.unwrap();
    let claims = changed(&claims, json!({"iss": base}));
    let (kid, other) = ("second".to_owned(), "RS256".to_owned());
    let expected = TokenError::KeyForAnotherAlgorithm { kid, algorithm: other };
    assert_eq!(refusal_of(&generic, &SECOND.sign(&claims)).await, expected);
    let (kid, other) = (KID.to_owned(), "ES256".to_owned());
    let expected = TokenError::KeyForAnotherAlgorithm { kid, algorithm: other };
    assert_eq!(refusal_of(&generic, &ec.sign(KID, &claims)).await, expected);
    let token = BearerToken::new(ec.sign("second", &claims));
    generic.validate(&token, Expectations::audience(API)).await.unwrap();
}

#[tokio::test]
async fn attack_31_oct_key_in_the_jwks() {
    let issuer = Issuer::start().await;
    let secret = [7; 32];
    let oct = |kid: &str| json!({"kty": "oct", "kid": kid, "use": "sig", "alg": "HS256", "k": encode(secret)});
    let mut bold = oct("second");
    bold["alg"] = "RS256".into();
    let mut nameless = oct("x");
    nameless.as_object_mut().unwrap().remove("kid");
    // The other keys stay usable beside a symmetric key, even a key with the same `kid`.
    issuer.jwks(Jwks::Keys(vec![oct("secret"), bold, nameless, oct(KID), FIRST.jwk()]));
    let claims = issuer.access_claims("alice", &SCOPES.join(" "));
    let algorithm =
        TokenError::WrongAlgorithm { found: "HS256".to_owned(), allowed: "RS256".to_owned() };
    let unknown = |kid: &str| TokenError::UnknownKey { kid: Some(kid.to_owned()) };
    let header = |kid: &str| json!({"alg": "RS256", "kid": kid});
    let cases = vec![
        (hs256("secret", &secret, &claims), algorithm.clone()),
        (hs256(KID, &secret, &claims), algorithm),
        (FIRST.sign_with(&header("secret"), &claims), unknown("secret")),
        (SECOND.sign(&claims), unknown("second")),
    ];
    assert_refused(&issuer, cases).await;
}

#[tokio::test]
async fn attack_35_fewer_scopes_than_asked_for() {
    let asked = || TokenRequest::for_tool("trustedsoft.example/scan").scopes(SCOPES);
    // The issuer names the granted scopes in its answer, or only in the token.
    for says in [true, false] {
        for (granted, missing) in [
            (&[][..], &SCOPES[..]),
            (&["read:files"], &SCOPES[..1]),
            (&["read:files", "other:scope", "Execute:tools"], &SCOPES[..1]),
            (&["execute:tools"], &SCOPES[1..]),
        ] {
            let issuer = Issuer::start().await;
            let provider = issuer.provider().await;
            issuer.grants(granted, says);
            let error = provider.token(asked()).await.unwrap_err();
            let OAuthError::InsufficientScope { missing: found, .. } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(found, missing, "{says} {granted:?}");
            assert_eq!(error.code(), Some("insufficient_scope"));
            for scope in missing {
                assert!(error.to_string().contains(scope), "{error}");
            }
            assert!(error.remedy().unwrap().contains("Machine to Machine tab"), "{error}");
            // The token with fewer scopes is not cached.
            provider.token(asked()).await.unwrap_err();
            assert_eq!(issuer.tokens(), 2);
        }
    }
}

#[tokio::test]
async fn attack_35_tools_are_not_called_with_fewer_scopes() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let app = protected_app();
    let site = Site::of(&issuer, &publisher, &app, Sessions::None).await;
    let host = |provider, request| {
        EtdiClient::builder(trust(&[&publisher])).clock(issuer.clock.clone()).token_for(
            site.uri.parse().unwrap(),
            provider,
            request,
        )
    };
    issuer.grants(&["read:files"], true);
    let plain = host(issuer.provider().await, TokenRequest::new()).build().unwrap();
    let connection = plain.connect_http(&site.uri).await.unwrap();
    let approved = approve(&connection, "scan").await;
    let error = call(&connection, &approved).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Token(OAuthError::InsufficientScope { missing, .. })
            if *missing == ["execute:tools"]),
        "{error:?}"
    );
    app.assert_calls(0);

    let eager = host(issuer.provider().await, TokenRequest::new().scopes(SCOPES)).build().unwrap();
    let error = eager.connect_http(&site.uri).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Token(OAuthError::InsufficientScope { missing, .. })
            if *missing == ["execute:tools"]),
        "{error:?}"
    );
    issuer.grants(&SCOPES, true);
    let connection = eager.connect_http(&site.uri).await.unwrap();
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();
    app.assert_calls(1);
}
