//! Single flight: callers that want the same result share one attempt.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;

/// The attempt has no result: the runtime is shutting down or missing, or the attempt panicked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted;

/// The decision of `decide` in [`Flights::join`].
pub(crate) enum Flight<T, E> {
    /// The result is known already.
    Done(Result<T, E>),
    /// An attempt has to be made.
    Run(BoxFuture<'static, Result<T, E>>),
}

type Running<K, T, E> = HashMap<K, Shared<BoxFuture<'static, Result<T, E>>>>;

/// The attempts that are running. Each attempt runs in its own task, so it goes on when the caller
/// that started it is cancelled.
pub(crate) struct Flights<K, T, E>(Arc<Mutex<Running<K, T, E>>>);

impl<K, T, E> Default for Flights<K, T, E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T, E> Flights<K, T, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
    E: Clone + From<Interrupted> + Send + Sync + 'static,
{
    /// Waits for the running attempt with this key, and returns its result. Without such an
    /// attempt, `decide` returns a result or the attempt to start. `decide` is called under the
    /// lock, so that it sees the result that a finished attempt has stored.
    pub(crate) async fn join(&self, key: K, decide: impl FnOnce() -> Flight<T, E>) -> Result<T, E> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Err(Interrupted.into());
        };
        let flight = {
            let mut running = self.0.lock();
            // An attempt removes itself from the list when it ends. If the list has an attempt with a
            // result, the runtime of the attempt was shutting down and did not run it: skip it.
            let under_way = running.get(&key).filter(|flight| flight.peek().is_none());
            match under_way {
                Some(flight) => flight.clone(),
                None => match decide() {
                    Flight::Done(result) => return result,
                    Flight::Run(work) => {
                        let handle = runtime.spawn(run(Arc::clone(&self.0), key.clone(), work));
                        let flight =
                            async move { handle.await.unwrap_or_else(|_| Err(Interrupted.into())) }
                                .boxed()
                                .shared();
                        running.insert(key, flight.clone());
                        flight
                    }
                },
            }
        };
        flight.await
    }
}

/// Runs the attempt. The guard is made inside the task: if the runtime is shutting down, `spawn`
/// drops the task while the caller holds the lock. A guard made outside the task would then wait
/// for this lock for ever.
async fn run<K: Eq + Hash, T, E>(
    running: Arc<Mutex<Running<K, T, E>>>,
    key: K,
    work: BoxFuture<'static, Result<T, E>>,
) -> Result<T, E> {
    let _landing = Landing { running, key };
    work.await
}

/// Removes the attempt from the list when the attempt ends, even if it panics.
struct Landing<K: Eq + Hash, T, E> {
    running: Arc<Mutex<Running<K, T, E>>>,
    key: K,
}

impl<K: Eq + Hash, T, E> Drop for Landing<K, T, E> {
    fn drop(&mut self) {
        let landed = self.running.lock().remove(&self.key);
        drop(landed);
    }
}
