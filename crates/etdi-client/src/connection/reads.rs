//! Reads `tools/list`: all pages of one consistent list, shared by concurrent calls, and never
//! older than allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use etdi_judge::{Judge, Snapshot};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::wire::error::ListError;
use crate::wire::link::Link;

/// The reads of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    last: Mutex<Last>,
    /// The number of reads that have ended, successful or not.
    ended: AtomicU64,
}

/// A complete listing, and the time when it was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) snapshot: Snapshot,
    read_at: OffsetDateTime,
    /// The number of list-change notifications that had come when the read began.
    changes: u64,
}

#[derive(Debug, Default)]
struct Last {
    reading: Option<Arc<Reading>>,
    /// The error of the last read, if it failed.
    failure: Option<ListError>,
}

impl Reads {
    /// Returns a listing whose read ended after this was called.
    pub(crate) async fn now(&self, link: &Link, judge: &Judge) -> Result<Arc<Reading>, ListError> {
        self.read(link, judge, None).await
    }

    /// Returns a listing that is young enough for a call.
    pub(crate) async fn for_call(
        &self,
        link: &Link,
        judge: &Judge,
    ) -> Result<Arc<Reading>, ListError> {
        self.read(link, judge, Some(judge.settings().definition_max_age())).await
    }

    async fn read(
        &self,
        link: &Link,
        judge: &Judge,
        max_age: Option<Duration>,
    ) -> Result<Arc<Reading>, ListError> {
        let ended = self.ended.load(SeqCst);
        let mut last = self.last.lock().await;
        // A read that ended while this one waited for its turn answers both.
        let shared = self.ended.load(SeqCst) != ended;
        if let (true, Some(failure)) = (shared, &last.failure) {
            return Err(failure.clone());
        }
        if let Some(reading) = &last.reading
            && !reading.is_outdated(link)
            && (shared || reading.is_younger(judge, max_age))
        {
            return Ok(reading.clone());
        }
        let earlier = last.reading.as_ref().map(|reading| &reading.snapshot);
        let result = read_all_pages(link, judge, earlier).await;
        self.ended.fetch_add(1, SeqCst);
        match result {
            Ok(reading) => {
                let reading = Arc::new(reading);
                judge.note_listing(earlier, &reading.snapshot);
                *last = Last { reading: Some(reading.clone()), failure: None };
                Ok(reading)
            }
            Err(failure) => {
                last.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }
}

impl Reading {
    /// Returns whether the server said that its list changed since the read began.
    pub(crate) fn is_outdated(&self, link: &Link) -> bool {
        self.changes != link.epoch()
    }

    /// Returns whether the listing is younger than `max_age`. If the clock moved backwards, the age
    /// is infinite.
    fn is_younger(&self, judge: &Judge, max_age: Option<Duration>) -> bool {
        let age = Duration::try_from(judge.settings().clock().now() - self.read_at);
        max_age.is_some_and(|max| age.is_ok_and(|age| age < max))
    }
}

async fn read_all_pages(
    link: &Link,
    judge: &Judge,
    earlier: Option<&Snapshot>,
) -> Result<Reading, ListError> {
    let (changes, read_at) = (link.epoch(), judge.settings().clock().now());
    let listing = link.list().await?;
    // A tool that rmcp could not read, or left out, can be neither shown to a model nor called.
    let mut usable = listing.usable.into_iter();
    let is_usable = |_: &_| usable.next().unwrap_or(false);
    Ok(Reading { snapshot: Snapshot::new(listing.tools, earlier, is_usable), read_at, changes })
}
