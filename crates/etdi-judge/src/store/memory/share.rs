//! Limits on the unapproved records of each server: their number and their bytes.

use std::collections::VecDeque;

use crate::store::{UNPROVEN_BYTES_PER_SERVER, UNPROVEN_PER_SERVER};

/// The keys of one server's unapproved records, the oldest first, each with the size of its
/// definition in bytes.
#[derive(Debug)]
pub(super) struct Share<K> {
    kept: VecDeque<(K, usize)>,
    bytes: usize,
}

impl<K> Default for Share<K> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), bytes: 0 }
    }
}

impl<K> Share<K> {
    pub(super) fn push(&mut self, key: K, bytes: usize) {
        self.kept.push_back((key, bytes));
        self.bytes += bytes;
    }

    /// Removes and returns the oldest key, if a limit is exceeded.
    pub(super) fn surplus(&mut self) -> Option<K> {
        let full = self.kept.len() > UNPROVEN_PER_SERVER || self.bytes > UNPROVEN_BYTES_PER_SERVER;
        let (oldest, bytes) = if full { self.kept.pop_front()? } else { return None };
        self.bytes -= bytes;
        Some(oldest)
    }

    pub(super) fn remove(&mut self, gone: impl Fn(&K) -> bool) {
        self.kept.retain(|(key, _)| !gone(key));
        self.bytes = self.kept.iter().map(|(_, bytes)| bytes).sum();
    }
}
