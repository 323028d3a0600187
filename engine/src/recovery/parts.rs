//! Recovery of the data folder: which parts there are, which of them are superseded, and which are damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecore_wal::fs::Entry;

use super::{OpenError, RecoveryReport};
use crate::engine::core::Core;
use crate::engine::tenants::TenantState;
use crate::exemplars;
use crate::flush::{UpkeepError, at};
use crate::ids::Signal;
use crate::layout::{Layout, LsnRange, PartitionFile};
use crate::part::{Part, PartError};
use crate::partition::{Partition, SignalState};
use crate::quarantine::{Move, set_aside};
use crate::sidecar::{self, Read};
use crate::time::Window;

/// Opens every part of every tenant and files it under its partition.
pub(super) fn load(core: &Core, report: &mut RecoveryReport) -> Result<(), OpenError> {
    let data = core.layout.data();
    for entry in list(core, &data)? {
        let tenant = Layout::parse_tenant(&entry.name).and_then(|id| core.tenant_found(&id));
        let Some(tenant) = tenant else {
            report.files_unknown += 1;
            continue;
        };
        for signal in Signal::ALL {
            load_signal(core, &tenant, signal, report)?;
        }
        load_beside(core, &tenant, report)?;
    }
    Ok(())
}

fn load_signal(
    core: &Core,
    tenant: &TenantState,
    signal: Signal,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let dir = core.layout.signal(tenant.tenant.id(), signal);
    if !core.fs.exists(&dir).map_err(at(&dir))? {
        return Ok(());
    }
    let state = tenant.signals.get(signal);
    for entry in list(core, &dir)? {
        match Layout::parse_window_start_s(&entry.name) {
            Some(start_s) if entry.is_dir => {
                load_partition(core, state, start_s, &dir.join(&entry.name), report)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads the sidecars. A damaged one is set aside; the log brings back what is still in it.
fn load_beside(core: &Core, tenant: &TenantState, report: &mut RecoveryReport) -> Result<(), OpenError> {
    let dir = core.layout.signal(tenant.tenant.id(), Signal::Metrics);
    let path = dir.join(exemplars::FILE_NAME);
    let fs = core.fs.as_ref();
    match sidecar::read(fs, &path)? {
        Read::Absent => {}
        Read::Payload(payload) if tenant.exemplars.restore(&payload) => {}
        Read::Payload(_) => quarantine(core, &path, "its payload cannot be read".to_owned(), report)?,
        Read::Damaged(reason) => quarantine(core, &path, reason.to_owned(), report)?,
    }
    let path = dir.join(sidecar::METADATA_FILE_NAME);
    match sidecar::read(fs, &path)? {
        Read::Absent => {}
        Read::Damaged(reason) => quarantine(core, &path, reason.to_owned(), report)?,
        Read::Payload(payload) => match sidecar::decode_metadata(&payload) {
            Some(metadata) => tenant.tenant.learn_metadata(&metadata),
            None => quarantine(core, &path, "its payload cannot be read".to_owned(), report)?,
        },
    }
    Ok(())
}

fn load_partition(
    core: &Core,
    state: &SignalState,
    start_s: i64,
    dir: &Path,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let window = Window {
        start_s,
        length_s: *core.options.window_length_s.get(state.signal),
    };
    let mut found = Vec::new();
    let mut voids = Vec::new();
    for entry in list(core, dir)? {
        match PartitionFile::parse(&entry.name) {
            Some(PartitionFile::Part(range)) => found.push((range, dir.join(&entry.name))),
            Some(PartitionFile::Void(range)) => voids.push(range),
            None => report.files_unknown += 1,
        }
    }
    let mut parts = Vec::new();
    for (range, path) in found {
        if let Some(part) = open_part(core, state, window, range, &path, report)? {
            parts.push(part);
        }
    }
    let parts = without_superseded(core, parts, &voids, report)?;
    report.parts += parts.len() as u64;
    if parts.is_empty() && voids.is_empty() {
        core.leaving.lock().insert(dir.to_owned());
        return Ok(());
    }
    let mut partition = Partition::new(window, core.clock.now());
    partition.parts = parts;
    partition.voids = voids;
    state.change(|partitions| partitions.insert(start_s, partition));
    Ok(())
}

/// Opens one part; one that is damaged or not what its place says is set aside.
fn open_part(
    core: &Core,
    state: &SignalState,
    window: Window,
    range: LsnRange,
    path: &Path,
    report: &mut RecoveryReport,
) -> Result<Option<Arc<Part>>, OpenError> {
    let reason = match Part::open(&core.fs, path, &core.cache) {
        Ok(part) => match misplaced(core, state, window, range, &part) {
            None => return Ok(Some(part)),
            Some(reason) => reason,
        },
        // The disk may read it the next time; a newer build reads it now.
        Err(error @ (PartError::Io { .. } | PartError::NewerFormat { .. })) => {
            return Err(UpkeepError::from(error).into());
        }
        Err(error) => error.to_string(),
    };
    quarantine(core, path, reason, report)?;
    Ok(None)
}

fn misplaced(core: &Core, state: &SignalState, window: Window, range: LsnRange, part: &Part) -> Option<String> {
    let meta = part.meta();
    let own = LsnRange {
        first: meta.first_lsn,
        last: meta.last_lsn,
    };
    if meta.signal != state.signal || meta.window.start_s != window.start_s {
        Some(format!("it holds {} of {}", meta.signal, meta.window))
    } else if meta.store == core.store.id && (own != range || meta.tenant != *state.tenant.id()) {
        Some("its name or its folder is not that of its rows".to_owned())
    } else {
        None
    }
}

fn quarantine(core: &Core, path: &Path, reason: String, report: &mut RecoveryReport) -> Result<(), OpenError> {
    if core.options.strict_recovery {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            reason,
        });
    }
    report.damage.push(format!("{}: {reason}", path.display()));
    report.files_quarantined += 1;
    let aside = set_aside(core.fs.as_ref(), &core.layout, path, Move::Rename, reason)?;
    core.quarantined.lock().push(aside);
    Ok(())
}

/// Removes the parts that a void covers, and those within another part, once that one is verified to the last byte; a
/// containing part that is damaged is set aside, and those within it serve on.
fn without_superseded(
    core: &Core,
    mut parts: Vec<Arc<Part>>,
    voids: &[LsnRange],
    report: &mut RecoveryReport,
) -> Result<Vec<Arc<Part>>, OpenError> {
    parts.sort_by_key(|part| (part.meta().first_lsn, std::cmp::Reverse(part.meta().last_lsn)));
    let ours = |part: &Part| part.meta().store == core.store.id;
    let mut kept: Vec<(Arc<Part>, bool)> = Vec::new();
    let mut queue: std::collections::VecDeque<_> = parts.into();
    while let Some(part) = queue.pop_front() {
        let range = range_of(&part);
        if ours(&part) && voids.iter().any(|void| void.covers(range)) {
            part.doom();
            report.parts_removed += 1;
            continue;
        }
        let container = kept
            .iter()
            .position(|(other, _)| ours(&part) && ours(other) && range_of(other).covers(range));
        let Some(at) = container else {
            kept.push((part, false));
            continue;
        };
        let Some((container, verified)) = kept.get_mut(at) else {
            continue;
        };
        match if *verified {
            Ok(())
        } else {
            container.verify().map(drop)
        } {
            Ok(()) => {
                *verified = true;
                part.doom();
                report.parts_removed += 1;
            }
            Err(error @ PartError::Io { .. }) => return Err(UpkeepError::from(error).into()),
            Err(error) => {
                let path: PathBuf = container.path().to_owned();
                kept.remove(at);
                quarantine(core, &path, error.to_string(), report)?;
                queue.push_front(part);
            }
        }
    }
    Ok(kept.into_iter().map(|(part, _)| part).collect())
}

fn range_of(part: &Part) -> LsnRange {
    LsnRange {
        first: part.meta().first_lsn,
        last: part.meta().last_lsn,
    }
}

fn list(core: &Core, dir: &Path) -> Result<Vec<Entry>, UpkeepError> {
    core.fs.list(dir).map_err(at(dir))
}
