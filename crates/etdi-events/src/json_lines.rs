//! JSON lines: one object for each record.

use std::io::Write;

use crate::EventRecord;
use crate::sink::{EventSink, SinkError};

/// Writes each record as one line of JSON, whole lines only, and flushes when no more are waiting.
#[derive(Debug)]
pub struct JsonLinesSink<W> {
    writer: W,
}

impl<W: Write> JsonLinesSink<W> {
    /// A sink that writes to `writer`. Wrap a file in a `BufWriter`.
    pub fn new(writer: W) -> Self {
        Self { writer }
    }

    /// The writer, unflushed.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: Write + Send> EventSink for JsonLinesSink<W> {
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        Ok(self.writer.write_all(&line)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.writer.flush()?)
    }
}
