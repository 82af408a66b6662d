//! Tests of the single validation function with forged and malformed tokens.

use etdi_oauth::{Expectations, IssuerRules, KeySet, Principal, TokenError, validate};
use etdi_testkit::issuer::{API, NOW};
use etdi_testkit::keys::{EcKey, FIRST, SECOND, signing_input};
use etdi_types::keys::base64url_encode;
use etdi_types::trust::IssuerKind;
use etdi_types::{SigAlg, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::keys::{key_set, with};

const ISSUER: &str = "https://issuer.example/";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "client_id": "app", "aud": API,
        "iat": NOW, "exp": NOW + 600, "scope": "execute:tools read:tools",
    })
}

fn rules() -> IssuerRules {
    IssuerRules::new(ISSUER, IssuerKind::Generic)
}

fn keys() -> KeySet {
    key_set(&[FIRST.jwk()])
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

fn expected() -> Expectations {
    Expectations::audience(API)
}

fn check(token: &str) -> Result<Principal, TokenError> {
    validate(token, &rules(), &keys(), &expected(), now())
}

fn with_claims(changes: &Value) -> Result<Principal, TokenError> {
    check(&FIRST.sign(&with(claims(), changes)))
}

fn with_header(changes: &Value) -> Result<Principal, TokenError> {
    check(&FIRST.sign_with(&with(FIRST.header(), changes), &claims()))
}

fn as_kind(kind: IssuerKind, claims: &Value) -> Result<Principal, TokenError> {
    let rules = IssuerRules::new(ISSUER, kind);
    validate(&FIRST.sign(claims), &rules, &keys(), &expected(), now())
}

#[test]
fn a_good_token_gives_its_principal() {
    let principal = check(&FIRST.sign(&claims())).unwrap();
    assert_eq!(principal.issuer(), ISSUER);
    assert_eq!(principal.subject(), "alice");
    assert_eq!(principal.client(), Some("app"));
    assert_eq!(principal.scopes().len(), 2);
    assert_eq!(principal.expires_at(), now() + Duration::seconds(600));
    assert_eq!(principal.missing_scopes(["execute:tools", "write"]), ["write"]);
}

// Attack 30.
#[test]
fn a_missing_claim_is_refused_by_name() {
    for claim in ["exp", "iat", "iss", "aud", "sub"] {
        let error = with_claims(&json!({ claim: null })).unwrap_err();
        assert_eq!(error, TokenError::MissingClaim(claim));
    }
}

#[test]
fn an_expired_token_is_refused_with_a_leeway_of_a_minute() {
    assert!(with_claims(&json!({ "exp": NOW - 59 })).is_ok());
    for ago in [60, 61, 100_000_000] {
        let since = now() - Duration::seconds(ago);
        let error = with_claims(&json!({ "exp": NOW - ago })).unwrap_err();
        assert_eq!(error, TokenError::Expired { since });
    }
}

#[test]
fn a_token_from_the_future_is_refused_with_a_leeway_of_a_minute() {
    for claim in ["nbf", "iat"] {
        assert!(with_claims(&json!({ claim: NOW + 60 })).is_ok());
        let error = with_claims(&json!({ claim: NOW + 61 })).unwrap_err();
        assert_eq!(error, TokenError::NotYetValid { claim, from: now() + Duration::seconds(61) });
    }
}

#[test]
fn a_date_is_a_number_of_at_most_two_to_the_53() {
    let inexact = json!(9_007_199_254_740_993_u64);
    for date in [json!("1"), json!([1]), json!({}), json!(1e300), json!(true), inexact] {
        for claim in ["exp", "iat", "nbf"] {
            let error = with_claims(&json!({ claim: date })).unwrap_err();
            assert!(
                matches!(&error, TokenError::MalformedClaim { claim: found, .. } if *found == claim),
                "{claim}: {date}: {error}"
            );
        }
    }
    assert!(matches!(with_claims(&json!({ "exp": null })), Err(TokenError::MissingClaim("exp"))));
    let null = claims().to_string().replace("\"exp\"", "\"exp\":null,\"x\"");
    assert!(matches!(
        check(&FIRST.sign_text(&FIRST.header().to_string(), &null)),
        Err(TokenError::MalformedClaim { claim: "exp", found: "null", .. })
    ));
}

/// Issuers put their own ids into tokens. Readers disagree about such an integer, and no check reads
/// it.
#[test]
fn an_integer_beyond_two_to_the_53_in_a_claim_that_nobody_reads_does_not_refuse_the_token() {
    for number in ["9007199254740993", "-9007199254740993", "18446744073709551616"] {
        let extra = format!("{{\"session\":{number},\"x\":{{\"ids\":[{number}]}},");
        let claims = claims().to_string().replacen('{', &extra, 1);
        assert!(check(&FIRST.sign_text(&FIRST.header().to_string(), &claims)).is_ok(), "{number}");
        let header = FIRST.header().to_string().replacen('{', &extra, 1);
        assert!(check(&FIRST.sign_text(&header, &claims)).is_ok(), "{number}");
    }
}

#[test]
fn one_of_two_expected_audiences_is_enough() {
    let expected = expected().or_audience("https://docs.example/mcp");
    let judge = |aud: Value| {
        let token = FIRST.sign(&with(claims(), &json!({ "aud": aud })));
        validate(&token, &rules(), &keys(), &expected, now())
    };
    for aud in [json!(API), json!("https://docs.example/mcp"), json!(["x", API])] {
        assert!(judge(aud.clone()).is_ok(), "{aud}");
    }
    for aud in [json!("https://docs.example/mcp/"), json!("https://docs.example"), json!("")] {
        let error = judge(aud.clone()).unwrap_err();
        assert_eq!(
            error,
            TokenError::WrongAudience {
                expected: format!("{API} or https://docs.example/mcp"),
                found: vec![aud.as_str().unwrap().to_owned()],
            }
        );
    }
}

#[test]
fn another_audience_is_refused() {
    for aud in [json!("https://other.example"), json!(format!("{API}/")), json!(["a", "b"])] {
        assert!(
            matches!(with_claims(&json!({ "aud": aud })), Err(TokenError::WrongAudience { .. })),
            "{aud}"
        );
    }
    for aud in [json!({ API: true }), json!([]), json!([API, 7]), json!(7)] {
        assert!(
            matches!(
                with_claims(&json!({ "aud": aud })),
                Err(TokenError::MalformedClaim { claim: "aud", .. })
            ),
            "{aud}"
        );
    }
    assert!(with_claims(&json!({ "aud": ["other", API] })).is_ok());
}

#[test]
fn another_issuer_is_refused_to_the_byte() {
    for iss in ["https://issuer.example", "https://ISSUER.example/", "https://evil.example/"] {
        assert_eq!(
            with_claims(&json!({ "iss": iss })).unwrap_err(),
            TokenError::WrongIssuer { expected: ISSUER.to_owned(), found: iss.to_owned() }
        );
    }
    for iss in [json!([ISSUER]), json!(7), json!({}), json!("")] {
        assert!(matches!(
            with_claims(&json!({ "iss": iss })),
            Err(TokenError::MalformedClaim { claim: "iss", .. })
        ));
    }
}

#[test]
fn any_crit_is_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
        assert_eq!(with_header(&json!({ "crit": crit })).unwrap_err(), TokenError::Critical);
    }
}

