//! What batches of logs and of spans share: resources and scopes once each, bounds of time, refusals, memory.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{TimeBounds, add_note};
use crate::budget::Reservation;
use crate::ids::Signal;
use crate::limits::{BATCH_BYTES_MAX, ITEM_BYTES_MAX};
use crate::outcome::AppendError;
use crate::reason::{Reason, Rejections};
use crate::record::SharedText;
use crate::tenant::Tenant;
use crate::time::TimestampMs;

/// Bytes reserved at a time.
const RESERVE_STEP_BYTES: u64 = 64 * 1024;
/// Bytes reserved per byte of a row: growing columns leave room, and the record is a copy while both live.
const BYTES_PER_ROW_BYTE: u64 = 3;

/// A resource of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceSlot(pub(super) i32);

/// An instrumentation scope of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeSlot(pub(super) i32);

/// Texts that many rows share, each kept once.
#[derive(Debug, Default)]
struct Interned {
    by_text: HashMap<String, i32, foldhash::fast::RandomState>,
}

impl Interned {
    /// The number of a text; true when it is new.
    fn number(&mut self, text: &str) -> (i32, bool) {
        if let Some(number) = self.by_text.get(text) {
            return (*number, false);
        }
        let number = self.by_text.len() as i32;
        self.by_text.insert(text.to_owned(), number);
        (number, true)
    }
}

/// What admission takes out of a batch of logs or spans, beside its columns.
#[derive(Debug)]
pub(crate) struct RowsParts {
    pub(crate) shared: SharedText,
    pub(crate) rejections: Rejections,
    pub(crate) notes: Vec<String>,
    pub(crate) memory: Reservation,
}

/// The shared half of a batch.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) tenant: Arc<Tenant>,
    signal: Signal,
    bounds: TimeBounds,
    resources: Interned,
    scopes: Interned,
    bytes: u64,
    paid_bytes: u64,
    failed: Option<AppendError>,
    pub(super) parts: RowsParts,
}

impl Common {
    pub(super) fn new(tenant: Arc<Tenant>, signal: Signal, bounds: TimeBounds, memory: Reservation) -> Self {
        Self {
            tenant,
            signal,
            bounds,
            resources: Interned::default(),
            scopes: Interned::default(),
            bytes: 0,
            paid_bytes: 0,
            failed: None,
            parts: RowsParts {
                shared: SharedText::default(),
                rejections: Rejections::default(),
                notes: Vec::new(),
                memory,
            },
        }
    }

    pub(super) fn resource(&mut self, json: &str, service_name: &str) -> ResourceSlot {
        self.pay(json.len() + service_name.len());
        // Both texts decide: the service's name may come from elsewhere than the resource.
        let (number, is_new) = self.resources.number(&format!("{service_name}\0{json}"));
        if is_new {
            self.parts.shared.add_resource(json, service_name);
        }
        ResourceSlot(number)
    }

    pub(super) fn scope(&mut self, json: &str) -> ScopeSlot {
        self.pay(json.len());
        let (number, is_new) = self.scopes.number(json);
        if is_new {
            self.parts.shared.add_scope(json);
        }
        ScopeSlot(number)
    }

    /// When the batch arrived, in nanoseconds.
    pub(super) fn now_ns(&self) -> i64 {
        TimestampMs(self.bounds.now_ms).to_ns().0
    }

    /// Whether a row of this time and size is taken; counts it where not.
    #[inline]
    pub(super) fn takes(&mut self, timestamp_ns: i64, bytes: usize) -> bool {
        if !self.bounds.range.contains(timestamp_ns) || bytes > ITEM_BYTES_MAX {
            self.refuse(timestamp_ns, bytes);
            return false;
        }
        self.pay(bytes);
        self.failed.is_none()
    }

    #[cold]
    fn refuse(&mut self, timestamp_ns: i64, bytes: usize) {
        let (bounds, signal) = (self.bounds, self.signal);
        let what = match signal {
            Signal::Traces => "span",
            _ => "log record",
        };
        let rejections = &mut self.parts.rejections;
        if timestamp_ns < bounds.range.start {
            rejections.add(Reason::TooOld, 1, || {
                format!(
                    "first refused {what} is of {timestamp_ns} ns; those older than {} s are not taken: raise \
                     --late-max or --retention-{signal}",
                    bounds.late_max_ms / 1000
                )
            });
        } else if timestamp_ns > bounds.range.end {
            rejections.add(Reason::TooFarInFuture, 1, || {
                format!(
                    "first refused {what} is of {timestamp_ns} ns; those more than {} s ahead of the clock are not \
                     taken: check the sender's clock or raise --future-max",
                    bounds.future_max_ms / 1000
                )
            });
        } else {
            rejections.add(Reason::ItemTooLarge, 1, || {
                format!("a {what} of {bytes} bytes; at most {ITEM_BYTES_MAX} are taken: cut it at the sender")
            });
        }
    }

    pub(super) fn reject(&mut self, reason: Reason, items: u64, example: impl FnOnce() -> String) {
        self.parts.rejections.add(reason, items, example);
    }

    pub(super) fn note(&mut self, warning: String) {
        add_note(&mut self.parts.notes, warning);
    }

    fn pay(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes > BATCH_BYTES_MAX {
            self.failed = Some(AppendError::TooLarge {
                bytes: self.bytes,
                bytes_max: BATCH_BYTES_MAX,
            });
            return;
        }
        let bytes = bytes as u64 * BYTES_PER_ROW_BYTE;
        self.paid_bytes = match self.paid_bytes.checked_sub(bytes) {
            Some(left) => left,
            None => {
                if let Err(error) = self.parts.memory.try_grow(bytes + RESERVE_STEP_BYTES) {
                    self.failed.get_or_insert(error.into());
                }
                self.paid_bytes + RESERVE_STEP_BYTES
            }
        };
    }

    pub(super) fn into_parts(self) -> Result<(Arc<Tenant>, RowsParts), AppendError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok((self.tenant, self.parts)),
        }
    }
}
