//! What a query may use and has used: samples, memory, time. Every loop that can run long asks it now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use icecore_engine::budget::{MemoryBudget, MemoryClass, Reservation};
use parking_lot::Mutex;

use super::error::PromqlError;
use crate::limits::{PROMQL_LOOKBACK_MS, PROMQL_MEMORY_BYTES_MAX, PROMQL_SAMPLES_MAX};

/// The caller's bounds for one query.
#[derive(Debug, Clone)]
pub struct QueryLimits {
    /// When to give up; never when absent.
    pub deadline: Option<Instant>,
    /// Samples read at most.
    pub samples_max: u64,
    /// Bytes of intermediate results at most; the engine's budget may refuse earlier.
    pub memory_bytes_max: u64,
    /// How far back an instant selector looks, in milliseconds.
    pub lookback_ms: i64,
    /// Set by the caller when nobody waits for the answer any more.
    pub canceled: Option<Arc<AtomicBool>>,
    /// Series, samples or names in the answer at most; 0 is no limit. More are cut, with a warning.
    pub results_max: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            deadline: None,
            samples_max: PROMQL_SAMPLES_MAX,
            memory_bytes_max: PROMQL_MEMORY_BYTES_MAX,
            lookback_ms: PROMQL_LOOKBACK_MS,
            canceled: None,
            results_max: 0,
        }
    }
}

/// The running account of one query, shared by its threads.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: QueryLimits,
    samples: AtomicU64,
    memory: Mutex<Reservation>,
}

impl Meter {
    pub(crate) fn new(budget: &Arc<MemoryBudget>, limits: QueryLimits) -> Self {
        Self {
            limits,
            samples: AtomicU64::new(0),
            memory: Mutex::new(budget.reserve_none(MemoryClass::Promql)),
        }
    }

    pub(crate) const fn limits(&self) -> &QueryLimits {
        &self.limits
    }

    /// Samples read so far.
    pub(crate) fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Counts samples read, and looks at the clock.
    pub(crate) fn count(&self, samples: u64) -> Result<(), PromqlError> {
        let read = self.samples.fetch_add(samples, Ordering::Relaxed) + samples;
        if read > self.limits.samples_max {
            return Err(PromqlError::TooManySamples {
                samples_max: self.limits.samples_max,
            });
        }
        self.check()
    }

    /// Whether the query should still go on.
    pub(crate) fn check(&self) -> Result<(), PromqlError> {
        if self.limits.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(PromqlError::Timeout);
        }
        if self
            .limits
            .canceled
            .as_ref()
            .is_some_and(|canceled| canceled.load(Ordering::Relaxed))
        {
            return Err(PromqlError::Canceled);
        }
        Ok(())
    }

    /// Takes memory for as long as the guard lives.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<Held<'_>, PromqlError> {
        let mut memory = self.memory.lock();
        if memory.bytes() + bytes > self.limits.memory_bytes_max {
            return Err(PromqlError::TooMuchMemory {
                bytes_max: self.limits.memory_bytes_max,
            });
        }
        memory.try_grow(bytes)?;
        Ok(Held { meter: self, bytes })
    }
}

/// Memory of one buffer; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    meter: &'a Meter,
    bytes: u64,
}

impl Held<'_> {
    /// Makes it as large as the buffer has become.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> Result<(), PromqlError> {
        if bytes > self.bytes {
            let mut more = self.meter.reserve(bytes - self.bytes)?;
            more.bytes = 0;
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.meter.memory.lock().shrink(self.bytes);
        }
    }
}