#[test]
fn typ_is_absent_or_one_of_an_access_token() {
    for typ in [json!(null), json!("JWT"), json!("jwt"), json!("application/at+jwt")] {
        assert!(with_header(&json!({ "typ": typ })).is_ok(), "{typ}");
    }
    for typ in ["dpop+jwt", "etdi-call+jwt", "logout+jwt", "id+jwt", ""] {
        let error = with_header(&json!({ "typ": typ })).unwrap_err();
        assert_eq!(error, TokenError::WrongType { found: typ.to_owned() });
    }
    assert!(matches!(with_header(&json!({ "typ": 7 })), Err(TokenError::Malformed(_))));
}

// Attack 31.
#[test]
fn alg_none_is_refused() {
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({ "alg": alg, "kid": "first" }).to_string();
        let token = format!("{}.", signing_input(&header, &claims().to_string()));
        assert_eq!(
            check(&token).unwrap_err(),
            TokenError::WrongAlgorithm {
                found: alg.to_owned(),
                allowed: "RS256, ES256, EdDSA".to_owned()
            }
        );
    }
}

#[test]
fn hs256_with_the_public_key_as_its_secret_is_refused() {
    let header = json!({ "alg": "HS256", "kid": "first" }).to_string();
    let input = signing_input(&header, &claims().to_string());
    for secret in [FIRST.modulus().to_vec(), FIRST.jwk().to_string().into_bytes()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
        let error = check(&format!("{input}.{}", base64url_encode(tag.as_ref()))).unwrap_err();
        assert!(matches!(&error, TokenError::WrongAlgorithm { found, .. } if found == "HS256"));
        assert!(error.remedy().contains("set the signing algorithm to"), "{error}");
    }
}

