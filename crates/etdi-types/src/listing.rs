//! A server's `tools/list`, from the raw texts of its pages (wire format, section 6; design:
//! freshness).

use std::collections::{HashMap, HashSet};

use crate::definition::{DefinitionError, ToolDefinition};
use crate::json::{self, JsonError, Limits, Value};

/// The most pages a listing may have.
pub const MAX_PAGES: usize = 1_000;
/// The most tools a listing may have.
pub const MAX_TOOLS: usize = 10_000;
/// The most bytes that the tools and cursors of a listing may have together: 64 MiB.
pub const MAX_BYTES: usize = 64 << 20;

/// A listing that is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// The response around the tools is not JSON that all readers read alike.
    #[error("the server's tools/list response is refused: {0}")]
    Json(#[from] JsonError),
    /// The response has no `result.tools` array.
    #[error("the server's tools/list response has no array `result.tools`")]
    NoTools,
    /// `nextCursor` is not a string.
    #[error("the server's tools/list response has a nextCursor that is not a string")]
    Cursor,
    /// A cursor came twice, so the list has no end.
    #[error("the server's tools/list repeats the cursor of an earlier page; its list has no end")]
    RepeatedCursor,
    /// Over [`MAX_PAGES`] pages.
    #[error("the server's tools/list has more than {MAX_PAGES} pages")]
    TooManyPages,
    /// Over [`MAX_TOOLS`] tools.
    #[error("the server's tools/list has more than {MAX_TOOLS} tools")]
    TooManyTools,
    /// Over [`MAX_BYTES`] bytes of tools and cursors.
    #[error("the server's tools/list has more than {} MiB of tools and cursors", MAX_BYTES >> 20)]
    TooManyBytes,
}

/// The JSON text of one tool, as it stood in the response.
pub type RawTool = String;

/// One page of `tools/list`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The tools' texts, unread so far: the refusal of one tool does not affect the others.
    pub tools: Vec<RawTool>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl Page {
    /// Reads a page from the whole JSON-RPC response message, as received.
    ///
    /// # Errors
    /// [`ListingError::Json`] for duplicate members or invalid UTF-8 outside the tools and over
    /// 16 MiB, [`ListingError::NoTools`], [`ListingError::Cursor`].
    pub fn parse(message: &[u8]) -> Result<Self, ListingError> {
        let (value, tools) = json::spans(message, Limits::RESPONSE, &["result", "tools"])?;
        let result = value.as_object().and_then(|message| message.get("result"));
        let result = result.and_then(Value::as_object).ok_or(ListingError::NoTools)?;
        let tools = tools.ok_or(ListingError::NoTools)?;
        let next_cursor = match result.get("nextCursor") {
            None | Some(Value::Null) => None,
            Some(Value::String(cursor)) => Some(cursor.clone().into_owned()),
            Some(_) => return Err(ListingError::Cursor),
        };
        Ok(Self { tools: tools.into_iter().map(str::to_owned).collect(), next_cursor })
    }
}

/// A complete, consistent listing under construction.
///
/// ```
/// use etdi_types::{Listing, Page};
/// let page = Page::parse(br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"scan"}]}}"#)?;
/// let mut listing = Listing::default();
/// assert_eq!(listing.add(page)?, None); // no further page
/// let tools = listing.tools();
/// assert_eq!(tools.len(), 1);
/// # Ok::<(), etdi_types::ListingError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Listing {
    tools: Vec<RawTool>,
    cursors: Vec<String>,
    /// The place of each page's first tool.
    page_starts: Vec<usize>,
    pages: usize,
    bytes: usize,
}

/// One tool of a complete listing: parsed, or the reason why it is refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListedTool {
    /// The text as received.
    pub raw: RawTool,
    /// The definition, or the reason why it is refused.
    pub definition: Result<ToolDefinition, DefinitionError>,
    /// Whether another tool of the listing has the same name or the same id; both are refused.
    pub duplicate: bool,
}

impl Listing {
    /// Adds a page and returns the cursor of the next page; `None` when the listing is complete.
    ///
    /// # Errors
    /// [`ListingError::RepeatedCursor`], [`ListingError::TooManyPages`],
    /// [`ListingError::TooManyTools`], [`ListingError::TooManyBytes`]: the listing is refused.
    pub fn add(&mut self, page: Page) -> Result<Option<String>, ListingError> {
        self.pages += 1;
        if self.is_repeated_at_the_end(&page) {
            return Ok(None);
        }
        let cursor = page.next_cursor.as_ref();
        self.bytes += page.tools.iter().chain(cursor).map(String::len).sum::<usize>();
        if self.bytes > MAX_BYTES {
            return Err(ListingError::TooManyBytes);
        }
        self.page_starts.push(self.tools.len());
        self.tools.extend(page.tools);
        if self.tools.len() > MAX_TOOLS {
            return Err(ListingError::TooManyTools);
        }
        let Some(cursor) = page.next_cursor else {
            return Ok(None);
        };
        if self.pages >= MAX_PAGES {
            return Err(ListingError::TooManyPages);
        }
        if self.cursors.contains(&cursor) {
            return Err(ListingError::RepeatedCursor);
        }
        self.cursors.push(cursor.clone());
        Ok(Some(cursor))
    }

