//! The engine's own threads: a flusher that is woken by full heads, a merger, and a ticker. They hold the core and not the
//! engine, so that the engine can end them.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::core::Core;
use crate::limits::{CLOSE_THREADS_MS_MAX, FLUSH_RETRY_MS, TICK_MS};
use crate::recovery::OpenError;

/// Running threads; they end when this is stopped.
#[derive(Debug)]
pub(crate) struct Threads {
    /// Dropped to end them: a receiver without sender returns at once.
    stop: Option<Sender<()>>,
    /// Each thread holds a sender; when all are gone, all threads have ended.
    ended: Receiver<()>,
    ending: Option<Sender<()>>,
}

impl Threads {
    pub(crate) fn start(core: &Arc<Core>, wake: Receiver<()>) -> Result<Self, OpenError> {
        let (stop, stopped) = bounded(0);
        let (ending, ended) = bounded(0);
        let mut threads = Self {
            stop: Some(stop),
            ended,
            ending: Some(ending),
        };
        let own = (Arc::clone(core), stopped.clone());
        threads.spawn("icecore-flush", move || flusher(&own.0, &wake, &own.1))?;
        let own = (Arc::clone(core), stopped.clone());
        threads.spawn("icecore-merge", move || {
            periodically(&own.1, || {
                // Counted where it happened; tried again at the next turn.
                let _counted = own.0.merge_all(false);
            });
        })?;
        let own = (Arc::clone(core), stopped);
        threads.spawn("icecore-tick", move || {
            periodically(&own.1, || {
                // Counted where it happened; tried again at the next turn.
                let _counted = own.0.tick();
            });
        })?;
        Ok(threads)
    }

    fn spawn(&mut self, name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let ending = self.ending.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                run();
                drop(ending);
            })
            .map(drop)
            .map_err(|source| OpenError::Thread { name, source })
    }

    /// Ends them and waits until they have, but for a long merge: that one is left to itself, and what it leaves behind
    /// is removed at the next open.
    pub(crate) fn stop(mut self) {
        self.stop = None;
        self.ending = None;
        // Nobody ever sends: it ends by disconnection, or by the time.
        let _ended = self.ended.recv_timeout(Duration::from_millis(CLOSE_THREADS_MS_MAX));
    }
}

fn periodically(stopped: &Receiver<()>, mut duty: impl FnMut()) {
    while stopped.recv_timeout(Duration::from_millis(TICK_MS)) == Err(RecvTimeoutError::Timeout) {
        duty();
    }
}

fn flusher(core: &Core, wake: &Receiver<()>, stopped: &Receiver<()>) {
    let pause = Duration::from_millis(FLUSH_RETRY_MS);
    loop {
        crossbeam_channel::select! {
            recv(stopped) -> _ended => return,
            recv(wake) -> _woken => {}
            default(pause) => {}
        }
        // A failure is counted where it happened. A full disk is not asked again at once, however often appends wake us.
        if core.flush_due().is_err() && stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
