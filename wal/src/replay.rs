//! Replay: all segments in order, each verified by a plain read before it is mapped, with everything that is damaged,
//! missing or unfinished told apart and reported.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;

use bytes::Bytes;

use crate::commit::Resume;
use crate::format::{FRAME_HEADER_BYTES, HEADER_BYTES, decode_definitions};
use crate::fs::aligned::aligned_copy;
use crate::fs::{Fs, ReadFile};
use crate::limits::{DAMAGED_RANGES_MAX, VERIFY_BLOCK_BYTES, VERIFY_READ_BYTES};
use crate::recovery::{HeaderState, SegmentFile};
use crate::scan::{Found, Scan, ScanEnd};
use crate::segment::SegmentInfo;
use crate::{DamageReason, DamagedRange, Lsn, MissingSegment, ReplayReport, Replayed, WalError, WalOptions};

/// The number of the system for an unreadable sector.
const EIO: i32 = 5;

type Visit<'a> = &'a mut dyn FnMut(Replayed<'_>) -> Result<(), WalError>;

/// What a replay leaves to the log that starts after it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) segments: VecDeque<SegmentInfo>,
    pub(crate) resume: Resume,
    /// Bytes that unfinished writes left unusable in front of good records, by the first LSN of the segment. The next segment
    /// names them in its header, so that they are not taken for damage.
    pub(crate) gaps: BTreeMap<Lsn, Vec<Range<u64>>>,
    /// Bytes of the newest segment that hold records which were never seen durable.
    pub(crate) unproven: Range<u64>,
}

/// What follows a segment, by the header of the next one.
#[derive(Debug, Clone)]
struct Successor {
    /// Last record that counts here; what lies above was written again into a later segment.
    limit: Lsn,
    /// Whether files between are gone, with records up to this one.
    missing_up_to: Option<Lsn>,
    /// Gaps in this segment that were known when the next one began.
    known_gaps: Vec<Range<u64>>,
}