#[test]
fn an_rs256_token_against_an_ec_key_of_the_same_kid_is_refused() {
    let keys = key_set(&[EcKey::generate().jwk("first")]);
    assert_eq!(
        validate(&FIRST.sign(&claims()), &rules(), &keys, &expected(), now()).unwrap_err(),
        TokenError::KeyForAnotherAlgorithm {
            kid: "first".to_owned(),
            algorithm: "RS256".to_owned()
        }
    );
    // A key of the right type next to it is found.
    let keys = key_set(&[EcKey::generate().jwk("first"), FIRST.jwk()]);
    assert!(validate(&FIRST.sign(&claims()), &rules(), &keys, &expected(), now()).is_ok());
}

#[test]
fn an_oct_key_in_the_jwks_is_skipped_and_the_others_stand() {
    let oct = json!({ "kty": "oct", "kid": "first", "k": "c2VjcmV0", "alg": "HS256" });
    let keys = key_set(&[oct, FIRST.jwk()]);
    assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 1));
    assert_eq!(keys.skipped()[0].why, etdi_types::KeyError::Symmetric);
    assert!(validate(&FIRST.sign(&claims()), &rules(), &keys, &expected(), now()).is_ok());
}

#[test]
fn the_configuration_fixes_the_algorithms() {
    let key = EcKey::generate();
    let (keys, token) = (key_set(&[key.jwk("ec")]), key.sign("ec", &claims()));
    assert!(validate(&token, &rules(), &keys, &expected(), now()).is_ok());
    let rules = rules().algorithms([SigAlg::RS256]);
    let error = validate(&token, &rules, &keys, &expected(), now()).unwrap_err();
    assert_eq!(
        error,
        TokenError::WrongAlgorithm { found: "ES256".to_owned(), allowed: "RS256".to_owned() }
    );
    assert!(error.to_string().contains("set the signing algorithm to RS256"), "{error}");
}

#[test]
fn the_jwk_narrows_the_algorithms() {
    let keys = key_set(&[with(FIRST.jwk(), &json!({ "alg": "PS256" }))]);
    assert_eq!(keys.keys().len(), 0);
    // Entra's keys have no `alg`.
    let keys = key_set(&[with(FIRST.jwk(), &json!({ "alg": null }))]);
    assert!(validate(&FIRST.sign(&claims()), &rules(), &keys, &expected(), now()).is_ok());
}

#[test]
fn a_key_in_the_header_is_not_used() {
    let header = with(
        SECOND.header(),
        &json!({ "kid": "first", "jwk": SECOND.jwk(), "jku": "https://evil.example/jwks" }),
    );
    let token = SECOND.sign_with(&header, &claims());
    assert_eq!(check(&token).unwrap_err(), TokenError::BadSignature);
}

