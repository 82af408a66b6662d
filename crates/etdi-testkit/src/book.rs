//! Reads the book's pages and their code blocks.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced code block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The page, relative to `docs/`.
    pub page: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// The text after the opening fence: the language, then attributes, separated by commas.
    pub info: String,
    /// The lines between the fences, without the indentation of the fence.
    pub text: String,
}

impl Block {
    /// Returns the language.
    pub fn language(&self) -> &str {
        self.info.split(',').next().unwrap_or_default()
    }

    /// Returns the attributes after the language.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.info.split(',').skip(1)
    }

    /// Returns whether the block can only run with an account at an identity provider.
    pub fn needs_tenant(&self) -> bool {
        self.attributes().any(|attribute| attribute == "tenant")
    }

    /// Returns the place, in the form that an editor opens.
    pub fn place(&self) -> String {
        format!("docs/{}:{}", self.page, self.line)
    }
}

/// Returns the folder of the book.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Returns every page with its text, by name.
pub fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    collect(&folder(), "", &mut pages);
    pages.sort();
    pages
}

/// Returns the text of one page.
pub fn page(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

/// Returns every block of every page.
pub fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|(page, text)| blocks_of(page, text)).collect()
}

/// Returns the blocks of one text.
pub fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, usize, Block)> = None;
    for (index, line) in text.lines().enumerate() {
        let content = line.trim_start();
        let ticks = content.bytes().take_while(|byte| *byte == b'`').count();
        match &mut open {
            None if ticks >= 3 => {
                let info = content.trim_start_matches('`').trim().to_owned();
                let block =
                    Block { page: page.to_owned(), line: index + 1, info, text: String::new() };
                open = Some((ticks, line.len() - content.len(), block));
            }
            Some((fence, ..)) if ticks >= *fence && content.trim_end().len() == ticks => {
                blocks.extend(open.take().map(|(_, _, block)| block));
            }
            Some((_, indent, block)) => {
                let indent = (*indent).min(line.len() - content.len());
                block.text.push_str(&line[indent..]);
                block.text.push('\n');
            }
            None => {}
        }
    }
    if let Some((_, _, block)) = open {
        panic!("{}: the block is not closed", block.place());
    }
    blocks
}

fn collect(folder: &Path, prefix: &str, pages: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().display());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), pages);
        } else if name.ends_with(".md") {
            let text = page(&name);
            pages.push((name, text));
        }
    }
}