    /// Returns whether a server means the end of its list by an empty cursor, as servers before MCP
    /// 2026-07-28 do: asked with this cursor, the server answers with its first or last page again.
    fn is_repeated_at_the_end(&self, page: &Page) -> bool {
        let second = self.page_starts.get(1).copied().unwrap_or(self.tools.len());
        let last = self.page_starts.last().copied().unwrap_or_default();
        self.cursors.last().is_some_and(String::is_empty)
            && (self.tools.get(..second) == Some(&page.tools)
                || self.tools.get(last..) == Some(&page.tools))
    }

    /// Returns the number of tools so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Returns whether no page with a tool was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Returns the tools, each parsed or refused on its own. Marks tools that share a name or an
    /// id.
    #[must_use]
    pub fn tools(self) -> Vec<ListedTool> {
        let mut tools: Vec<ListedTool> = self
            .tools
            .into_iter()
            .map(|raw| ListedTool {
                definition: ToolDefinition::parse(raw.as_bytes()),
                raw,
                duplicate: false,
            })
            .collect();
        mark_duplicates(&mut tools, served_names);
        mark_duplicates(&mut tools, |tool| signed_id(tool).into_iter().collect());
        tools
    }
}

fn mark_duplicates(tools: &mut [ListedTool], keys: impl Fn(&ListedTool) -> HashSet<String>) {
    let keys: Vec<HashSet<String>> = tools.iter().map(keys).collect();
    let mut count: HashMap<&str, usize> = HashMap::new();
    for key in keys.iter().flatten() {
        *count.entry(key).or_default() += 1;
    }
    for (tool, keys) in tools.iter_mut().zip(&keys) {
        let shared = |key: &String| count.get(key.as_str()).is_some_and(|n| *n > 1);
        tool.duplicate |= keys.iter().any(shared);
    }
}

/// Returns the names that a tool takes in the listing. A refused definition takes every name in its
/// text: otherwise a malformed tool could have the name of another tool unnoticed.
fn served_names(tool: &ListedTool) -> HashSet<String> {
    match &tool.definition {
        Ok(definition) => HashSet::from([definition.served_name().to_owned()]),
        Err(_) => json::strings_named(&tool.raw, "name").into_iter().collect(),
    }
}

fn signed_id(tool: &ListedTool) -> Option<String> {
    let part = tool.definition.as_ref().ok()?.signed()?;
    Some(part.id.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tools: &[&str], cursor: Option<&str>) -> Page {
        Page {
            tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
            next_cursor: cursor.map(str::to_owned),
        }
    }

    #[test]
    fn an_empty_cursor_that_leads_to_a_known_page_ends_the_list() {
        for again in [page(&["a", "b"], Some("1")), page(&["c"], Some(""))] {
            let mut listing = Listing::default();
            assert_eq!(listing.add(page(&["a", "b"], Some("1"))).unwrap().as_deref(), Some("1"));
            assert_eq!(listing.add(page(&["c"], Some(""))).unwrap().as_deref(), Some(""));
            assert_eq!(listing.add(again).unwrap(), None);
            assert_eq!(listing.len(), 3);
        }
    }

    #[test]
    fn an_empty_cursor_may_also_lead_to_another_page() {
        let mut listing = Listing::default();
        listing.add(page(&["a"], Some(""))).unwrap();
        assert_eq!(listing.add(page(&["b"], None)).unwrap(), None);
        assert_eq!(listing.len(), 2);
        let mut endless = Listing::default();
        endless.add(page(&["a"], Some(""))).unwrap();
        let error = endless.add(page(&["b"], Some(""))).unwrap_err();
        assert_eq!(error, ListingError::RepeatedCursor);
    }

    #[test]
    fn pages_that_are_small_enough_alone_are_too_large_together() {
        // Cursors count as well.
        let page = |cursor: &str, bytes: usize| Page {
            tools: vec!["x".repeat(bytes - cursor.len())],
            next_cursor: Some(cursor.to_owned()),
        };
        let mut listing = Listing::default();
        listing.add(page("a", MAX_BYTES / 2)).unwrap();
        listing.add(page("b", MAX_BYTES / 2)).unwrap();
        assert_eq!(listing.add(page("c", 1)).unwrap_err(), ListingError::TooManyBytes);
    }
}
