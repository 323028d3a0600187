//! The queue refuses at once what does not fit, keeps a share for every lane, and lets nobody wait for ever.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};

use icecore_wal::fs::SimFs;
use icecore_wal::{AppendError, Lsn, Record, Recovery, Wal, WalError, WalOptions};

use crate::harness::{DIR, options};

/// Comes back when it is dropped, as admissions of the engine do.
struct Admission(Arc<AtomicUsize>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Held {
    wal: Wal<Admission>,
    admitted: Arc<AtomicUsize>,
    hold: Arc<Barrier>,
}

impl Held {
    /// A log whose commit thread stands still in its first record, which waits in lane 3.
    fn new(queue_bytes_max: u64, queue_records_max: u64) -> Held {
        let options = WalOptions {
            queue_bytes_max,
            queue_records_max,
            ..options()
        };
        let recovery = Recovery::open(Arc::new(SimFs::new()), Path::new(DIR), options).unwrap();
        let (inside, hold) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (in_commit, held) = (Arc::clone(&inside), Arc::clone(&hold));
        let mut first = true;
        let wal = recovery
            .start(
                |_, _, _| {},
                move |_, _: Admission| {
                    if std::mem::take(&mut first) {
                        in_commit.wait();
                        held.wait();
                    }
                },
            )
            .unwrap();
        let held = Held {
            wal,
            admitted: Arc::default(),
            hold,
        };
        drop(held.append(3, 0).unwrap());
        inside.wait();
        held
    }

    fn append(&self, lane: u8, bytes: usize) -> Result<icecore_wal::Ticket, AppendError<Admission>> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        self.wal.append(Record {
            body: vec![vec![0; bytes].into()],
            lane,
            space: 0,
            refs: Vec::new(),
            attachment: Admission(Arc::clone(&self.admitted)),
        })
    }

    fn fill(&self, lane: u8, bytes: usize) -> u64 {
        let mut taken = 0;
        loop {
            match self.append(lane, bytes) {
                Ok(ticket) => drop(ticket),
                Err(AppendError::Full { queue_bytes, .. }) => {
                    assert_eq!(queue_bytes, self.wal.stats().queue_bytes);
                    return taken;
                }
                Err(error) => panic!("{error}"),
            }
            taken += 1;
        }
    }
}

#[test]
fn a_flood_in_one_lane_leaves_room_for_the_others_and_the_bound_holds() {
    let max = 1 << 20;
    let held = Held::new(max, 1_000_000);
    let flood = held.fill(1, 1000);
    assert!(flood * 1256 > max / 2, "idle capacity is lent: {flood}");
    let mut others = 0;
    for lane in [0, 2] {
        let taken = held.fill(lane, 1000);
        assert!(taken * 1256 > max / 9, "lane {lane} got {taken}");
        others += taken;
    }
    let stats = held.wal.stats();
    assert!(stats.queue_bytes <= max);
    assert_eq!(stats.queue_records, flood + others + 1);
    assert_eq!(stats.refused_full, 3);
    held.hold.wait();
    held.wal.sync().unwrap();
    assert_eq!(held.wal.stats().queue_bytes, 0);
    assert_eq!(held.admitted.load(Ordering::SeqCst), 0, "every admission came back");
}

#[test]
fn records_are_bounded_as_bytes_are() {
    let held = Held::new(1 << 30, 64);
    let flood = held.fill(0, 1);
    assert!((32..=48).contains(&flood), "{flood}");
    assert!(held.fill(1, 1) >= 8);
    assert!(held.wal.stats().queue_records <= 64);
    held.hold.wait();
    held.wal.close().unwrap();
}

#[test]
fn what_can_never_fit_is_refused_as_too_large_and_the_named_limit_fits() {
    let max = 64 << 10;
    let held = Held::new(max, 100);
    held.hold.wait();
    held.wal.sync().unwrap();
    let Err(AppendError::TooLarge {
        record_bytes,
        limit_bytes,
        attachment,
    }) = held.append(0, 60 << 10)
    else {
        panic!("a record larger than its lane was taken");
    };
    assert_eq!(record_bytes, 60 << 10);
    drop(attachment);
    held.append(0, limit_bytes as usize).unwrap().wait().unwrap();
    assert_eq!(held.admitted.load(Ordering::SeqCst), 0);
}

#[test]
fn a_panic_in_a_callback_releases_whoever_waits() {
    let recovery = Recovery::open(Arc::new(SimFs::new()), Path::new(DIR), options()).unwrap();
    let wal = recovery
        .start(
            |_, _, _| {},
            |_, fails: bool| assert!(!fails, "the callback's own failure"),
        )
        .unwrap();
    let record = |attachment| Record {
        body: Vec::new(),
        lane: 0,
        space: 0,
        refs: Vec::new(),
        attachment,
    };
    wal.append(record(false)).unwrap().wait().unwrap();
    let outcome = wal.append(record(true)).unwrap().wait();
    assert!(matches!(outcome, Err(WalError::Closed)));
    assert!(matches!(wal.sync(), Err(WalError::Closed)));
    assert!(matches!(
        wal.append(record(false)),
        Err(AppendError::Closed { attachment: false })
    ));
    assert!(matches!(wal.close(), Err(WalError::Closed)));
}

struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_ticket_can_be_awaited() {
    let held = Held::new(1 << 20, 100);
    let flag = Arc::new(Flag(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    let mut ticket = pin!(held.append(0, 8).unwrap());
    assert!(ticket.as_mut().poll(&mut context).is_pending());
    assert_eq!(flag.0.load(Ordering::SeqCst), 0);
    held.hold.wait();
    held.wal.sync().unwrap();
    assert_eq!(flag.0.load(Ordering::SeqCst), 1);
    match ticket.poll(&mut context) {
        Poll::Ready(Ok(lsn)) => assert_eq!(lsn, Lsn::new(2)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn closing_writes_what_waits() {
    let held = Held::new(1 << 20, 100);
    let tickets: Vec<_> = (0..5).map(|_| held.append(0, 100).unwrap()).collect();
    held.hold.wait();
    held.wal.close().unwrap();
    for (lsn, ticket) in (2..).zip(tickets) {
        assert_eq!(ticket.wait().unwrap(), Lsn::new(lsn));
    }
}

#[test]
fn options_that_cannot_work_are_refused() {
    for options in [
        WalOptions {
            queue_bytes_max: 0,
            ..options()
        },
        WalOptions {
            queue_records_max: 7,
            ..options()
        },
    ] {
        let outcome = Recovery::open(Arc::new(SimFs::new()), Path::new(DIR), options);
        assert!(matches!(outcome, Err(WalError::InvalidOptions(_))));
    }
}
