//! The emitter, which the components of ETDI hold.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etdi_types::Clock;
use parking_lot::Mutex;

use crate::event::{Event, EventType};
use crate::listener::ListenerId;
use crate::record::{CorrelationId, EventRecord};
use crate::registry::{Delivery, Filter, Registry};
use crate::sink::{EventSink, SinkError};
use crate::subscription::{Subscription, channel};
use crate::worker::{Counters, Worker};

/// Hands events to its listeners. A clone is cheap and has the same listeners.
///
/// Emitting never waits: see the promises in the crate's documentation.
///
/// A listener that owns a clone of its own emitter keeps the emitter alive until the listener is
/// taken [off](Emitter::off).
#[derive(Clone)]
pub struct Emitter {
    hub: Arc<Hub>,
    source: Arc<str>,
    correlation: Option<CorrelationId>,
}

/// The parts that all clones of an emitter share. If the clock panics, the registry is unchanged,
/// so a lock without poisoning is safe.
struct Hub {
    clock: Box<dyn Clock>,
    registry: Mutex<Registry>,
    counters: Arc<Counters>,
}

/// The thread of a listener could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot start a thread for an event listener; raise the limit on threads or attach fewer listeners"
)]
pub struct ListenerError {
    #[from]
    source: io::Error,
}

impl Emitter {
    /// Returns an emitter without listeners. `source` names the component in every record.
    pub fn new(clock: impl Clock + 'static, source: impl Into<String>) -> Self {
        Self {
            hub: Arc::new(Hub {
                clock: Box::new(clock),
                registry: Mutex::default(),
                counters: Arc::default(),
            }),
            source: Arc::from(source.into()),
            correlation: None,
        }
    }

    /// Returns a handle of the same emitter that names another component in its records.
    #[must_use]
    pub fn with_source(&self, source: impl Into<String>) -> Self {
        Self { source: Arc::from(source.into()), ..self.clone() }
    }

    /// Returns a handle of the same emitter that marks its records as part of one operation.
    #[must_use]
    pub fn with_correlation(&self, correlation: CorrelationId) -> Self {
        Self { correlation: Some(correlation), ..self.clone() }
    }

    /// Returns the operation that this handle emits for.
    #[must_use]
    pub fn correlation(&self) -> Option<CorrelationId> {
        self.correlation
    }

    /// Emits an event. Never waits, never fails, and needs no runtime.
    pub fn emit(&self, event: impl Into<Event>) {
        let Hub { clock, registry, counters } = &*self.hub;
        let mut registry = registry.lock();
        if registry.is_empty() {
            return;
        }
        let now = clock.now();
        let record = Arc::new(EventRecord {
            id: registry.next_event_id(now),
            time: now,
            correlation_id: self.correlation,
            source: self.source.to_string(),
            event: event.into(),
        });
        let wakers = registry.offer(&record, counters);
        // A waker is code of the host's executor: call it only after every lock is released.
        drop(registry);
        for waker in wakers {
            waker.wake();
        }
    }

    /// Calls `listener` for every event of one type, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] if the operating system cannot start a thread.
    pub fn on(
        &self,
        event: EventType,
        listener: impl FnMut(&EventRecord) + Send + 'static,
    ) -> Result<ListenerId, ListenerError> {
        self.listen(Filter::only([event]), false, Box::new(Listener(listener)))
    }

    /// Calls `listener` for every event of every type, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] if the operating system cannot start a thread.
    pub fn on_any(
        &self,
        listener: impl FnMut(&EventRecord) + Send + 'static,
    ) -> Result<ListenerId, ListenerError> {
        self.listen(Filter::everything(), false, Box::new(Listener(listener)))
    }

    /// Calls `listener` for the next event of one type, and then never again.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] if the operating system cannot start a thread.
    pub fn once(
        &self,
        event: EventType,
        listener: impl FnOnce(&EventRecord) + Send + 'static,
    ) -> Result<ListenerId, ListenerError> {
        let mut listener = Some(listener);
        let listener = move |record: &EventRecord| {
            if let Some(listener) = listener.take() {
                listener(record);
            }
        };
        self.listen(Filter::only([event]), true, Box::new(Listener(listener)))
    }

    /// Writes every event to `sink`, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`ListenerError`] if the operating system cannot start a thread.
    pub fn attach(&self, sink: impl EventSink + 'static) -> Result<ListenerId, ListenerError> {
        self.listen(Filter::everything(), false, Box::new(sink))
    }

    /// Ends a listener, a sink or a subscription. Waiting records of a listener or a sink are not
    /// handled any longer, except the one that its thread has already taken. Returns whether a
    /// listener with this id existed.
    pub fn off(&self, id: ListenerId) -> bool {
        let removed = self.hub.registry.lock().remove(id);
        // Drop the entry here, after the lock is released: the drop may run code of the host.
        removed.is_some()
    }

    /// Returns a stream of all events. At most `capacity` records wait (at least 1). Records that
    /// arrive when the queue is full are dropped and counted.
    #[must_use = "dropping a subscription ends it"]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.receive(Filter::everything(), capacity)
    }

    /// Returns a stream of the events of some types. The stream is bounded like that of
    /// [`Emitter::subscribe`].
    #[must_use = "dropping a subscription ends it"]
    pub fn subscribe_to(
        &self,
        events: impl IntoIterator<Item = EventType>,
        capacity: usize,
    ) -> Subscription {
        self.receive(Filter::only(events), capacity)
    }

    /// Returns how many records were dropped because a queue was full, over all listeners.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.hub.counters.dropped.load(Ordering::Relaxed)
    }

    /// Returns how many calls of a listener or sink panicked.
    #[must_use]
    pub fn panicked(&self) -> u64 {
        self.hub.counters.panicked.load(Ordering::Relaxed)
    }

    /// Returns how many records a sink could not write.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.hub.counters.failed.load(Ordering::Relaxed)
    }

    /// Waits until every listener and sink has handled all emitted records, at most for `timeout`.
    /// Returns whether they have. It blocks: use it at the end of a program.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        self.hub.counters.wait_until_idle(timeout)
    }

    fn listen(
        &self,
        filter: Filter,
        once: bool,
        sink: Box<dyn EventSink>,
    ) -> Result<ListenerId, ListenerError> {
        let worker = Worker::start(sink, Arc::clone(&self.hub.counters))?;
        Ok(self.hub.registry.lock().add(filter, once, Delivery::Worker(worker)))
    }

    fn receive(&self, filter: Filter, capacity: usize) -> Subscription {
        let (feed, records, state) = channel(capacity);
        let id = self.hub.registry.lock().add(filter, false, Delivery::Subscription(feed));
        Subscription::new(id, records, state)
    }
}

impl Debug for Emitter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("source", &self.source)
            .field("correlation", &self.correlation)
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

struct Listener<F>(F);

impl<F: FnMut(&EventRecord) + Send> EventSink for Listener<F> {
    fn record(&mut self, record: &EventRecord) -> Result<(), SinkError> {
        (self.0)(record);
        Ok(())
    }
}