pub(crate) struct Replay<'a> {
    fs: &'a dyn Fs,
    options: &'a WalOptions,
    files: &'a [SegmentFile],
    visit: Visit<'a>,
    report: ReplayReport,
    outcome: Outcome,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        fs: &'a dyn Fs,
        options: &'a WalOptions,
        files: &'a [SegmentFile],
        visit: Visit<'a>,
    ) -> Replay<'a> {
        Replay {
            fs,
            options,
            files,
            visit,
            report: ReplayReport::default(),
            outcome: Outcome {
                segments: VecDeque::new(),
                resume: Resume {
                    last_lsn: Lsn::ZERO,
                    next_lsn: Lsn::FIRST,
                },
                gaps: BTreeMap::new(),
                unproven: 0..0,
            },
        }
    }

    pub(crate) fn run(mut self) -> Result<(ReplayReport, Outcome), WalError> {
        let files = self.files;
        for file in files.iter().filter(|file| file.header == HeaderState::Foreign) {
            self.damaged(
                file,
                0..file.bytes,
                file.first_lsn,
                file.first_lsn.previous(),
                DamageReason::ForeignStore,
            )?;
            // Its name must not be taken by a new segment.
            let resume = &mut self.outcome.resume;
            resume.next_lsn = resume.next_lsn.max(file.first_lsn.next());
        }
        let mut own = files
            .iter()
            .filter(|file| file.header != HeaderState::Foreign)
            .peekable();
        while let Some(file) = own.next() {
            let successor = own.peek().map(|next| successor(file, next));
            self.segment(file, successor.as_ref())?;
        }
        self.report.next_lsn = self.outcome.resume.next_lsn;
        Ok((self.report, self.outcome))
    }

    fn segment(&mut self, file: &SegmentFile, successor: Option<&Successor>) -> Result<(), WalError> {
        let (bytes, unreadable) = read_segment(self.fs, file)?;
        self.report.segments += 1;
        if file.header == HeaderState::Damaged {
            let end = file.bytes.min(HEADER_BYTES as u64);
            self.damaged(
                file,
                0..end,
                file.first_lsn,
                file.first_lsn.previous(),
                DamageReason::Header,
            )?;
        }
        (self.visit)(Replayed::Segment {
            first_lsn: file.first_lsn,
            last: successor.is_none(),
        })?;
        let limit = successor.map_or(Lsn::MAX, |successor| successor.limit);
        let mut scan = Scan::new(bytes, &self.options.store_id, file.first_lsn, limit);
        let mut gaps = Vec::new();
        for found in &mut scan {
            self.found(found, &mut gaps)?;
        }
        let end = scan.end();
        self.report.bytes += end.valid_bytes;
        for gap in gaps {
            let unfinished = match successor {
                // What was never durable is the unfinished last write of the log.
                None => gap.first > end.durable_lsn,
                Some(successor) => successor.knows(&gap.range),
            };
            self.gap(file, gap, unfinished, &unreadable)?;
        }
        match successor {
            None => self.last_end(file, end, &unreadable)?,
            Some(successor) => self.inner_end(file, end, successor, &unreadable)?,
        }
        self.outcome.segments.push_back(SegmentInfo {
            path: file.path.clone(),
            first_lsn: file.first_lsn,
            last_lsn: successor.map_or(end.next_lsn.previous(), |successor| successor.limit),
            bytes: file.bytes,
        });
        Ok(())
    }

    fn found(&mut self, found: Found, gaps: &mut Vec<Gap>) -> Result<(), WalError> {
        match found {
            Found::Definitions { payload, count } => {
                self.report.definitions += u64::from(count);
                for definition in decode_definitions(&payload).unwrap_or_default() {
                    (self.visit)(Replayed::Definition {
                        space: definition.space,
                        reference: definition.reference,
                        bytes: definition.bytes,
                    })?;
                }
            }
            Found::Record { lsn, body } => {
                self.report.records += 1;
                (self.visit)(Replayed::Record { lsn, body })?;
            }
            Found::Damage {
                offset,
                bytes,
                first,
                last,
                definitions,
            } => {
                gaps.push(Gap {
                    range: offset as u64..(offset + bytes) as u64,
                    first,
                    last,
                });
                (self.visit)(Replayed::Gap {
                    first,
                    last,
                    definitions,
                })?;
            }
        }
        Ok(())
    }

    fn gap(
        &mut self,
        file: &SegmentFile,
        gap: Gap,
        unfinished: bool,
        unreadable: &[Range<u64>],
    ) -> Result<(), WalError> {
        if unfinished {
            self.report.torn_tail_bytes += gap.range.end - gap.range.start;
            self.outcome.gaps.entry(file.first_lsn).or_default().push(gap.range);
            return Ok(());
        }
        let reason = reason(&gap.range, unreadable);
        self.damaged(file, gap.range, gap.first, gap.last, reason)
    }

    /// The end of the newest segment: anything that is not zero is an unfinished write. Its records may have had numbers,
    /// which are not used again; nor are those that bytes which cannot be read may have held.
    fn last_end(&mut self, file: &SegmentFile, end: ScanEnd, unreadable: &[Range<u64>]) -> Result<(), WalError> {
        let offset = end.offset as u64;
        let mut unusable = end.tail_bytes as u64;
        let first = unreadable.iter().find(|range| range.end > offset);
        if let (Some(first), Some(last)) = (first, unreadable.last()) {
            let range = first.start.max(offset)..last.end;
            unusable = unusable.max(range.end - offset);
            let next = end.next_lsn;
            self.damaged(file, range, next, next.previous(), DamageReason::Unreadable)?;
        }
        self.report.torn_tail_bytes += end.tail_bytes as u64;
        self.outcome.unproven = end.proven_end as u64..end.offset as u64;
        let resume = &mut self.outcome.resume;
        resume.last_lsn = match &file.header {
            HeaderState::Good(header) if end.last_lsn < file.first_lsn => header.previous_last_lsn,
            _ => end.last_lsn,
        };
        // Records that were durable and are damaged stay on the list of what is expected here.
        let durable_lost = end.durable_lsn.min(end.next_lsn.previous());
        resume.last_lsn = resume.last_lsn.max(durable_lost);
        let skipped = unusable.div_ceil(FRAME_HEADER_BYTES as u64);
        resume.next_lsn = resume.next_lsn.max(end.next_lsn.plus(skipped));
        Ok(())
    }

    /// The end of a segment that has a successor: every record up to the limit must have been there.
    fn inner_end(
        &mut self,
        file: &SegmentFile,
        end: ScanEnd,
        successor: &Successor,
        unreadable: &[Range<u64>],
    ) -> Result<(), WalError> {
        let mut missing_from = successor.limit.next();
        if end.next_lsn <= successor.limit {
            if end.tail_bytes == 0 && successor.missing_up_to.is_some() {
                missing_from = end.next_lsn;
            } else {
                let range = end.offset as u64..(end.offset + end.tail_bytes) as u64;
                let reason = match reason(&(range.start..file.bytes), unreadable) {
                    DamageReason::Checksum if end.tail_bytes == 0 => DamageReason::Lost,
                    reason => reason,
                };
                self.damaged(file, range, end.next_lsn, successor.limit, reason)?;
                self.lost(end.next_lsn, successor.limit)?;
            }
        }
        if let Some(last_lsn) = successor.missing_up_to {
            let missing = MissingSegment {
                first_lsn: missing_from,
                last_lsn,
            };
            if self.options.strict {
                let detail = format!("no segment holds {}", crate::error::lsn_range(missing_from, last_lsn));
                return Err(WalError::Damaged { detail });
            }
            self.report.missing.push(missing);
            self.lost(missing_from, last_lsn)?;
        }
        Ok(())
    }

    fn lost(&mut self, first: Lsn, last: Lsn) -> Result<(), WalError> {
        (self.visit)(Replayed::Gap {
            first,
            last,
            definitions: 0,
        })
    }

    fn damaged(
        &mut self,
        file: &SegmentFile,
        range: Range<u64>,
        first_lsn: Lsn,
        last_lsn: Lsn,
        reason: DamageReason,
    ) -> Result<(), WalError> {
        let damage = DamagedRange {
            path: file.path.clone(),
            offset: range.start,
            bytes: range.end - range.start,
            first_lsn,
            last_lsn,
            reason,
        };
        if self.options.strict {
            let detail = damage.to_string();
            return Err(WalError::Damaged { detail });
        }
        self.report.damaged_ranges += 1;
        self.report.damaged_bytes += damage.bytes;
        self.report.damaged_records += last_lsn.next().get().saturating_sub(first_lsn.get());
        if self.report.damaged.len() < DAMAGED_RANGES_MAX {
            self.report.damaged.push(damage);
        }
        Ok(())
    }
}

