//! Busy loops, which make the machine as slow as a machine that others use too.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// The number of loops for each core.
const LOOPS: usize = 2;

/// Threads that keep every core busy until this value is dropped.
///
/// The threads belong to this process, so they end with it, even if the process is killed.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts two loops for each core.
    pub(super) fn start() -> Result<Self> {
        let mut load = Self { stop: Arc::default(), threads: Vec::new() };
        for _ in 0..super::cores() * LOOPS {
            let stop = Arc::clone(&load.stop);
            let busy = move || {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            };
            let thread = thread::Builder::new().name("load".to_owned()).spawn(busy);
            load.threads.push(thread.context("cannot start a busy loop")?);
        }
        Ok(load)
    }

    /// Returns the number of loops.
    pub(super) fn loops(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_loops_run_for_each_core_until_the_load_is_dropped() {
        let load = Load::start().unwrap();
        let cores = thread::available_parallelism().unwrap().get();
        assert_eq!(load.loops(), 2 * cores);
        assert!(load.threads.iter().all(|thread| !thread.is_finished()));
        let stop = Arc::clone(&load.stop);
        drop(load);
        // Each loop drops its reference when it ends, so only the test's own reference is left.
        assert_eq!(Arc::strong_count(&stop), 1);
    }

    #[test]
    fn the_loops_end_although_the_command_fails() {
        let load = Load::start().unwrap();
        let stop = Arc::clone(&load.stop);
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _load = load;
            panic!("a step failed");
        }));
        assert!(failed.is_err());
        assert_eq!(Arc::strong_count(&stop), 1);
    }
}
