//! Recovery of the log: its records go into heads, but for what parts and voids cover.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use icecore_wal::{Lsn, Replayed, WalError};

use super::{OpenError, RecoveryReport};
use crate::budget::MemoryClass;
use crate::engine::core::Core;
use crate::engine::tenants::TenantState;
use crate::exemplars::StoredExemplar;
use crate::flush::at;
use crate::head::{Content, Cut, Piece, cut_metrics, cut_rows};
use crate::ids::{SeriesRef, Signal};
use crate::partition::SignalState;
use crate::quarantine::{Move, set_aside};
use crate::record::{MetricsRecord, Record, RecordRows};
use crate::tenant::Definition;
use crate::time::Window;

/// Reads the log into heads. Heads that fill up on the way become parts at once.
pub(super) fn replay(
    core: &Core,
    log: &mut icecore_wal::Recovery,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let mut replay = Replay {
        core,
        report,
        refs: HashMap::default(),
    };
    let found = log.replay(&mut |replayed| match replayed {
        Replayed::Segment { .. } => {
            replay.refs.clear();
            Ok(())
        }
        Replayed::Definition {
            space,
            reference,
            bytes,
        } => replay.define(space, reference, bytes),
        Replayed::Record { lsn, body } => replay.record(lsn, &body),
        Replayed::Gap { .. } => Ok(()),
    })?;
    for damaged in &found.damaged {
        report.damage.push(damaged.to_string());
    }
    for missing in &found.missing {
        report.damage.push(format!(
            "the log lacks the records {} to {}: their segment is gone",
            missing.first_lsn.get(),
            missing.last_lsn.get()
        ));
    }
    report.log = found;
    Ok(())
}

/// Heads below parts of their own partition become parts before anybody appends: what comes next lies above those parts.
pub(super) fn settle(core: &Core) -> Result<(), OpenError> {
    for state in core.tenants.states() {
        let below = state.freeze(usize::MAX, |partition, head| {
            partition.has_part_between(head.lsns().last, Lsn::MAX)
        });
        core.frozen_added(below);
        core.flush_frozen(&state)?;
    }
    Ok(())
}

/// Keeps a second name of each damaged segment, so that it can be looked at when the log has forgotten it.
pub(super) fn set_segments_aside(core: &Core, report: &RecoveryReport) -> Result<(), OpenError> {
    let mut seen = BTreeSet::new();
    for damaged in &report.log.damaged {
        if seen.insert(&damaged.path) && core.fs.exists(&damaged.path).map_err(at(&damaged.path))? {
            let reason = damaged.to_string();
            let aside = set_aside(core.fs.as_ref(), &core.layout, &damaged.path, Move::Link, reason)?;
            core.quarantined.lock().push(aside);
        }
    }
    Ok(())
}

struct Replay<'a> {
    core: &'a Core,
    report: &'a mut RecoveryReport,
    /// Refs of this process by name space and ref of the segment.
    refs: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
}

