//! `etdi token`.

mod claims;

use std::io::{self, Read};

use clap::Args;
use etdi::json::{self, Limits, Value};
use etdi::keys::base64url_decode;
use etdi::oauth::BearerToken;
use etdi::oauth::{Expectations, OAuthError};
use secrecy::SecretString;
use serde_json::json;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::publisher::identity_provider::IdentityOptions;
use crate::servers::network::in_words;
use crate::terminal::line::Line;

/// The limits for a token. A server has the same limits for the tokens that it gets.
const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(256 * 1024);

/// Decode a token and explain its claims; validate it if an identity provider is named.
///
/// The token is read only from standard input: an argument would stay in the shell's history and in
/// the list of processes. The header and the claims are printed, the signature is not.
///
/// Exit code 0 only if the token was validated; 1 if it is not valid; 2 if it was not checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi token < token.txt
  pbpaste | etdi token --issuer https://tenant.auth0.com/ --kind auth0 --audience https://api.example
  some-command | etdi token          with AUTH0_DOMAIN and AUTH0_AUDIENCE set")]
pub(crate) struct TokenArgs {
    /// A token as an argument. It is parsed so that no error about an unknown argument repeats it.
    #[arg(hide = true, num_args = 0.., allow_hyphen_values = false)]
    argument: Vec<SecretString>,
    #[command(flatten)]
    identity: IdentityOptions,
}

/// The result of the validation.
enum TokenStatus {
    Valid,
    Invalid(String),
    /// The signature was not checked, and why.
    Unverified(String),
}

impl TokenArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        if !self.argument.is_empty() {
            return Err(CliError::new(
                "cannot take a token as an argument: it would stay in the shell's history and in \
                 the list of processes",
            )
            .next("write it to a file that only you can read, then: etdi token < FILE"));
        }
        let text = read(context)?;
        let (header, payload) = parts(&text)?;
        let header = parse(&header, "header")?;
        let claims = parse(&payload, "claims")?;
        let standing = self.standing(&text, context).await?;
        let now = context.clock.now();
        let exit = match &standing {
            TokenStatus::Valid => Exit::Ok,
            TokenStatus::Invalid(_) => Exit::No,
            TokenStatus::Unverified(_) => Exit::CannotCheck,
        };
        let explained = claims::explain(&claims, now);
        let (status, why) = match &standing {
            TokenStatus::Valid => ("valid", None),
            TokenStatus::Invalid(why) => ("invalid", Some(why)),
            TokenStatus::Unverified(why) => ("unverified", Some(why)),
        };
        context.out.json(&json!({
            "status": status, "why": why, "exit": exit.code(),
            "header": to_json(&header), "claims": to_json(&claims),
            "explained_header": claims::header_json(&header),
            "explained": explained.iter().map(claims::Explained::to_json).collect::<Vec<_>>(),
        }));
        let out = &context.out;
        out.indented(standing.line(), 2);
        out.blank();
        out.line(Line::new().bold("Header"));
        out.fields(claims::header(&header));
        out.blank();
        let whose = match standing {
            TokenStatus::Valid => "Claims",
            _ => "Claims, as the token states them",
        };
        out.line(Line::new().bold(whose));
        for claim in &explained {
            claim.show(out);
        }
        Ok(exit)
    }

    async fn standing(&self, text: &str, context: &Context) -> Result<TokenStatus, CliError> {
        let Some(configured) = self.identity.configured(None, context)? else {
            return Ok(TokenStatus::Unverified(
                "no identity provider is named; to check the token, give --issuer and --audience"
                    .to_owned(),
            ));
        };
        let Some(audience) = configured.audience.clone() else {
            return Ok(TokenStatus::Unverified(
                "no audience is named; to check the token, give --audience".to_owned(),
            ));
        };
        let _progress = context.out.progress("fetching the issuer's keys");
        let identity = match configured.reach().await {
            Ok(identity) => identity,
            Err(error) => return Ok(TokenStatus::Unverified(in_words(&error))),
        };
        let token = BearerToken::new(SecretString::from(text.to_owned()));
        let expected = Expectations::audience(audience).scopes(&self.identity.scope);
        match identity.validate(&token, &expected).await {
            Ok(_) => Ok(TokenStatus::Valid),
            Err(OAuthError::Token(error)) => Ok(TokenStatus::Invalid(error.to_string())),
            Err(error) => Ok(TokenStatus::Unverified(error.to_string())),
        }
    }
}

impl TokenStatus {
    fn line(&self) -> Line {
        match self {
            Self::Valid => Line::new().good("VALID").text(
                ": a key of the issuer signed the token for this audience, and it is valid at this time.",
            ),
            Self::Invalid(why) => Line::new().bad("NOT VALID").text(": ").text(why),
            Self::Unverified(why) => Line::new()
                .warn("NOT VERIFIED")
                .text(", so anybody can have written the token: ")
                .text(why),
        }
    }
}

fn read(context: &Context) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    if context.prompt.is_interactive() {
        text = context.prompt.secret("The token (it is not shown)", false, "")?;
    } else {
        let limit = LIMITS.bytes as u64 + 16;
        let read = io::stdin().lock().take(limit).read_to_string(&mut text);
        read.map_err(|error| CliError::new(format!("cannot read standard input: {error}")))?;
    }
    let trimmed = text.trim();
    let bare = match trimmed.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("bearer ") => {
            trimmed.get(7..).unwrap_or_default()
        }
        _ => trimmed,
    };
    let bare = Zeroizing::new(bare.trim().to_owned());
    if bare.is_empty() {
        return Err(CliError::new("cannot read the token: standard input is empty")
            .next("etdi token < token.txt"));
    }
    if bare.len() > LIMITS.bytes {
        return Err(CliError::new("cannot read the token: it is larger than 256 KiB"));
    }
    Ok(bare)
}

/// Returns the header and the claims. The signature is left out: a person cannot read it.
fn parts(text: &str) -> Result<(Vec<u8>, Vec<u8>), CliError> {
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        let parts = text.split('.').count();
        return Err(CliError::new(format!(
            "cannot decode the token: a signed JWT has three parts, and this text has {parts}"
        ))
        .next(
            "only its issuer can read an opaque token: to get a JWT, ask for a token with an audience",
        ));
    };
    let decode = |part: &str, name: &str| {
        base64url_decode(part).ok_or_else(|| {
            CliError::new(format!(
                "cannot decode the token's {name}: it is not base64url without padding"
            ))
        })
    };
    Ok((decode(header, "header")?, decode(payload, "claims")?))
}

fn parse<'b>(bytes: &'b [u8], name: &str) -> Result<Value<'b>, CliError> {
    let value = json::parse_any_integer(bytes, LIMITS)
        .map_err(|error| CliError::new(format!("cannot decode the token's {name}: {error}")))?;
    match value {
        Value::Object(_) => Ok(value),
        other => Err(CliError::new(format!(
            "cannot decode the token's {name}: it is {}, not an object",
            other.kind()
        ))),
    }
}

fn to_json(value: &Value<'_>) -> serde_json::Value {
    serde_json::from_str(&value.to_canonical()).unwrap_or_default()
}
