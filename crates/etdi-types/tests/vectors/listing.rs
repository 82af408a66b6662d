//! Vectors of `tools/list` pages.

use etdi_types::listing::ListedTool;
use etdi_types::{Listing, ListingError, Page};
use serde::Deserialize;

use crate::files::{Head, Input, definition_refusal, json_refusal, run, same};

#[derive(Deserialize)]
struct Vector {
    #[serde(flatten)]
    head: Head,
    pages: Vec<Input>,
    tools: Option<Vec<Tool>>,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    raw: Option<String>,
    refused: Option<String>,
    #[serde(default)]
    duplicate: bool,
}

#[test]
fn listings_are_read_or_refused() {
    run::<Vector>(
        "listing.json",
        |v| &v.head,
        |v| match (read(&v.pages), &v.tools) {
            (Ok(tools), Some(want)) => {
                same(&tools.len(), &want.len())?;
                tools.iter().zip(want).try_for_each(|(t, w)| compare(t, w))
            }
            (Err(error), None) => same(&Some(refusal(&error)), &v.refused.as_deref()),
            (got, _) => Err(format!("got {got:?}")),
        },
    );
}

fn compare(tool: &ListedTool, want: &Tool) -> Result<(), String> {
    if let Some(raw) = &want.raw {
        same(&tool.raw, raw)?;
    }
    same(&tool.duplicate, &want.duplicate)?;
    let refused = tool.definition.as_ref().err().map(definition_refusal);
    same(&refused, &want.refused.as_deref())
}

fn read(pages: &[Input]) -> Result<Vec<ListedTool>, ListingError> {
    let mut listing = Listing::default();
    let mut next = Some(String::new());
    for page in pages {
        assert!(next.is_some(), "a page after the last one");
        next = listing.add(Page::parse(&page.bytes())?)?;
    }
    assert_eq!(next, None, "the vector lacks a page");
    Ok(listing.tools())
}

fn refusal(error: &ListingError) -> &'static str {
    match error {
        ListingError::Json(error) => json_refusal(&error.kind),
        ListingError::NoTools => "no_tools",
        ListingError::Cursor => "cursor",
        ListingError::RepeatedCursor => "repeated_cursor",
        ListingError::TooManyPages => "too_many_pages",
        ListingError::TooManyTools => "too_many_tools",
        _ => "?",
    }
}

#[test]
fn a_thousand_pages_are_read_and_one_more_is_refused() {
    let page = |cursor: usize| {
        let text = format!(r#"{{"result":{{"tools":[],"nextCursor":"{cursor}"}}}}"#);
        Page::parse(text.as_bytes()).unwrap()
    };
    let mut listing = Listing::default();
    for cursor in 1..1000 {
        assert_eq!(listing.add(page(cursor)), Ok(Some(cursor.to_string())));
    }
    let mut ended = listing.clone();
    let last = Page::parse(br#"{"result":{"tools":[]}}"#).unwrap();
    assert_eq!(ended.add(last), Ok(None));
    assert_eq!(listing.add(page(1000)), Err(ListingError::TooManyPages));
}
