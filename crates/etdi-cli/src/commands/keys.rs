//! `etdi keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::keyring::{DEFAULT_NAME, KeyEntry, KeySeries, Keyring};
use crate::files::pem_file;
use crate::files::trust_file::jwk_table;
use crate::terminal::line::Line;

/// Make, list, rotate and export signing keys.
///
/// Keys are Ed25519, one PKCS #8 PEM file each (mode 0600), in `etdi/keys` in $XDG_DATA_HOME
/// (~/.local/share; on Windows %APPDATA%; ETDI_DATA names another folder). A passphrase encrypts the
/// file: it is asked for, or taken from ETDI_KEY_PASSPHRASE.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi keys generate                   a key called publisher
  etdi keys generate --passphrase ci   a key called ci, encrypted
  etdi keys export                     its public half, as a JWKS to publish
  etdi keys rotate                     the next key; the old one stays published
  etdi keys remove publisher KID       ... until you remove it")]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    action: KeysAction,
    /// The folder of keys.
    #[arg(long, global = true, value_name = "DIR")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum KeysAction {
    /// Make a key.
    Generate(NewKey),
    /// List the keys.
    List,
    /// Make a new key under a name that exists. The old key stays published but no longer signs.
    Rotate(NewKey),
    /// Print the public keys of a name.
    Export {
        /// The name of the keys, as `etdi keys list` shows it.
        #[arg(default_value = DEFAULT_NAME)]
        name: String,
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: KeyFormat,
    },
    /// Remove a key that no longer signs, and delete its private key.
    Remove {
        /// The name of the key, as `etdi keys list` shows it.
        name: String,
        /// The key's id, as `etdi keys list` shows it.
        // One in 64 thumbprints in base64url begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct NewKey {
    /// The name of the key in the folder of keys. It is not published.
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Encrypt the file with a passphrase.
    #[arg(long)]
    passphrase: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum KeyFormat {
    /// A JWK set with every published key, to serve at a `jwks_uri`.
    #[default]
    Jwks,
    /// Only the key that signs.
    Jwk,
    /// The line `keys = […]` of a trust configuration.
    Toml,
}

impl KeysArgs {
    pub(crate) fn run(self, context: &Context) -> Ending {
        let keyring = Keyring::open(self.keys, context)?;
        match self.action {
            KeysAction::Generate(new) => add(&keyring, &new, true, context),
            KeysAction::Rotate(new) => add(&keyring, &new, false, context),
            KeysAction::List => list(&keyring, context),
            KeysAction::Export { name, format } => export(&keyring.load(&name)?, format, context),
            KeysAction::Remove { name, kid, yes } => remove(&keyring, &name, &kid, yes, context),
        }
    }
}

fn add(keyring: &Keyring, new: &NewKey, fresh: bool, context: &Context) -> Ending {
    // Check the name before asking for a passphrase.
    if !fresh {
        keyring.load(&new.name)?;
    }
    let passphrase = match new.passphrase {
        true => Some(pem_file::passphrase(context, "A passphrase for the new key", true)?),
        false => None,
    };
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    if passphrase.is_some_and(str::is_empty) {
        return Err(CliError::new("cannot encrypt the key: the passphrase is empty")
            .next("give a passphrase, or leave out --passphrase"));
    }
    let series = keyring.add(&new.name, passphrase, fresh, context.clock.now())?;
    let Some(entry) = series.current() else {
        return Err(CliError::new("cannot make the key: it was not stored"));
    };
    let out = &context.out;
    out.json(&shown(keyring, &series, entry));
    out.line(
        Line::new()
            .good("made ")
            .text("an Ed25519 key called ")
            .bold(&series.name)
            .text(if entry.encrypted { ", encrypted with a passphrase" } else { "" }),
    );
    out.fields([
        ("key id", Line::from(entry.kid())),
        ("file", Line::new().theirs(&keyring.path(entry).display().to_string())),
    ]);
    let old = series.keys.len().saturating_sub(1);
    if old > 0 {
        out.line(format!(
            "{old} older key(s) stay published: publish the set again, then sign the definitions again."
        ));
    }
    out.next(format!("etdi keys export {}", series.name));
    Ok(Exit::Ok)
}

fn list(keyring: &Keyring, context: &Context) -> Ending {
    let mut all = Vec::new();
    for name in keyring.names()? {
        all.push(keyring.load(&name)?);
    }
    let entries: Vec<_> = all
        .iter()
        .flat_map(|series| series.keys.iter().map(move |entry| (series, entry)))
        .collect();
    let answer: Vec<_> = entries.iter().map(|(series, e)| shown(keyring, series, e)).collect();
    context.out.json(&json!({ "folder": keyring.folder(), "keys": answer }));
    if entries.is_empty() {
        context.out.line("There are no keys.");
        context.out.next("etdi keys generate");
        return Ok(Exit::Ok);
    }
    let rows = entries.iter().map(|(series, entry)| {
        vec![
            series.name.clone(),
            state(series, entry).to_owned(),
            if entry.encrypted { "passphrase" } else { "plain" }.to_owned(),
            entry.kid().to_owned(),
        ]
    });
    context.out.table(&["NAME", "STATE", "FILE", "KEY ID"], rows);
    Ok(Exit::Ok)
}

fn export(series: &KeySeries, format: KeyFormat, context: &Context) -> Ending {
    let jwks: Vec<_> = series.keys.iter().map(|entry| &entry.jwk).collect();
    let text = match format {
        KeyFormat::Jwks => pretty(&json!({ "keys": jwks })),
        KeyFormat::Jwk => pretty(&json!(jwks.last())),
        KeyFormat::Toml => {
            let keys: Vec<_> =
                jwks.iter().map(|jwk| jwk_table(jwk).to_string().trim().to_owned()).collect();
            format!("keys = [{}]", keys.join(", "))
        }
    };
    context.out.data(&text);
    Ok(Exit::Ok)
}

fn remove(keyring: &Keyring, name: &str, kid: &str, yes: bool, context: &Context) -> Ending {
    if !yes {
        context.out.line(
            "Removing this key deletes its private key. After you publish the set again, definitions \
             that the key signed are no longer trusted.",
        );
    }
    let question = format!("Remove the key {kid}?");
    if !yes && !context.prompt.confirm(&question, "give --yes")? {
        return Err(CliError::new(
            "cannot remove the key: the answer was no; no changes were made",
        ));
    }
    let series = keyring.remove(name, kid)?;
    context.out.json(&json!({ "removed": kid, "left": series.keys.len() }));
    context.out.line(Line::new().good("removed ").theirs(kid));
    context.out.next(format!("etdi keys export {name}"));
    Ok(Exit::Ok)
}

fn shown(keyring: &Keyring, series: &KeySeries, entry: &KeyEntry) -> serde_json::Value {
    json!({
        "name": series.name,
        "state": state(series, entry),
        "kid": entry.kid(),
        "thumbprint": entry.jwk.thumbprint(),
        "file": keyring.path(entry),
        "encrypted": entry.encrypted,
        "created": entry.created.format(&Rfc3339).unwrap_or_default(),
    })
}

fn state(series: &KeySeries, entry: &KeyEntry) -> &'static str {
    match series.current() {
        Some(current) if current.kid() == entry.kid() => "signs",
        _ => "published",
    }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
