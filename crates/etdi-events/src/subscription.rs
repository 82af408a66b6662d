//! Receiving events asynchronously, on any executor.

use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures::task::AtomicWaker;
use futures::{Stream, StreamExt};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::listener::ListenerId;
use crate::record::EventRecord;

/// A bounded stream of records. The stream ends when it is taken [off](crate::Emitter::off) or when
/// the last clone of its emitter is dropped; it returns its queued records first. Dropping the
/// subscription also ends it.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    id: ListenerId,
    records: Receiver<Arc<EventRecord>>,
    state: Arc<ReceiverState>,
}

impl Subscription {
    pub(crate) fn new(
        id: ListenerId,
        records: Receiver<Arc<EventRecord>>,
        state: Arc<ReceiverState>,
    ) -> Self {
        Self { id, records, state }
    }

    /// Returns the id, for [`Emitter::off`](crate::Emitter::off).
    #[must_use]
    pub fn id(&self) -> ListenerId {
        self.id
    }

    /// Returns the next record; `None` when the subscription has ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<Arc<EventRecord>> {
        self.next().await
    }

    /// Returns a record if one is queued.
    #[must_use]
    pub fn try_recv(&mut self) -> Option<Arc<EventRecord>> {
        self.records.try_recv().ok()
    }

    /// Returns how many records this subscription lost because it was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::Relaxed)
    }
}

impl Stream for Subscription {
    type Item = Arc<EventRecord>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Register the waker before looking at the queue: otherwise a record that arrives in
        // between would not wake the receiver.
        self.state.waker.register(context.waker());
        match self.records.try_recv() {
            Ok(record) => Poll::Ready(Some(record)),
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
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

/// Returns the emitter's end and the receiver, with the state that both share.
pub(crate) fn channel(capacity: usize) -> (Feed, Receiver<Arc<EventRecord>>, Arc<ReceiverState>) {
    let (queue, records) = mpsc::channel(capacity.clamp(1, Semaphore::MAX_PERMITS));
    let state = Arc::new(ReceiverState::default());
    (Feed { queue: Some(queue), state: Arc::clone(&state) }, records, state)
}

/// The emitter's end. Dropping it ends the subscription.
pub(crate) struct Feed {
    /// `None` only while the feed is being dropped.
    queue: Option<Sender<Arc<EventRecord>>>,
    state: Arc<ReceiverState>,
}

/// State that the feed and the receiver share. The receiver's waker is kept here and not in the
/// queue: a waker is code of the host's executor, and the queue would call it while the registry is
/// locked.
#[derive(Default)]
pub(crate) struct ReceiverState {
    waker: AtomicWaker,
    dropped: AtomicU64,
}

/// The result of an offer of a record.
pub(crate) enum Offer {
    /// Queued. The caller must call the waker of a waiting receiver.
    Taken(Option<Waker>),
    /// The queue is full; the record is dropped.
    Full,
    /// The receiver is gone.
    Closed,
}

impl Feed {
    pub(crate) fn offer(&self, record: &Arc<EventRecord>) -> Offer {
        let Some(queue) = &self.queue else { return Offer::Closed };
        match queue.try_send(Arc::clone(record)) {
            Ok(()) => Offer::Taken(self.state.waker.take()),
            Err(TrySendError::Full(_)) => {
                self.state.dropped.fetch_add(1, Ordering::Relaxed);
                Offer::Full
            }
            Err(TrySendError::Closed(_)) => Offer::Closed,
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Drop the sender before the receiver wakes: otherwise the receiver would find an open,
        // empty queue and wait for ever.
        self.queue = None;
        self.state.waker.wake();
    }
}