#[test]
fn an_unknown_and_a_missing_kid_are_refused_unless_one_key_fits() {
    assert_eq!(
        check(&SECOND.sign(&claims())).unwrap_err(),
        TokenError::UnknownKey { kid: Some("second".to_owned()) }
    );
    let nameless = FIRST.sign_with(&json!({ "alg": "RS256" }), &claims());
    assert!(check(&nameless).is_ok());
    let two = key_set(&[FIRST.jwk(), SECOND.jwk()]);
    assert_eq!(
        validate(&nameless, &rules(), &two, &expected(), now()).unwrap_err(),
        TokenError::AmbiguousKey { kid: None }
    );
    let twins = key_set(&[FIRST.jwk(), with(SECOND.jwk(), &json!({ "kid": "first" }))]);
    assert_eq!(
        validate(&FIRST.sign(&claims()), &rules(), &twins, &expected(), now()).unwrap_err(),
        TokenError::AmbiguousKey { kid: Some("first".to_owned()) }
    );
}

#[test]
fn a_changed_token_is_refused() {
    let token = FIRST.sign(&claims());
    let forged = with(claims(), &json!({ "scope": "admin" })).to_string();
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = base64url_encode(forged.as_bytes());
    assert_eq!(check(&parts.join(".")).unwrap_err(), TokenError::BadSignature);
}

#[test]
fn duplicate_members_are_refused() {
    let text = claims().to_string();
    let twice = text.replacen('{', &format!("{{\"aud\":\"{API}\","), 1);
    let error = check(&FIRST.sign_text(&FIRST.header().to_string(), &twice)).unwrap_err();
    assert!(matches!(&error, TokenError::Malformed(why) if why.contains("twice")), "{error}");
    let header = "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"first\"}";
    let error = check(&FIRST.sign_text(header, &text)).unwrap_err();
    assert!(matches!(&error, TokenError::Malformed(why) if why.contains("twice")), "{error}");
}

#[test]
fn a_token_that_is_not_a_jwt_is_named_as_such() {
    for token in ["", "opaque", "a.b", "a.b.c.d.e"] {
        assert_eq!(check(token).unwrap_err(), TokenError::NotAJwt);
    }
    for token in ["!!.e30.AA", "e30.e30.AA", "W10.e30.AA", "e30=.e30.AA"] {
        assert!(matches!(check(token), Err(TokenError::Malformed(_))), "{token}");
    }
}

#[test]
fn every_missing_scope_is_named_and_scopes_have_no_wildcards() {
    let expected = expected().scopes(["execute:tools", "write:tools", "admin"]);
    let error = validate(&FIRST.sign(&claims()), &rules(), &keys(), &expected, now()).unwrap_err();
    let missing = vec!["admin".to_owned(), "write:tools".to_owned()];
    assert_eq!(error, TokenError::InsufficientScope { missing });
    assert_eq!((error.code(), error.status()), ("insufficient_scope", 403));
    for scope in ["execute:*", "Execute:tools", "execute"] {
        let token = FIRST.sign(&with(claims(), &json!({ "scope": scope })));
        let expected = Expectations::audience(API).scope("execute:tools");
        assert!(matches!(
            validate(&token, &rules(), &keys(), &expected, now()),
            Err(TokenError::InsufficientScope { .. })
        ));
    }
}

#[test]
fn scopes_are_the_union_of_scope_and_scp() {
    let principal = with_claims(&json!({ "scope": "a b", "scp": ["c"] })).unwrap();
    assert!(principal.scopes().iter().eq(["a", "b", "c"]));
    for scope in [json!("a  b"), json!(" a"), json!("a\tb"), json!(7), json!(["a b"]), json!("ä")]
    {
        assert!(
            matches!(
                with_claims(&json!({ "scope": scope })),
                Err(TokenError::MalformedClaim { claim: "scope", .. })
            ),
            "{scope}"
        );
    }
}