impl Replay<'_> {
    fn define(&mut self, space: u32, reference: u32, bytes: &[u8]) -> Result<(), WalError> {
        match Definition::decode(bytes) {
            Ok(definition) => {
                let Some(tenant) = self.core.tenant_found(&definition.tenant) else {
                    return self.unreadable("more tenants than can be numbered".to_owned());
                };
                let series = tenant.tenant.replay_series(&definition.key);
                self.refs.insert((space, reference), series.0);
                Ok(())
            }
            Err(error) => self.unreadable(format!("the definition of series {reference}: {error}")),
        }
    }

    fn record(&mut self, lsn: Lsn, body: &Bytes) -> Result<(), WalError> {
        let record = match Record::decode(body) {
            Ok(record) => record,
            Err(error) => return self.unreadable(format!("record {}: {error}", lsn.get())),
        };
        let signal = record.signal();
        let Some(tenant) = self.core.tenant_found(&record.tenant) else {
            return self.unreadable("more tenants than can be numbered".to_owned());
        };
        let window_length_s = *self.core.options.window_length_s.get(signal);
        let cuts = match record.rows {
            RecordRows::Metrics(mut metrics) => {
                let space = record.space;
                let ref_of = |old: u32| self.refs.get(&(space, old)).map(|new| SeriesRef(*new));
                if let Err(error) = metrics.remap(ref_of) {
                    return self.unreadable(format!("record {}: {error}", lsn.get()));
                }
                keep_beside(&tenant, &mut metrics);
                cut_metrics(metrics.rows, window_length_s)
            }
            RecordRows::Logs(rows) | RecordRows::Traces(rows) => match cut_rows(rows, window_length_s) {
                Ok(cuts) => cuts,
                Err(error) => return self.unreadable(format!("record {}: {error}", lsn.get())),
            },
        };
        self.link(&tenant, signal, lsn, cuts)
    }

    /// Links what no part and no void covers.
    fn link(&mut self, tenant: &TenantState, signal: Signal, lsn: Lsn, cuts: Vec<Cut>) -> Result<(), WalError> {
        let state = tenant.signals.get(signal);
        let mut pieces = Vec::new();
        for cut in cuts {
            let rows = u64::from(cut.rows);
            if state.covers(cut.window, lsn, self.core.store.id) {
                self.report.rows_covered += rows;
                continue;
            }
            self.report.rows_replayed += rows;
            if let Content::Metrics(columns) = &cut.content {
                tenant.tenant.replay_samples(columns.refs(), columns.timestamps());
            }
            self.part_between(state, cut.window, lsn)?;
            let mut memory = self.core.budget.reserve_none(MemoryClass::Heads(signal));
            memory.grow_unchecked(cut.bytes);
            pieces.push(Piece {
                window: cut.window,
                time: cut.time,
                rows: cut.rows,
                memory,
                content: cut.content,
            });
        }
        let linked = state.link(lsn, pieces, self.core.clock.now());
        self.core.linked(lsn);
        if self.core.is_full(&linked) {
            self.core.freeze_full(state, usize::MAX);
            self.flush(state)?;
        }
        // Nobody flushes in the background yet.
        if let Some(largest) = self.core.freeze_if_pressed(signal) {
            self.flush(&largest)?;
        }
        Ok(())
    }

    /// A head must not reach over a part: its own part's name would cover that one's rows. Where a part lies between a
    /// head's rows and this record (a damaged part before it was set aside, and the log brings its rows back), the head
    /// becomes a part first.
    fn part_between(&self, state: &SignalState, window: Window, lsn: Lsn) -> Result<(), WalError> {
        let reaches_over = state.read(|partitions| {
            partitions.get(&window.start_s).is_some_and(|partition| {
                partition
                    .open
                    .as_ref()
                    .is_some_and(|head| partition.has_part_between(head.lsns().last, lsn))
            })
        });
        if reaches_over {
            let frozen = state.freeze(1, |partition, _| partition.window == window);
            self.core.frozen_added(frozen);
            self.flush(state)?;
        }
        Ok(())
    }

    fn flush(&self, state: &SignalState) -> Result<(), WalError> {
        self.core.flush_frozen(state).map(drop).map_err(WalError::visitor)
    }

    /// A record whose bytes are whole and make no sense: written by a mistake of the program, or by a newer one.
    fn unreadable(&mut self, what: String) -> Result<(), WalError> {
        self.report.records_unreadable += 1;
        self.report.damage.push(what.clone());
        if self.core.options.strict_recovery {
            return Err(WalError::visitor(what));
        }
        Ok(())
    }
}

/// Metadata and exemplars are kept again: the same ones twice are one.
fn keep_beside(tenant: &TenantState, metrics: &mut MetricsRecord) {
    let exemplars = std::mem::take(&mut metrics.exemplars)
        .into_iter()
        .filter_map(|exemplar| StoredExemplar::of(exemplar, &tenant.tenant))
        .collect();
    tenant.keep_beside(&metrics.metadata, exemplars);
}
