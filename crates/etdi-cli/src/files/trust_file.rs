//! The trust configuration as text. Changes keep the comments.

use std::path::{Path, PathBuf};

use etdi::trust::{MinBinding, TrustedIssuer, TrustedProvider};
use etdi::{Jwk, TrustConfig};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, value};

use crate::context::Context;
use crate::exit::CliError;
use crate::files::change::{FileChange, changed_since_shown};
use crate::files::place::Place;
use crate::files::{self, Access};

/// The content of a new file.
pub(crate) const TEMPLATE: &str = "\
# The providers that this machine trusts to publish MCP tools. A server cannot add to this file.
# `etdi trust add` adds an entry after showing its keys; `etdi trust list` shows the entries.
#
# [[provider]]
# id = \"https://trustedsoft.example\"
# authorities = [\"trustedsoft.example\"]    # the tool ids that it may sign
# keys = [{ kid = \"…\", kty = \"OKP\", crv = \"Ed25519\", x = \"…\" }]    # or: jwks_uri = \"https://…\"
# min_binding = \"signature\"                # signature, key or digest
# revoked = [\"kid:…\", \"sha256:…\", \"trustedsoft.example/scan@<1.2.0\"]
";

const CORRECT: &str = "correct the file; `etdi help init` shows its form";

/// Reads the trust configuration.
pub(crate) fn read(context: &Context) -> Result<TrustConfig, CliError> {
    TrustConfig::parse(&text(context)?).map_err(|error| {
        CliError::new(error).cannot("use the file").at(context.config.display()).next(CORRECT)
    })
}

fn text(context: &Context) -> Result<String, CliError> {
    match context.config.exists() {
        true => files::read(&context.config),
        false => Err(missing(context)),
    }
}

fn missing(context: &Context) -> CliError {
    CliError::new("cannot find the trust configuration").at(context.config.display()).next(
        match context.words() {
            Some(config) => format!("etdi {config}init"),
            None => "etdi init, with the same --config".to_owned(),
        },
    )
}

/// A trust configuration that is being edited.
pub(crate) struct TrustFile {
    path: PathBuf,
    document: DocumentMut,
}

impl TrustFile {
    /// Reads the existing file, for a question about it.
    pub(crate) fn open(context: &Context) -> Result<Self, CliError> {
        Place::of_file(&context.config)?;
        Self::parse(&context.config, &text(context)?)
    }

