//! The destinations of records.

use std::error::Error;
use std::io;

use crate::record::EventRecord;

/// A destination for records: a log, a file, a message bus.
///
/// A sink runs on a thread of its own, so it may be slow and may block. It gets the records one at
/// a time, in order.
/// [`contract::sink_keeps_its_contract`](crate::contract::sink_keeps_its_contract) checks an
/// implementation.
///
/// The trait may gain methods. A new method has a default that returns an error or does not do any
/// work, so that a sink without the method does not claim a success.
///
/// The strings in a record may hold any text that a server chose to send: write them as data.
pub trait EventSink: Send {
    /// Takes one record. The sink may hold it back until [`flush`](EventSink::flush).
    ///
    /// # Errors
    ///
    /// A [`SinkError`] if the record could not be written. The error is counted; the sink still
    /// gets the next record.
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError>;

    /// Makes all records that were taken visible at the destination. Called when the queue is
    /// empty, and between long batches of records.
    ///
    /// # Errors
    ///
    /// A [`SinkError`] if the records that were held back could not be written.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The reason why a sink did not write a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The destination did not take the record.
    #[error("cannot write the event; check that the destination is writable and has space")]
    Io(#[from] io::Error),
    /// The record has no JSON form, for example because its time is outside the years 0 to 9999.
    #[error("cannot write the event as JSON")]
    Json(#[from] serde_json::Error),
    /// Any other error of the sink.
    #[error("the event sink failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}
