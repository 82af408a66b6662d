//! Receiving events asynchronously, on any executor.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::{Stream, StreamExt};

use crate::EventRecord;
use crate::registry::ListenerId;

/// A bounded stream of records. Ends when it was taken [off](crate::Emitter::off) or when the
/// last clone of its emitter is gone, after what is queued. Dropping it ends it.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    id: ListenerId,
    queue: Arc<Queue>,
}

impl Subscription {
    pub(crate) fn new(id: ListenerId, queue: Arc<Queue>) -> Self {
        Self { id, queue }
    }

    /// The id to take it off by.
    #[must_use]
    pub fn id(&self) -> ListenerId {
        self.id
    }

    /// The next record; `None` when the subscription has ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<Arc<EventRecord>> {
        self.next().await
    }

    /// A record that is already there.
    #[must_use]
    pub fn try_recv(&mut self) -> Option<Arc<EventRecord>> {
        self.queue.lock().records.pop_front()
    }

    /// How many records this subscription lost because it was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }
}

impl Stream for Subscription {
    type Item = Arc<EventRecord>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.queue.lock();
        if let Some(record) = state.records.pop_front() {
            return Poll::Ready(Some(record));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        let earlier = state.waker.replace(context.waker().clone());
        drop(state);
        drop(earlier);
        Poll::Pending
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.abandoned = true;
        let records = std::mem::take(&mut state.records);
        let waker = state.waker.take();
        drop(state);
        drop((records, waker));
    }
}

impl Debug for Subscription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// Both ends of a subscription.
pub(crate) fn channel(capacity: usize) -> (Feed, Arc<Queue>) {
    let queue = Arc::new(Queue { capacity: capacity.max(1), state: Mutex::default() });
    (Feed(Arc::clone(&queue)), queue)
}

/// The emitter's end. Dropping it ends the subscription.
pub(crate) struct Feed(Arc<Queue>);

/// What became of a record.
pub(crate) enum Offer {
    /// Queued; whoever waits is to be woken.
    Taken(Option<Waker>),
    /// Dropped.
    Full,
    /// Nobody receives any more.
    Closed,
}

impl Feed {
    pub(crate) fn offer(&self, record: &Arc<EventRecord>) -> Offer {
        let mut state = self.0.lock();
        if state.abandoned {
            return Offer::Closed;
        }
        if state.records.len() >= self.0.capacity {
            state.dropped = state.dropped.saturating_add(1);
            return Offer::Full;
        }
        state.records.push_back(Arc::clone(record));
        Offer::Taken(state.waker.take())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: VecDeque<Arc<EventRecord>>,
    waker: Option<Waker>,
    dropped: u64,
    ended: bool,
    abandoned: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
