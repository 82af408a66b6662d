//! `etdi init`.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::trust_file::TrustFile;
use crate::publisher::proposal::KeySource;
use crate::terminal::line::Line;

/// Make the trust configuration: the providers that this machine trusts to publish tools.
///
/// Without --provider, the command asks for a provider; without a terminal, it makes a file without
/// providers. An existing file is never overwritten. Only the owner can read the file (0600).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi init
  etdi init --provider https://trustedsoft.example \\
      --jwks-uri https://trustedsoft.example/.well-known/jwks.json --thumbprint …
  etdi --config ./trust.toml init --empty

The file, in TOML; `etdi trust` edits it:
  [[provider]]
  id = \"https://trustedsoft.example\"
  authorities = [\"trustedsoft.example\"]     # the tool ids that it may sign
  jwks_uri = \"https://trustedsoft.example/.well-known/jwks.json\"
  min_binding = \"signature\"                # signature, key or digest")]
pub(crate) struct InitArgs {
    /// A provider to trust from the start: a URI.
    #[arg(long, value_name = "URI")]
    provider: Option<String>,
    /// Make a file without providers, and do not ask.
    #[arg(long, conflicts_with = "provider")]
    empty: bool,
    #[command(flatten)]
    source: KeySource,
}

impl InitArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        if context.config.exists() {
            return Err(CliError::new("cannot make the trust configuration: it exists already")
                .at(context.config.display())
                .next("add to it with `etdi trust add`, or name another file with --config"));
        }
        let mut source = self.source;
        let provider = match self.provider {
            Some(provider) => Some(provider),
            None if source.is_given() => {
                return Err(CliError::new("cannot add the keys: their provider is not named")
                    .next("give --provider URI"));
            }
            None if self.empty || !context.prompt.is_interactive() => None,
            None => asked(&mut source, context)?,
        };
        let entry = match &provider {
            Some(id) => Some(source.propose(id, context).await?.confirmed(&source, context)?),
            None => None,
        };
        TrustFile::make(&context.config, entry.as_ref())?;
        let shown = context.config.display().to_string();
        context
            .out
            .json(&json!({ "config": shown, "providers": provider.iter().collect::<Vec<_>>() }));
        let whom = match &provider {
            Some(id) => Line::new().text(", which trusts ").theirs(id),
            None => Line::new().text(", which trusts no provider yet"),
        };
        context.out.line(Line::new().good("made ").theirs(&shown).then(whom));
        match provider {
            Some(_) => context.out.next("etdi verify FILE"),
            None => context.out.next("etdi trust add URI --jwks-uri URL"),
        }
        Ok(Exit::Ok)
    }
}

/// Asks the person at the terminal for a provider. Returns `None` if they do not name one.
fn asked(source: &mut KeySource, context: &Context) -> Result<Option<String>, CliError> {
    context.out.line(
        "A trust configuration names the publishers whose tools you trust, with their keys. \
         It will be written to:",
    );
    context.out.line(Line::new().text("  ").theirs(&context.config.display().to_string()));
    if !context.prompt.confirm("Name a publisher now?", "")? {
        return Ok(None);
    }
    let uri = |text: &str| etdi::Provider::new(text, "").map(drop).map_err(|e| e.to_string());
    let some = |text: &str| match text.trim() {
        "" => Err("the text is empty".to_owned()),
        _ => Ok(()),
    };
    let id = context.prompt.ask("Its id, a URI", None, "", uri)?;
    let host = etdi::Provider::new(&id, "").ok().and_then(|provider| provider.host());
    let authority = context.prompt.ask("The authority of its tool ids", host, "", some)?;
    source.authority = vec![authority];
    match context.prompt.pick("Where are its keys?", &["at an address (JWKS)", "in a file"], "")? {
        0 => source.jwks_uri = Some(context.prompt.ask("The address", None, "", some)?),
        _ => source.key = vec![context.prompt.ask("The file", None, "", some)?.into()],
    }
    Ok(Some(id))
}
