//! A thread for each listener, behind a bounded queue.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::record::EventRecord;
use crate::sink::{EventSink, SinkError};

/// The number of records that may wait for one listener. Further records are dropped.
pub(crate) const QUEUE: usize = 1024;

/// The sending end of a listener's thread. Dropping it ends the thread after its queued records;
/// the drop does not wait for the thread.
pub(crate) struct Worker {
    queue: SyncSender<Arc<EventRecord>>,
    cancelled: Arc<AtomicBool>,
}

impl Worker {
    pub(crate) fn start(sink: Box<dyn EventSink>, counters: Arc<Counters>) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE);
        let cancelled = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cancelled);
        thread::Builder::new()
            .name("etdi-events".to_owned())
            .spawn(move || run(sink, &records, &seen, &counters))?;
        Ok(Self { queue, cancelled })
    }

    pub(crate) fn offer(&self, record: &Arc<EventRecord>, counters: &Counters) {
        counters.begin();
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.queue.try_send(Arc::clone(record))
        {
            counters.end(1);
            counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }
}

/// Counts of dropped records, panics and failed writes, over all listeners of an emitter.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) dropped: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) failed: AtomicU64,
    pending: Mutex<u64>,
    idle: Condvar,
}

impl Counters {
    fn begin(&self) {
        *self.pending.lock() += 1;
    }

    fn end(&self, records: u64) {
        let mut pending = self.pending.lock();
        *pending = pending.saturating_sub(records);
        if *pending == 0 {
            self.idle.notify_all();
        }
    }

    pub(crate) fn wait_until_idle(&self, timeout: Duration) -> bool {
        let mut pending = self.pending.lock();
        self.idle.wait_while_for(&mut pending, |pending| *pending > 0, timeout);
        *pending == 0
    }
}

/// Handles records in batches, so that one flush of a sink covers many records.
fn run(
    mut sink: Box<dyn EventSink>,
    records: &Receiver<Arc<EventRecord>>,
    cancelled: &AtomicBool,
    counters: &Counters,
) {
    while let Ok(first) = records.recv() {
        let mut handled = 0;
        for record in std::iter::once(first).chain(records.try_iter().take(QUEUE)) {
            if !cancelled.load(Ordering::SeqCst) {
                guarded(counters, || sink.record(&record));
            }
            handled += 1;
        }
        guarded(counters, || sink.flush());
        counters.end(handled);
    }
}

fn guarded(counters: &Counters, call: impl FnOnce() -> Result<(), SinkError>) {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            // Log the error once: otherwise a full disk would also fill the log.
            if counters.failed.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(error = &error as &dyn std::error::Error, "an event sink failed");
            }
        }
        Err(_) => {
            counters.panicked.fetch_add(1, Ordering::Relaxed);
        }
    }
}
