//! A measured table, and the page of the book that shows it.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// The place of a table on a page, and the command that measures it.
pub(crate) struct Place {
    /// The page, from the root of the repository.
    pub(crate) page: &'static str,
    /// The text right before the table.
    pub(crate) begin: &'static str,
    /// The text right behind the table.
    pub(crate) end: &'static str,
    /// The command that measures the table, and with `--write` puts it on the page.
    pub(crate) command: &'static str,
}

impl Place {
    /// Compares the table with the one on the page. If they differ, puts the table on the page with
    /// `write`, and fails without it.
    pub(crate) fn show(&self, table: &str, write: bool) -> Result<()> {
        let Self { page, command, .. } = self;
        let path = workspace::root().join(page);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {page}"))?;
        let measured = self.with(&text, table)?;
        if text == measured {
            return Ok(());
        }
        ensure!(
            write,
            "{page} shows another table; see what changed, then run\n    {command} --write"
        );
        fs::write(&path, measured).with_context(|| format!("cannot write {page}"))?;
        println!("{page} shows this table");
        Ok(())
    }

    fn with(&self, text: &str, table: &str) -> Result<String> {
        let Self { page, begin, end, .. } = self;
        let marks = || format!("{page} has no place for the table, between\n{begin}\nand\n{end}");
        let (before, rest) = text.split_once(begin).with_context(marks)?;
        let (_, after) = rest.split_once(end).with_context(marks)?;
        Ok(format!("{before}{begin}{table}{end}{after}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_keeps_the_text_around_the_table() {
        let place =
            Place { page: "docs/x.md", begin: "<!-- a -->\n", end: "<!-- z -->", command: "x" };
        let page = "# X\n\n<!-- a -->\nold\n<!-- z -->\n\nMore.\n";
        let written = place.with(page, "new\n").unwrap();
        assert_eq!(written, "# X\n\n<!-- a -->\nnew\n<!-- z -->\n\nMore.\n");
        assert_eq!(place.with(&written, "new\n").unwrap(), written);
        let error = place.with("# X", "new\n").unwrap_err().to_string();
        assert!(error.starts_with("docs/x.md has no place"), "{error}");
    }
}
