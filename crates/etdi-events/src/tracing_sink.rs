//! A sink that writes records as `tracing` events.

use etdi_types::text::escaped;

use crate::event::EventType;
use crate::record::EventRecord;
use crate::sink::{EventSink, SinkError};

/// Logs each record through `tracing`, target `etdi::events`: violations at `ERROR`, other alarms
/// at `WARN`, the rest at `INFO`.
///
/// The event's data is one field, `data`. It is JSON; characters that a terminal acts on or that a
/// reader cannot see are visible escapes.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl EventSink for TracingSink {
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
        macro_rules! log {
            ($level:ident, $data:expr) => {
                tracing::event!(
                    target: "etdi::events",
                    tracing::Level::$level,
                    id = %record.id,
                    r#type = %record.event_type(),
                    correlation_id = record.correlation_id.map(tracing::field::display),
                    source = %escaped(&record.source),
                    data = %escaped($data),
                )
            };
        }
        let tagged = serde_json::to_value(&record.event)?;
        let data = tagged.get("data").map(ToString::to_string).unwrap_or_default();
        match record.event_type() {
            EventType::SecurityViolation => log!(ERROR, &data),
            _ if record.event.is_alarm() => log!(WARN, &data),
            _ => log!(INFO, &data),
        }
        Ok(())
    }
}