    /// Makes the file, with this entry if there is one. Fails if the file exists.
    pub(crate) fn make(path: &Path, provider: Option<&TrustedProvider>) -> Result<(), CliError> {
        let mut file = Self::parse(path, TEMPLATE)?;
        if let Some(provider) = provider {
            file.add(provider)?;
        }
        let text = file.checked()?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::private_folder(folder)?;
        }
        FileChange::begin(path)?.create(path, text.as_bytes(), Access::Owner)
    }

    /// Reads the file again, edits it and writes it, while no other process changes it. Call this after
    /// the question.
    pub(crate) fn change(
        context: &Context,
        edit: impl FnOnce(&mut Self) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let change = FileChange::begin(&context.config)?;
        let text = change.read()?.ok_or_else(|| missing(context))?;
        let mut file = Self::parse(&context.config, &text)?;
        edit(&mut file)?;
        change.write(file.checked()?.as_bytes(), Access::Owner)
    }

    /// Fails if the entry with this id is not the one that `shown` has. Entries of other providers may
    /// differ.
    pub(crate) fn is_still_as_in(&self, shown: &Self, id: &str) -> Result<(), CliError> {
        match self.entry_text(id) == shown.entry_text(id) {
            true => Ok(()),
            false => Err(changed_since_shown("add the provider", &self.path)),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            CliError::new(format!("cannot read the trust configuration: {}", error.message()))
                .at(path.display())
                .next(CORRECT)
        })?;
        Ok(Self { path: path.to_path_buf(), document })
    }

    /// Adds an entry. If there is an entry with this id, adds the keys to it.
    pub(crate) fn add(&mut self, provider: &TrustedProvider) -> Result<(), CliError> {
        let id = provider.id.clone();
        if let Some(entry) = self.entry_mut(&id)? {
            return extend(entry, provider);
        }
        // Comments at the end of the file stay above the new entry.
        let above = prefix(Some(self.document.trailing()));
        let mut entry = table(provider);
        let blank = if above.is_empty() || above.ends_with("\n\n") { "" } else { "\n" };
        entry.decor_mut().set_prefix(format!("{above}{blank}"));
        self.document.set_trailing("");
        self.entries()?.push(entry);
        Ok(())
    }

    /// Removes the entry with this id, and the comment right above it. Returns whether the entry
    /// existed.
    pub(crate) fn remove(&mut self, id: &str) -> Result<bool, CliError> {
        let entries = self.entries()?;
        let Some(place) = entries.iter().position(|entry| has_id(entry, id)) else {
            return Ok(false);
        };
        let gone = entries.get(place);
        let above = gone.map(|entry| prefix(entry.decor().prefix())).unwrap_or_default();
        entries.remove(place);
        // A comment that a blank line separates from the entry is not about the entry: keep it.
        let Some((kept, _)) = above.rsplit_once("\n\n") else {
            return Ok(true);
        };
        let kept = format!("{kept}\n");
        match entries.get_mut(place) {
            Some(next) => {
                let own = prefix(next.decor().prefix());
                next.decor_mut().set_prefix(format!("{kept}{own}"));
            }
            None => {
                let end = prefix(Some(self.document.trailing()));
                self.document.set_trailing(format!("{kept}{end}"));
            }
        }
        Ok(true)
    }

    /// Returns the text. Fails if it is not a valid configuration.
    fn checked(&self) -> Result<String, CliError> {
        let text = self.document.to_string();
        match TrustConfig::parse(&text) {
            Ok(_) => Ok(text),
            Err(error) => {
                Err(CliError::new(format!("cannot change the trust configuration: {error}"))
                    .at(self.path.display()))
            }
        }
    }

    /// Returns whether there is an entry with this id.
    pub(crate) fn has(&mut self, id: &str) -> Result<bool, CliError> {
        Ok(self.entry_mut(id)?.is_some())
    }

    fn entry(&self, id: &str) -> Option<&Table> {
        let entries = self.document.get("provider").and_then(Item::as_array_of_tables)?;
        entries.iter().find(|entry| has_id(entry, id))
    }

    /// Returns the text of one entry, with its issuers.
    fn entry_text(&self, id: &str) -> Option<String> {
        let mut alone = DocumentMut::new();
        let entries = ArrayOfTables::from_iter([self.entry(id)?.clone()]);
        alone.insert("provider", Item::ArrayOfTables(entries));
        Some(alone.to_string())
    }

    fn entries(&mut self) -> Result<&mut ArrayOfTables, CliError> {
        let path = self.path.display().to_string();
        let providers = self.document.entry("provider");
        providers
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()
            .ok_or_else(|| {
                CliError::new(
                    "cannot edit the file: `provider` is not written as [[provider]] tables",
                )
                .at(path)
                .next("write `provider` as [[provider]] tables; only those can be edited")
            })
    }

    fn entry_mut(&mut self, id: &str) -> Result<Option<&mut Table>, CliError> {
        Ok(self.entries()?.iter_mut().find(|entry| has_id(entry, id)))
    }
}

