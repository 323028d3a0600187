//! The promise of an acknowledgement.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::{Lsn, WalError};

type Outcome = Result<Lsn, WalError>;

#[derive(Debug, Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    done: Condvar,
}

/// Resolves when the record is durable by the policy and `on_commit` has run for it. It may be waited for with
/// [`Ticket::wait`] or awaited in any runtime; dropping it changes nothing for the record.
#[derive(Debug)]
#[must_use = "a record is acknowledged only when its ticket resolves"]
pub struct Ticket(Arc<Slot>);

impl Ticket {
    /// Waits for the acknowledgement. Must not be called from `on_commit`, which it would wait for.
    ///
    /// # Errors
    /// [`WalError::Poisoned`] when the record could not be written, [`WalError::Closed`] when the log ended before.
    pub fn wait(self) -> Result<Lsn, WalError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            self.0.done.wait(&mut state);
        }
    }
}

impl Future for Ticket {
    type Output = Result<Lsn, WalError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state.lock();
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// The other end of a ticket. Dropped without an outcome it resolves the ticket as closed, so that nobody waits for ever.
#[derive(Debug)]
pub(crate) struct Resolver(Arc<Slot>);

impl Resolver {
    pub(crate) fn resolve(self, outcome: Outcome) {
        self.finish(outcome);
    }

    fn finish(&self, outcome: Outcome) {
        let mut state = self.0.state.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        self.0.done.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.finish(Err(WalError::Closed));
    }
}

pub(crate) fn ticket() -> (Ticket, Resolver) {
    let slot = Arc::new(Slot::default());
    (Ticket(Arc::clone(&slot)), Resolver(slot))
}
