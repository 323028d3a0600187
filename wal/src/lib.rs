//! A durable log of opaque byte records: group commit, one fdatasync a group, crash-safe replay.
//!
//! The log moves bytes and knows nothing of what they mean. A record that is acknowledged is on stable storage (by the
//! policy that was chosen) and has been handed to the owner's callback, in order; after a crash it is replayed, once,
//! unaltered, or its loss is reported.
//!
//! # Quick start
//!
//! ```
//! use std::path::Path;
//! use std::sync::{Arc, Mutex};
//!
//! use icecore_wal::fs::{Fs, SimFs};
//! use icecore_wal::{Record, Recovery, Replayed, WalOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fs: Arc<dyn Fs> = Arc::new(SimFs::new()); // OsFs for the disk of this machine
//! let options = WalOptions::new(*b"identity of this");
//!
//! // Recovery first: everything in the log, in order.
//! let mut recovery = Recovery::open(Arc::clone(&fs), Path::new("/data/wal"), options.clone())?;
//! let report = recovery.replay(&mut |_| Ok(()))?;
//! assert_eq!(report.records, 0);
//!
//! // Then the commit thread. The first callback says what a reference means, the second publishes a record.
//! let published = Arc::new(Mutex::new(Vec::new()));
//! let into = Arc::clone(&published);
//! let wal = recovery.start(
//!     |_space, reference, bytes| bytes.extend_from_slice(format!("series {reference}").as_bytes()),
//!     move |lsn, name: &str| into.lock().unwrap().push((lsn, name)),
//! )?;
//! let record = |name| Record { body: vec!["rows".into()], lane: 0, space: 0, refs: vec![7], attachment: name };
//! let first = wal.append(record("first"))?;
//! let second = wal.append(record("second"))?;
//! let (first, second) = (first.wait()?, second.wait()?); // durable and published
//! assert_eq!(*published.lock().unwrap(), [(first, "first"), (second, "second")]);
//! wal.close()?;
//!
//! // The next process.
//! let mut recovery = Recovery::open(fs, Path::new("/data/wal"), options)?;
//! let mut found = Vec::new();
//! recovery.replay(&mut |item| {
//!     match item {
//!         Replayed::Definition { reference, bytes, .. } => found.push(format!("{reference} is {}", str::from_utf8(bytes).unwrap())),
//!         Replayed::Record { lsn, .. } => found.push(format!("record {}", lsn.get())),
//!         Replayed::Segment { .. } | Replayed::Gap { .. } => {}
//!     }
//!     Ok(())
//! })?;
//! assert_eq!(found, ["7 is series 7", "record 1", "record 2"]);
//! # Ok(())
//! # }
//! ```
//!
//! # The folder on disk
//!
//! ```text
//! wal/
//!   LOCK                     one owner at a time
//!   0000000000000001.wal     sealed: records 1 to 4000
//!   0000000000000fa1.wal     active: records from 4001 on, then zeros
//!   0000000000000002.tmp     zeros that become the next segment
//! ```
//!
//! `docs/wal-format.md` shows the bytes.
//!
//! # Key ideas
//!
//! * **One owner.** The commit thread alone has the active segment, the numbers and the poisoned state. Callers reach it
//!   through a bounded queue that refuses at once, with a reserved share for each lane, and wait on tickets.
//! * **A name is a promise.** A segment gets its name after its header and first records are synced; nothing is ever added
//!   to the last process's segment. So a segment that has a name is whole up to its last group.
//! * **An error ends a segment.** After a failed write or fsync nothing more is acknowledged from it. What was not
//!   acknowledged goes into a new segment, whose header says where the old one ends; if that fails too the log is
//!   poisoned: it refuses, tries again about once a second, and goes on by itself when the disk does.
//! * **Any suffix replays by itself.** What a reference means is written ahead of the record that first needs it in a
//!   segment, in the same write.
//! * **Damage costs what it hit.** Two checksums a frame, seeded with the segment's identity; the search for the next good
//!   frame after damage; each frame says up to where the log was durable, which tells an unfinished write from damage.
//! * **All of the outside world is [`fs::Fs`].** The tests run on [`fs::SimFs`], which crashes, tears and refuses.
//!
//! # Files
//!
//! | file | purpose |
//! |---|---|
//! | `wal.rs` | the handle: append, sync, rotate, truncate, close |
//! | `queue.rs`, `ticket.rs` | from the caller to the commit thread, and the acknowledgement back |
//! | `commit.rs` | the commit thread: write, sync, publish, acknowledge; seal, rewrite, poison |
//! | `segment.rs`, `definitions.rs` | frames of the active segment, and which references it defines |
//! | `zero.rs` | zeros ahead of use, new files |
//! | `recovery.rs`, `replay.rs`, `scan.rs` | opening, all segments in order, one segment frame by frame |
//! | `format.rs` | the bytes |
//! | `shared.rs`, `stats.rs`, `report.rs` | what is known of the log while it runs and after it was read |
//! | `record.rs`, `lsn.rs`, `options.rs`, `error.rs`, `limits.rs` | the plain data of the interface |
//! | `fs.rs`, `fs/` | the seam, the operating system, the simulated disk, the one memory map |

mod commit;
mod definitions;
mod error;
pub mod format;
pub mod fs;
pub mod limits;
mod lsn;
mod options;
mod queue;
mod record;
mod recovery;
mod replay;
mod report;
pub mod scan;
mod segment;
mod shared;
mod stats;
mod ticket;
mod wal;
mod zero;

pub use error::{AppendError, WalError};
pub use lsn::Lsn;
pub use options::{SyncPolicy, WalOptions, ZeroFill};
pub use record::Record;
pub use recovery::Recovery;
pub use report::{DamageReason, DamagedRange, MissingSegment, ReplayReport, Replayed};
pub use stats::{FsyncHistogram, WalStats};
pub use ticket::Ticket;
pub use wal::Wal;