/// Returns the blanks and comments above an entry.
fn prefix(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

fn has_id(entry: &Table, id: &str) -> bool {
    entry.get("id").and_then(Item::as_str) == Some(id)
}

/// Adds the provider's keys to its entry. The other members of the entry stay as they are. Fails if the
/// provider has an address of keys or an issuer, or if the entry has no list of keys.
fn extend(entry: &mut Table, provider: &TrustedProvider) -> Result<(), CliError> {
    let other_source = provider.jwks_uri.is_some() || !provider.issuers.is_empty();
    let keys = entry.get_mut("keys").and_then(Item::as_array_mut);
    let (Some(keys), false) = (keys, other_source) else {
        return Err(CliError::new("cannot add the provider: it has an entry already")
            .at(&provider.id)
            .next("remove the entry first with `etdi trust remove`, or add keys to it with --key FILE"));
    };
    for key in &provider.keys {
        let known = keys.iter().any(|known| {
            let kid = known.as_inline_table().and_then(|table| table.get("kid")?.as_str());
            kid == key.kid()
        });
        if !known {
            keys.push(jwk_table(key));
        }
    }
    Ok(())
}

fn table(provider: &TrustedProvider) -> Table {
    let mut table = Table::new();
    table.insert("id", value(&provider.id));
    table.insert("authorities", value(strings(&provider.authorities)));
    if !provider.keys.is_empty() {
        let keys: Array = provider.keys.iter().map(jwk_table).collect();
        table.insert("keys", value(keys));
    }
    if let Some(uri) = &provider.jwks_uri {
        table.insert("jwks_uri", value(uri));
    }
    match provider.min_binding {
        MinBinding::Signature => {}
        stronger => drop(table.insert("min_binding", value(stronger.as_str()))),
    }
    if !provider.issuers.is_empty() {
        let issuers: ArrayOfTables = provider.issuers.iter().map(issuer_table).collect();
        table.insert("issuer", Item::ArrayOfTables(issuers));
    }
    table
}

fn issuer_table(issuer: &TrustedIssuer) -> Table {
    let mut table = Table::new();
    table.insert("issuer", value(&issuer.issuer));
    table.insert("kind", value(issuer.kind.as_str()));
    table.insert("clients", value(strings(&issuer.clients)));
    if let Some(audience) = &issuer.attestation_audience {
        table.insert("attestation_audience", value(audience));
    }
    if let Some(claim) = &issuer.claim {
        table.insert("claim", value(claim));
    }
    table
}

fn strings(texts: &[String]) -> Array {
    texts.iter().map(String::as_str).collect()
}

/// Returns a JWK as an inline table. The members of a JWK are strings.
pub(crate) fn jwk_table(jwk: &Jwk) -> InlineTable {
    let mut table = InlineTable::new();
    if let Ok(serde_json::Value::Object(members)) = serde_json::to_value(jwk) {
        for (name, member) in &members {
            if let Some(text) = member.as_str() {
                table.insert(name, text.into());
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use etdi::SigningKey;

    use super::*;

    fn entry(id: &str, authority: &str) -> TrustedProvider {
        TrustedProvider::new(id, authority, SigningKey::generate().unwrap().public_jwk().clone())
    }

    fn file(text: &str) -> TrustFile {
        TrustFile::parse(Path::new("trust.toml"), text).unwrap()
    }

    #[test]
    fn comments_and_other_entries_survive_a_change() {
        let mut one = file(TEMPLATE);
        one.add(&entry("https://a.example", "a.example")).unwrap();
        let text = one.checked().unwrap().replace("id = \"https://a", "id = # mine\n \"https://a");
        let text = text.replace("# mine\n", "") + "# the end\n";
        let mut two = file(&text);
        two.add(&entry("https://b.example", "b.example")).unwrap();
        assert!(two.remove("https://b.example").unwrap());
        assert!(!two.remove("https://b.example").unwrap());
        let after = two.checked().unwrap();
        for line in text.lines() {
            assert!(after.contains(line), "{line} is lost in\n{after}");
        }
    }

    #[test]
    fn a_written_provider_reads_back_the_same() {
        let mut provider = entry("https://a.example", "a.example");
        provider.min_binding = MinBinding::Digest;
        let issuer = TrustedIssuer::new("https://t.auth0.com/", etdi::trust::IssuerKind::Auth0)
            .with_client("c")
            .with_audience("https://att.example")
            .with_claim("https://etdi.dev/definitions");
        provider.issuers.push(issuer);
        let mut written = file("");
        written.add(&provider).unwrap();
        let read = TrustConfig::parse(&written.checked().unwrap()).unwrap();
        let mut read = read.providers()[0].clone();
        assert_eq!(read.keys, provider.keys);
        read.keys = Vec::new();
        provider.keys = Vec::new();
        assert_eq!(format!("{read:?}"), format!("{provider:?}"));
    }

    #[test]
    fn a_change_that_would_break_the_file_is_refused() {
        let mut two = file(TEMPLATE);
        two.add(&entry("https://a.example", "x.example")).unwrap();
        two.add(&entry("https://b.example", "x.example")).unwrap();
        assert!(two.checked().unwrap_err().what().contains("x.example"));
    }

    #[test]
    fn a_second_key_of_a_provider_is_added_to_its_entry() {
        let mut both = file(TEMPLATE);
        both.add(&entry("https://a.example", "a.example")).unwrap();
        both.add(&entry("https://a.example", "a.example")).unwrap();
        let read = TrustConfig::parse(&both.checked().unwrap()).unwrap();
        assert_eq!(read.providers()[0].keys.len(), 2);
    }
}
