//! One statement's memory: what its operators reserve counts against the statement's limit and draws on the engine's
//! budget, so that a large query spills or ends while ingest goes on.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{Result, resources_err};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use icecore_engine::budget::{MemoryBudget, MemoryClass, Reservation};
use parking_lot::Mutex;

/// The pool of one statement.
#[derive(Debug)]
pub(crate) struct BudgetPool {
    bytes_max: u64,
    held: Mutex<Reservation>,
}

impl BudgetPool {
    /// A pool of at most `bytes_max` out of `budget`.
    pub(crate) fn new(budget: &Arc<MemoryBudget>, bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            held: Mutex::new(budget.reserve_none(MemoryClass::Sql)),
        })
    }
}

impl fmt::Display for BudgetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sql")
    }
}

impl MemoryPool for BudgetPool {
    fn name(&self) -> &str {
        "sql"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.held.lock().grow_unchecked(additional as u64);
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.held.lock().shrink(shrink as u64);
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut held = self.held.lock();
        let wanted = held.bytes().saturating_add(additional as u64);
        if wanted > self.bytes_max {
            return resources_err!(
                "the statement needs more than its {} bytes of memory: ask for less, or raise its limit",
                self.bytes_max
            );
        }
        match held.try_grow(additional as u64) {
            Ok(()) => Ok(()),
            Err(error) => resources_err!("{error}"),
        }
    }

    fn reserved(&self) -> usize {
        usize::try_from(self.held.lock().bytes()).unwrap_or(usize::MAX)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(usize::try_from(self.bytes_max).unwrap_or(usize::MAX))
    }
}
