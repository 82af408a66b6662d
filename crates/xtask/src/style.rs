//! `cargo xtask style`: counts the kinds of sentences that stop readers, and compares the rates with
//! the limits in `docs/style.md`.

mod prose;
mod rates;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::prose::Text;
use self::rates::Rates;
use crate::workspace;

/// Folders without text of this project.
const SKIPPED: &[&str] = &["target", "node_modules", "snapshots"];

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Print each sentence that counts, also if the rate is within its limit.
    #[arg(long)]
    list: bool,
    /// Read only files whose path begins with this text.
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

/// The kind of a text. Each kind has its own rates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Comments,
    Pages,
    Strings,
    Tests,
}

impl TextKind {
    const ALL: [Self; 4] = [Self::Comments, Self::Pages, Self::Strings, Self::Tests];

    fn name(self) -> &'static str {
        match self {
            Self::Comments => "comments",
            Self::Pages => "pages",
            Self::Strings => "strings",
            Self::Tests => "names of tests",
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let under = options.path.as_deref().unwrap_or_default();
    let texts = texts(under)?;
    ensure!(
        !texts.is_empty(),
        "cannot find texts: no file of the repository has a path that begins with {under:?}"
    );
    let rates = TextKind::ALL
        .map(|kind| Rates::of(kind.name(), texts.iter().filter(|text| text.kind == kind)));
    print!("{}", rates::table(&rates));
    for rate in &rates {
        rate.shown(options.list).for_each(|found| println!("{found}"));
    }
    let over: Vec<_> = rates
        .iter()
        .filter(|rate| rate.shown(false).next().is_some())
        .map(|rate| rate.kind)
        .collect();
    ensure!(
        over.is_empty(),
        "over a limit: {}; docs/style.md shows plain sentences",
        over.join(", ")
    );
    Ok(())
}

fn texts(under: &str) -> Result<Vec<Text>> {
    let mut files = Vec::new();
    collect(workspace::root(), &mut files)?;
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let name = file.strip_prefix(workspace::root()).unwrap_or(&file).display().to_string();
        if !name.starts_with(under) {
            continue;
        }
        let read = || fs::read_to_string(&file).with_context(|| format!("cannot read {name}"));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => texts.extend(source::texts(&name, &read()?)),
            Some("md") => texts.extend(prose::texts(TextKind::Pages, &name, 1, &read()?)),
            _ => {}
        }
    }
    Ok(texts)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || SKIPPED.contains(&name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
