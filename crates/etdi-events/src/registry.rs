//! The registry of listeners, and the numbering of events.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use time::OffsetDateTime;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::event::EventType;
use crate::listener::ListenerId;
use crate::record::EventRecord;
use crate::subscription::{Feed, Offer};
use crate::worker::{Counters, Worker};

/// The listeners of one emitter, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Vec<ListenerEntry>,
    last_id: u64,
    sequence: ContextV7,
}

struct ListenerEntry {
    id: ListenerId,
    filter: Filter,
    once: bool,
    delivery: Delivery,
}

/// The way in which records reach a listener.
pub(crate) enum Delivery {
    Worker(Worker),
    Subscription(Feed),
}

impl Registry {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn add(&mut self, filter: Filter, once: bool, delivery: Delivery) -> ListenerId {
        self.last_id = self.last_id.saturating_add(1);
        let id = ListenerId(self.last_id);
        self.entries.push(ListenerEntry { id, filter, once, delivery });
        id
    }

    pub(crate) fn remove(&mut self, id: ListenerId) -> Option<Delivery> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        let ListenerEntry { delivery, .. } = self.entries.remove(at);
        if let Delivery::Worker(worker) = &delivery {
            worker.cancel();
        }
        Some(delivery)
    }

    /// Returns a UUIDv7 that sorts after every earlier one, even while the clock stands still or
    /// moves backwards.
    pub(crate) fn next_event_id(&mut self, now: OffsetDateTime) -> Uuid {
        // UUIDv7 cannot represent times before 1970.
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(&self.sequence, seconds, now.nanosecond()))
    }

    /// Puts `record` into every queue whose filter matches, and returns the wakers of the waiting
    /// receivers.
    pub(crate) fn offer(&mut self, record: &Arc<EventRecord>, counters: &Counters) -> Vec<Waker> {
        let event = record.event_type();
        let mut wakers = Vec::new();
        self.entries.retain_mut(|entry| {
            if !entry.filter.wants(event) {
                return true;
            }
            match &mut entry.delivery {
                Delivery::Worker(worker) => {
                    worker.offer(record, counters);
                    !entry.once
                }
                Delivery::Subscription(feed) => match feed.offer(record) {
                    Offer::Taken(waker) => {
                        wakers.extend(waker);
                        true
                    }
                    Offer::Full => {
                        counters.dropped.fetch_add(1, Ordering::Relaxed);
                        true
                    }
                    Offer::Closed => false,
                },
            }
        });
        wakers
    }
}

/// The event types that a listener wants.
pub(crate) struct Filter(Option<Box<[EventType]>>);

impl Filter {
    pub(crate) fn everything() -> Self {
        Self(None)
    }

    pub(crate) fn only(events: impl IntoIterator<Item = EventType>) -> Self {
        Self(Some(events.into_iter().collect()))
    }

    fn wants(&self, event: EventType) -> bool {
        self.0.as_ref().is_none_or(|wanted| wanted.contains(&event))
    }
}
