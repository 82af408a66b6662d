//! JSON Lines: each record is one JSON object on one line.

use std::io::Write;

use etdi_types::text::json_escaped;

use crate::record::EventRecord;
use crate::sink::{EventSink, SinkError};

/// Writes each record as one line of JSON. Passes each line to the writer as a whole, and flushes
/// the writer after each batch of records. Characters that a reader cannot see are JSON escapes.
#[derive(Debug)]
pub struct JsonLinesSink<W> {
    writer: W,
}

impl<W: Write> JsonLinesSink<W> {
    /// Returns a sink that writes to `writer`. Wrap a file in a `BufWriter`.
    pub fn new(writer: W) -> Self {
        Self { writer }
    }

    /// Returns the writer, unflushed.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write + Send> EventSink for JsonLinesSink<W> {
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
        // Records hold text of servers, and people read logs in terminals: hidden characters must
        // be visible.
        let mut line = json_escaped(&serde_json::to_string(record)?);
        line.push('\n');
        Ok(self.writer.write_all(line.as_bytes())?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.writer.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use etdi_types::{Clock, ManualClock};

    use super::*;
    use crate::event::SecurityViolation;

    #[test]
    fn hidden_characters_of_a_server_are_escapes_and_read_back() {
        let detail = "a\u{9b}2J\u{202e}b\u{e0041}";
        let violation = SecurityViolation::new("server", "Tampered", detail);
        let now = ManualClock::at(0).now();
        let record = EventRecord::new(uuid::Uuid::nil(), now, "test", violation);
        let mut sink = JsonLinesSink::new(Vec::new());
        sink.record(&record).unwrap();
        let line = String::from_utf8(sink.into_inner()).unwrap();
        assert!(line.contains(r"a\u009b2J\u202eb\udb40\udc41"), "{line}");
        assert_eq!(serde_json::from_str::<EventRecord>(&line).unwrap(), record);
    }
}
