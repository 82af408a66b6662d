//! The changes since an approval, on the screen.

use etdi::review::{Class, Review};
use etdi::text::escaped_json;

use crate::context::Context;
use crate::terminal::line::Line;

/// Prints the changes, the critical first, and the unchanged members on one line.
pub(crate) fn show_review(review: &Review, context: &Context) {
    for change in review.changes() {
        let line = Line::new().text("  ");
        let line = match change.class {
            Class::Critical => line.bad("critical "),
            Class::Notable => line.warn("notable  "),
            Class::Wording => line.dim("wording  "),
        };
        context.out.indented(line.theirs(&change.path), 11);
        for reason in &change.reasons {
            context.out.indented(Line::new().text("    ").text(reason), 6);
        }
        if let Some(old) = &change.old {
            let line = Line::new().text("    ").bad("- ").text(escaped_json(old));
            context.out.indented(line, 6);
        }
        if let Some(new) = &change.new {
            let line = Line::new().text("    ").good("+ ").text(escaped_json(new));
            context.out.indented(line, 6);
        }
    }
    if !review.unchanged().is_empty() {
        let names = review.unchanged().join(", ");
        context.out.indented(Line::new().dim("  unchanged: ").theirs(&names), 4);
    }
}
