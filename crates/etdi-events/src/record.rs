//! The record: an event with its id, time, source and correlation.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::event::{Event, EventType};

/// One event with its id, time, origin and correlation.
///
/// In JSON: `{"id", "time", "correlation_id", "source", "type", "data"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventRecord {
    /// A UUIDv7 (RFC 9562 section 5.7). Ids of one emitter sort in the order of emission.
    pub id: Uuid,
    /// The time of emission, by the emitter's clock. RFC 3339, always UTC.
    #[serde(with = "rfc3339_utc")]
    pub time: OffsetDateTime,
    /// The operation that this event is part of.
    pub correlation_id: Option<CorrelationId>,
    /// The component that emitted the event.
    pub source: String,
    /// The event itself.
    #[serde(flatten)]
    pub event: Event,
}

impl EventRecord {
    /// Makes a record from the members that are always known. Only an [`Emitter`](crate::Emitter)
    /// and the test of a sink need this. `correlation_id` is public, and `None` until it is set.
    #[must_use]
    pub fn new(
        id: Uuid,
        time: OffsetDateTime,
        source: impl Into<String>,
        event: impl Into<Event>,
    ) -> Self {
        Self { id, time, correlation_id: None, source: source.into(), event: event.into() }
    }

    /// Returns the type of the event.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.event.event_type()
    }
}

/// Links the events of one operation: one discovery, one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CorrelationId(Uuid);

impl CorrelationId {
    /// Returns a new random id (UUIDv4).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl From<Uuid> for CorrelationId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<CorrelationId> for Uuid {
    fn from(id: CorrelationId) -> Self {
        id.0
    }
}

impl Display for CorrelationId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CorrelationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

mod rfc3339_utc {
    use serde::{Deserializer, Serializer, de, ser};
    use time::{OffsetDateTime, UtcOffset, serde::rfc3339};

    const OUT_OF_RANGE: &str = "the time is outside the years 0 to 9999 in UTC";

    pub(super) fn serialize<S: Serializer>(
        time: &OffsetDateTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let utc = time
            .checked_to_offset(UtcOffset::UTC)
            .ok_or_else(|| ser::Error::custom(OUT_OF_RANGE))?;
        rfc3339::serialize(&utc, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        rfc3339::deserialize(deserializer)?
            .checked_to_offset(UtcOffset::UTC)
            .ok_or_else(|| de::Error::custom(OUT_OF_RANGE))
    }
}
