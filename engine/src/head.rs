//! A head: the rows of one partition that are in the log and not yet in a part, as the commit thread links them.
//!
//! Rows stay in the columns they arrived in. Linking appends the columns to a list and, for samples, writes for each row
//! where the previous row of its series lies: nothing is decoded, hashed or copied there. Readers see the rows that were
//! published when their view was taken, and none that come later.

mod metrics;
mod metrics_batch;
mod piece;
mod positions;
mod rows;
mod view;

use icecore_wal::Lsn;
use parking_lot::RwLock;

use crate::budget::Reservation;
use crate::ids::Signal;
use crate::layout::LsnRange;
use crate::time::{TimeRange, TimestampNs, Window};

use metrics::MetricsRows;
pub(crate) use metrics::{MetricsColumns, SampleBuffer};
pub(crate) use piece::{Cut, cut_metrics, cut_rows};
use rows::RowBatches;
pub use view::{HeadView, SamplesReader};

/// What one record has for one partition, ready to be linked.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) window: Window,
    /// Of its rows, in the signal's unit.
    pub(crate) time: TimeRange,
    pub(crate) rows: u32,
    /// What the rows and their links hold.
    pub(crate) memory: Reservation,
    pub(crate) content: Content,
}

/// The rows themselves.
#[derive(Debug)]
pub(crate) enum Content {
    /// Samples.
    Metrics(MetricsColumns),
    /// Log records or spans, in the signal's schema.
    Rows(arrow::array::RecordBatch),
}

/// One partition's rows that are in no part yet.
#[derive(Debug)]
pub(crate) struct Head {
    window: Window,
    signal: Signal,
    opened_at: TimestampNs,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    lsns: LsnRange,
    time: TimeRange,
    rows: u32,
    bytes: u64,
    memory: Vec<Reservation>,
    samples: MetricsRows,
    batches: RowBatches,
}

/// How large a head is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadSize {
    pub(crate) bytes: u64,
    pub(crate) rows: u32,
}

impl Head {
    pub(crate) fn new(window: Window, signal: Signal, now: TimestampNs) -> Self {
        Self {
            window,
            signal,
            opened_at: now,
            state: RwLock::new(State {
                lsns: LsnRange {
                    first: Lsn::MAX,
                    last: Lsn::ZERO,
                },
                time: TimeRange::new(i64::MAX, i64::MIN),
                rows: 0,
                bytes: 0,
                memory: Vec::new(),
                samples: MetricsRows::default(),
                batches: RowBatches::default(),
            }),
        }
    }

    /// Appends a piece. Only the owner of the partition's lock calls it, in LSN order.
    pub(crate) fn link(&self, lsn: Lsn, piece: Piece) -> HeadSize {
        let mut guard = self.state.write();
        let state = &mut *guard;
        state.lsns.first = state.lsns.first.min(lsn);
        state.lsns.last = state.lsns.last.max(lsn);
        state.time.start = state.time.start.min(piece.time.start);
        state.time.end = state.time.end.max(piece.time.end);
        let links_before = state.samples.index_bytes();
        match piece.content {
            Content::Metrics(columns) => state.samples.link(state.rows, columns),
            Content::Rows(batch) => state.batches.push(batch, piece.time),
        }
        state.rows += piece.rows;
        state.bytes += piece.memory.bytes() + state.samples.index_bytes().saturating_sub(links_before);
        match state.memory.last_mut() {
            Some(memory) => memory.absorb(piece.memory),
            None => state.memory.push(piece.memory),
        }
        HeadSize {
            bytes: state.bytes,
            rows: state.rows,
        }
    }

    /// First and last timestamp of its rows, in the signal's unit.
    pub(crate) fn time(&self) -> TimeRange {
        self.state.read().time
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    /// When its first row was linked, by the clock.
    pub(crate) fn opened_at(&self) -> TimestampNs {
        self.opened_at
    }

    /// LSNs of its first and last row.
    pub(crate) fn lsns(&self) -> LsnRange {
        self.state.read().lsns
    }

    pub(crate) fn size(&self) -> HeadSize {
        let state = self.state.read();
        HeadSize {
            bytes: state.bytes,
            rows: state.rows,
        }
    }

    /// Refs of the series that have rows in it, ascending.
    pub(crate) fn series(&self) -> Vec<u32> {
        self.state.read().samples.series()
    }
}
