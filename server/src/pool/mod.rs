//! Bounded places for work that blocks: ingest has its own, queries have theirs, so that neither waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::intake::{Kind, Refusal};

/// A bounded number of places on the blocking threads of one runtime.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    name: &'static str,
    runtime: Handle,
    places: Arc<Semaphore>,
    places_max: usize,
    wait_max: Duration,
    waiting: Arc<AtomicUsize>,
}

impl Pool {
    pub(crate) fn new(name: &'static str, runtime: Handle, places_max: usize, wait_max: Duration) -> Self {
        Self {
            name,
            runtime,
            places: Arc::new(Semaphore::new(places_max)),
            places_max,
            wait_max,
            waiting: Arc::default(),
        }
    }

    /// Waits for a place, at most as long as the pool allows; then the request is refused as retryable.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let waiting = Waiting::new(&self.waiting);
        let place = tokio::time::timeout(self.wait_max, Arc::clone(&self.places).acquire_owned()).await;
        drop(waiting);
        match place {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Refusal::new(Kind::Busy, "the server is shutting down: try again")),
            Err(_) => Err(Refusal::new(
                Kind::Busy,
                format!(
                    "all {} places for {} work are taken: try again",
                    self.places_max, self.name
                ),
            )),
        }
    }

    /// Runs `work` on a blocking thread once there is a place. The work goes on when the asker goes away.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let place = self.place().await?;
        let done = self.runtime.spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        });
        done.await
            .map_err(|error| Refusal::new(Kind::Internal, format!("{} work ended early: {error}", self.name)))
    }

    /// The runtime that the work belongs to.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Requests that wait for a place now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Requests that run now.
    pub(crate) fn running(&self) -> usize {
        self.places_max - self.places.available_permits()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

/// Counts one waiting request for as long as it lives, also when the request is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
