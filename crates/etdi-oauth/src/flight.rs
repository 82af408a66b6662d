//! Single flight: callers that want the same thing share one attempt at it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;

/// The attempt ended without a result: the runtime is shutting down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted;

/// What a caller finds once it holds the lock.
pub(crate) enum Flight<T, E> {
    /// The answer is there already.
    Done(Result<T, E>),
    /// Somebody has to go.
    Run(BoxFuture<'static, Result<T, E>>),
}

type Running<K, T, E> = HashMap<K, Shared<BoxFuture<'static, Result<T, E>>>>;

/// The attempts under way. Each runs in a task of its own, so it goes on when the caller that
/// started it is cancelled.
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
    /// Joins the attempt at `key`. If there is none, `decide` says whether one is needed; it is
    /// called under the lock, so what an attempt stored before it ended is seen.
    pub(crate) async fn join(&self, key: K, decide: impl FnOnce() -> Flight<T, E>) -> Result<T, E> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Err(Interrupted.into());
        };
        let flight = {
            let mut running = self.0.lock();
            // One that has ended and is still listed never ran: its runtime was shutting down.
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

/// The guard is made by the running task: a task that is dropped before it runs is dropped by its
/// starter, who holds the lock.
async fn run<K: Eq + Hash, T, E>(
    running: Arc<Mutex<Running<K, T, E>>>,
    key: K,
    work: BoxFuture<'static, Result<T, E>>,
) -> Result<T, E> {
    let _landing = Landing { running, key };
    work.await
}

/// Takes the attempt off the list when it ends, however it ends.
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
