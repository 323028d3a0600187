//! Opening: lock the folder, read what parts there are, replay the log over them, and only then let anybody in.

use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::bounded;
use icecore_wal::fs::{Fs, OsFs};
use icecore_wal::{WalOptions, ZeroFill};
use parking_lot::Mutex;

use super::Engine;
use super::background::Threads;
use super::core::{Core, Parts};
use crate::clock::{Clock, SystemClock};
use crate::ids::SeriesRef;
use crate::layout::Layout;
use crate::options::EngineOptions;
use crate::recovery::{OpenError, recover};
use crate::store::Store;

impl Engine {
    /// Opens a data folder, which is made when it is not there, on the machine's disk and by the machine's clock.
    ///
    /// # Errors
    /// [`OpenError`]: what to change; the folder is as it was.
    pub fn open(path: impl AsRef<Path>, options: EngineOptions) -> Result<Self, OpenError> {
        Self::open_with(Arc::new(OsFs), Arc::new(SystemClock), path, options)
    }

    /// Opens a data folder on a file system and by a clock of the caller's.
    ///
    /// # Errors
    /// [`OpenError`]: what to change; the folder is as it was.
    pub fn open_with(
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        path: impl AsRef<Path>,
        options: EngineOptions,
    ) -> Result<Self, OpenError> {
        options.validate()?;
        let layout = Layout::new(path.as_ref());
        let store = Store::open(fs.as_ref(), &layout, &options.window_length_s)?;
        let (wake, woken) = bounded(1);
        let background = options.background;
        let core = Core::new(Parts {
            fs,
            clock,
            options,
            layout,
            store,
            wake,
        });
        let recovered = recover(&core, log_options(&core))?;
        let defining = Arc::clone(&core);
        let linking = Arc::clone(&core);
        let log = recovered.start(
            move |space, reference, out| {
                if let Some(state) = defining.tenants.of_space(space) {
                    state.tenant.define(SeriesRef(reference), out);
                }
            },
            move |lsn, attachment| linking.link(lsn, attachment),
        )?;
        let log = Arc::new(log);
        core.set_log(&log);
        let engine = Self {
            log: Mutex::new(Some(log)),
            threads: Mutex::new(None),
            core,
        };
        if background {
            let threads = Threads::start(&engine.core, woken)?;
            *engine.threads.lock() = Some(threads);
        }
        Ok(engine)
    }
}

fn log_options(core: &Core) -> WalOptions {
    let options = &core.options;
    WalOptions {
        sync: options.wal_sync,
        segment_bytes: options.segment_bytes(),
        strict: options.strict_recovery,
        // Without threads of its own an engine makes its calls to the disk in one order: for simulations.
        zero_fill: if options.background {
            ZeroFill::Worker
        } else {
            ZeroFill::Inline
        },
        ..WalOptions::for_memory(core.store.id.0, options.memory_bytes_max)
    }
}