struct Gap {
    range: Range<u64>,
    first: Lsn,
    last: Lsn,
}

fn reason(range: &Range<u64>, unreadable: &[Range<u64>]) -> DamageReason {
    let hit = unreadable
        .iter()
        .any(|block| block.start < range.end && range.start < block.end);
    if hit {
        DamageReason::Unreadable
    } else {
        DamageReason::Checksum
    }
}

impl Successor {
    fn knows(&self, gap: &Range<u64>) -> bool {
        self.known_gaps
            .iter()
            .any(|known| known.start <= gap.start && gap.end <= known.end)
    }
}

fn successor(file: &SegmentFile, next: &SegmentFile) -> Successor {
    let by_name = next.first_lsn.previous();
    match &next.header {
        HeaderState::Good(header) if header.previous_first_lsn > file.first_lsn => Successor {
            limit: header.previous_first_lsn.previous().min(by_name),
            missing_up_to: Some(header.previous_last_lsn),
            known_gaps: Vec::new(),
        },
        HeaderState::Good(header) => Successor {
            limit: header.previous_last_lsn.min(by_name),
            missing_up_to: None,
            known_gaps: header.previous_gaps.clone(),
        },
        HeaderState::Damaged | HeaderState::Foreign => Successor {
            limit: by_name,
            missing_up_to: None,
            known_gaps: Vec::new(),
        },
    }
}

/// Reads the whole segment once by plain reads, then maps it. Where the disk cannot read, the rest is copied to the heap
/// with zeros in the unreadable places, because a map would kill the process there.
fn read_segment(fs: &dyn Fs, file: &SegmentFile) -> Result<(Bytes, Vec<Range<u64>>), WalError> {
    let reader = fs.open_read(&file.path).map_err(WalError::io("open", &file.path))?;
    let len = reader.len().map_err(WalError::io("stat", &file.path))?;
    let mut at = 0;
    while at < len {
        let piece = VERIFY_READ_BYTES.min(usize::try_from(len - at).unwrap_or(usize::MAX));
        match reader.read_at(at, piece) {
            Ok(_) => at += piece as u64,
            Err(_) => return read_around(&*reader, len, file),
        }
    }
    match fs.map(&file.path) {
        Ok(bytes) => Ok((bytes, Vec::new())),
        Err(_) => read_around(&*reader, len, file),
    }
}

fn read_around(reader: &dyn ReadFile, len: u64, file: &SegmentFile) -> Result<(Bytes, Vec<Range<u64>>), WalError> {
    let mut content = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    let mut unreadable: Vec<Range<u64>> = Vec::new();
    let mut readable_any = len == 0;
    let mut last_error = io::Error::from_raw_os_error(EIO);
    while (content.len() as u64) < len {
        let at = content.len() as u64;
        let block = VERIFY_BLOCK_BYTES.min(usize::try_from(len - at).unwrap_or(usize::MAX));
        match reader.read_at(at, block) {
            Ok(bytes) => {
                content.extend_from_slice(&bytes);
                readable_any = true;
            }
            Err(error) if error.raw_os_error() == Some(EIO) => {
                content.resize(content.len() + block, 0);
                let end = at + block as u64;
                match unreadable.last_mut() {
                    Some(last) if last.end == at => last.end = end,
                    _ => unreadable.push(at..end),
                }
                last_error = error;
            }
            Err(error) => return Err(WalError::io("read", &file.path)(error)),
        }
    }
    if !readable_any {
        // A disk that reads nothing is not a damaged log: opening it as an empty one would lose what is there.
        return Err(WalError::io("read", &file.path)(last_error));
    }
    Ok((aligned_copy(&content), unreadable))
}
