//! Where records go.

use std::error::Error;
use std::io;

use crate::record::EventRecord;

/// A destination for records: a log, a file, a message bus.
///
/// A sink runs on a thread of its own, so it may be slow and may block. It is given records one
/// at a time, in order. [`contract::sink_keeps_its_contract`](crate::contract::sink_keeps_its_contract)
/// checks an implementation.
///
/// The trait may gain methods. A new method has a default that returns an error or does nothing, so that
/// a sink which does not know it claims nothing.
///
/// The strings in a record may hold anything that a server chose to send: write them as data.
pub trait EventSink: Send {
    /// Takes one record. It may be held back until [`flush`](EventSink::flush).
    ///
    /// # Errors
    ///
    /// A [`SinkError`] if the record could not be written. It is counted; the next record is
    /// offered as usual.
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError>;

    /// Makes everything that was taken visible at the destination. Called whenever no further
    /// record is waiting.
    ///
    /// # Errors
    ///
    /// A [`SinkError`] if what was held back could not be written.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Why a sink did not write a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The destination did not take it.
    #[error(
        "the event could not be written: check that the destination can be written to and has space"
    )]
    Io(#[from] io::Error),
    /// The record has no JSON form, for example because its time lies outside the years 0 to 9999.
    #[error("the event has no JSON form")]
    Json(#[from] serde_json::Error),
    /// Anything else, in the words of the sink.
    #[error("the event sink failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}