#[test]
fn auth0_permissions_replace_scopes_only_where_configured() {
    let changes = json!({ "azp": "app", "permissions": ["execute:tools"], "scope": "openid" });
    let token = FIRST.sign(&with(claims(), &changes));
    let rules = IssuerRules::new(ISSUER, IssuerKind::Auth0);
    let scopes = |rules: &IssuerRules| {
        let principal = validate(&token, rules, &keys(), &expected(), now()).unwrap();
        principal.scopes().iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(scopes(&rules), ["openid"]);
    assert_eq!(scopes(&rules.rbac(true)), ["execute:tools"]);
}

#[test]
fn entra_roles_count_in_app_only_tokens_alone() {
    let app = json!({ "azp": "app", "oid": "alice", "roles": ["execute:tools"], "scope": null });
    let principal = as_kind(IssuerKind::Entra, &with(claims(), &app)).unwrap();
    assert!(principal.scopes().iter().eq(["execute:tools"]));
    let user = with(app, &json!({ "scp": "read api/.default", "oid": "another" }));
    let principal = as_kind(IssuerKind::Entra, &with(claims(), &user)).unwrap();
    assert!(principal.scopes().iter().eq(["read"]));
}

#[test]
fn the_client_claim_is_fixed_by_the_kind() {
    let all = json!({ "azp": "azp", "cid": "cid", "client_id": "client_id" });
    for (kind, client) in [
        (IssuerKind::Auth0, "azp"),
        (IssuerKind::Okta, "cid"),
        (IssuerKind::Entra, "azp"),
        (IssuerKind::Generic, "client_id"),
    ] {
        let principal = as_kind(kind, &with(claims(), &all)).unwrap();
        assert_eq!(principal.client(), Some(client));
    }
    let two = with(claims(), &json!({ "azp": "a", "appid": "b" }));
    assert!(matches!(
        as_kind(IssuerKind::Entra, &two),
        Err(TokenError::ContradictoryClient { .. })
    ));
}

#[test]
fn a_token_bound_to_a_key_is_not_a_bearer_token() {
    let bound = json!({ "cnf": { "jkt": "thumbprint" } });
    assert_eq!(with_claims(&bound).unwrap_err(), TokenError::SenderConstrained);
    let other = json!({ "cnf": { "x5t#S256": "certificate" } });
    assert_eq!(with_claims(&other).unwrap_err(), TokenError::SenderConstrained);
    let token = FIRST.sign(&with(claims(), &bound));
    for (proven, accepted) in [("thumbprint", true), ("another", false)] {
        let expected = expected().proven_key(proven);
        let result = validate(&token, &rules(), &keys(), &expected, now());
        assert_eq!(result.is_ok(), accepted);
    }
}

#[test]
fn an_eddsa_token_validates() {
    let key = SigningKey::generate().unwrap().with_kid("ed");
    let header = json!({ "alg": "EdDSA", "kid": "ed" }).to_string();
    let input = signing_input(&header, &claims().to_string());
    let token = format!("{input}.{}", base64url_encode(&key.sign(input.as_bytes())));
    let keys = KeySet::from_jwks([key.public_jwk().clone()]);
    assert!(validate(&token, &rules(), &keys, &expected(), now()).is_ok());
}

#[test]
fn hostile_text_is_escaped_in_every_message() {
    let hostile = "\u{1b}[2J\u{202e}\u{e0041}";
    for error in [
        with_claims(&json!({ "iss": hostile })).unwrap_err(),
        with_claims(&json!({ "aud": hostile })).unwrap_err(),
        with_header(&json!({ "alg": hostile })).unwrap_err(),
        with_header(&json!({ "typ": hostile })).unwrap_err(),
        with_header(&json!({ "kid": hostile })).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{e0041}']), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_the_validation(token in ".*") {
        let _ = check(&token);
    }

    #[test]
    fn no_parts_panic_the_validation(header in any::<Vec<u8>>(), claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let parts = [header, claims, signature].map(|part| base64url_encode(&part));
        prop_assert!(check(&parts.join(".")).is_err());
    }

    #[test]
    fn no_claims_panic_the_validation(claim in "(iss|sub|aud|exp|iat|nbf|scope|scp|cnf|roles)", value in any_json()) {
        let _ = with_claims(&json!({ claim: value }));
    }

    #[test]
    fn no_bit_of_a_token_may_change(at in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let mut token = FIRST.sign(&claims()).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        if let Ok(token) = String::from_utf8(token) {
            prop_assert!(check(&token).is_err());
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
