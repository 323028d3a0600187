//! The frame of a record body: a header, a table of sections, the tenant's name, the sections on 8-byte offsets.
//! `docs/record-format.md` shows the bytes as tables; a test compares it with this.

use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::ArrowNativeType;
use bytes::Bytes;

use crate::ids::{Signal, TenantId};
use crate::limits::TENANT_NAME_BYTES_MAX;

/// Version of the format.
const VERSION: u8 = 0;
/// Bytes ahead of the section table.
const HEADER_BYTES: usize = 32;
/// Bytes of one entry of the section table.
const ENTRY_BYTES: usize = 16;
/// Sections of one record at most.
const SECTIONS_MAX: usize = 32;
/// What sections begin on.
const ALIGNMENT: usize = 8;

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Refs = 1,
    Timestamps = 2,
    Values = 3,
    StartTimestamps = 4,
    Temporalities = 5,
    HistogramRows = 6,
    HistogramEnds = 7,
    HistogramBytes = 8,
    Metadata = 9,
    Exemplars = 10,
    Resources = 16,
    Scopes = 17,
    BatchMessage = 18,
    BatchBuffers = 19,
}

impl Kind {
    pub(super) const ALL: [Self; 14] = [
        Self::Refs,
        Self::Timestamps,
        Self::Values,
        Self::StartTimestamps,
        Self::Temporalities,
        Self::HistogramRows,
        Self::HistogramEnds,
        Self::HistogramBytes,
        Self::Metadata,
        Self::Exemplars,
        Self::Resources,
        Self::Scopes,
        Self::BatchMessage,
        Self::BatchBuffers,
    ];

    fn from_u32(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// Bytes that are no record of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Written by a newer version.
    #[error("a record of format version {0}; this program reads version {VERSION}: open the store with a newer one")]
    Version(u8),
    /// The header does not fit the bytes.
    #[error("the header of a record does not fit its bytes")]
    Header,
    /// A section is missing, unknown, or of the wrong length.
    #[error("a section of a record is missing, unknown, or of the wrong length")]
    Section,
    /// A row names a series that nothing defines.
    #[error("a record names series {0}, which its segment does not define")]
    UnknownSeries(u32),
    /// Arrow rejects the columns.
    #[error("the columns of a record are damaged: {0}")]
    Columns(String),
}

/// A body taken apart.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) signal: Signal,
    pub(super) tenant: TenantId,
    pub(super) space: u32,
    pub(super) rows: usize,
    pub(super) digest: [u8; 16],
    sections: Vec<(Kind, Bytes)>,
}

impl Frame {
    pub(super) fn new(signal: Signal, tenant: &TenantId, space: u32, rows: usize) -> Self {
        Self {
            signal,
            tenant: tenant.clone(),
            space,
            rows,
            digest: [0; 16],
            sections: Vec::with_capacity(8),
        }
    }

    pub(super) fn add(&mut self, kind: Kind, bytes: impl Into<Bytes>) {
        self.sections.push((kind, bytes.into()));
    }

    /// Adds a column without copying it.
    pub(super) fn add_column<T: ArrowNativeType>(&mut self, kind: Kind, column: &ScalarBuffer<T>) {
        self.add(kind, shared(column.inner().clone()));
    }

    /// The body in pieces: the header, then sections and the zeros between them.
    pub(super) fn encode(self) -> Vec<Bytes> {
        let name = self.tenant.as_str().as_bytes();
        let mut head = Vec::with_capacity(HEADER_BYTES + ENTRY_BYTES * self.sections.len() + name.len() + ALIGNMENT);
        head.extend_from_slice(&[VERSION, self.signal as u8]);
        head.extend_from_slice(&(self.sections.len() as u16).to_le_bytes());
        head.extend_from_slice(&(name.len() as u16).to_le_bytes());
        head.extend_from_slice(&[0; 2]);
        head.extend_from_slice(&self.space.to_le_bytes());
        head.extend_from_slice(&(self.rows as u32).to_le_bytes());
        head.extend_from_slice(&self.digest);
        for (kind, bytes) in &self.sections {
            head.extend_from_slice(&(*kind as u32).to_le_bytes());
            head.extend_from_slice(&[0; 4]);
            head.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        }
        head.extend_from_slice(name);
        head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
        let mut body = Vec::with_capacity(1 + 2 * self.sections.len());
        body.push(Bytes::from(head));
        for (_, bytes) in self.sections {
            const ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];
            let fill = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
            if !bytes.is_empty() {
                body.push(bytes);
            }
            if let Some(zeros) = ZEROS.get(..fill).filter(|zeros| !zeros.is_empty()) {
                body.push(Bytes::copy_from_slice(zeros));
            }
        }
        body
    }

    pub(super) fn decode(body: &Bytes) -> Result<Self, InvalidRecord> {
        let mut rest: &[u8] = body;
        let [version, signal] = take(&mut rest)?;
        if version != VERSION {
            return Err(InvalidRecord::Version(version));
        }
        let signal = Signal::from_u8(signal).ok_or(InvalidRecord::Header)?;
        let sections = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let name_bytes = usize::from(u16::from_le_bytes(take(&mut rest)?));
        let _zero: [u8; 2] = take(&mut rest)?;
        let space = u32::from_le_bytes(take(&mut rest)?);
        let rows = u32::from_le_bytes(take(&mut rest)?) as usize;
        let digest = take(&mut rest)?;
        if sections > SECTIONS_MAX || name_bytes > TENANT_NAME_BYTES_MAX {
            return Err(InvalidRecord::Header);
        }
        let table: Vec<(Kind, u64)> = (0..sections)
            .map(|_| {
                let kind = u32::from_le_bytes(take(&mut rest)?);
                let _zero: [u8; 4] = take(&mut rest)?;
                let length = u64::from_le_bytes(take(&mut rest)?);
                Ok((Kind::from_u32(kind).ok_or(InvalidRecord::Section)?, length))
            })
            .collect::<Result<_, InvalidRecord>>()?;
        let name = rest.get(..name_bytes).ok_or(InvalidRecord::Header)?;
        let name = std::str::from_utf8(name).map_err(|_| InvalidRecord::Header)?;
        let tenant = TenantId::new(name).map_err(|_| InvalidRecord::Header)?;
        let mut at = (HEADER_BYTES + ENTRY_BYTES * sections + name_bytes).next_multiple_of(ALIGNMENT);
        let mut found = Vec::with_capacity(sections);
        for (kind, length) in table {
            let length = usize::try_from(length).map_err(|_| InvalidRecord::Section)?;
            let end = at.checked_add(length).filter(|end| *end <= body.len());
            let end = end.ok_or(InvalidRecord::Section)?;
            found.push((kind, body.slice(at..end)));
            at = end.next_multiple_of(ALIGNMENT);
        }
        Ok(Self {
            signal,
            tenant,
            space,
            rows,
            digest,
            sections: found,
        })
    }

    pub(super) fn section(&self, kind: Kind) -> Option<Bytes> {
        let found = self.sections.iter().find(|(found, _)| *found == kind);
        found.map(|(_, bytes)| bytes.clone())
    }

    /// A column of exactly `rows` values; `None` when there is no such section.
    pub(super) fn column<T: ArrowNativeType>(
        &self,
        kind: Kind,
        rows: usize,
    ) -> Result<Option<ScalarBuffer<T>>, InvalidRecord> {
        let Some(column) = self.column_of_any_length::<T>(kind)? else {
            return Ok(None);
        };
        if column.len() == rows {
            Ok(Some(column))
        } else {
            Err(InvalidRecord::Section)
        }
    }

    pub(super) fn column_of_any_length<T: ArrowNativeType>(
        &self,
        kind: Kind,
    ) -> Result<Option<ScalarBuffer<T>>, InvalidRecord> {
        let Some(bytes) = self.section(kind) else {
            return Ok(None);
        };
        if bytes.len() % size_of::<T>() != 0 {
            return Err(InvalidRecord::Section);
        }
        Ok(Some(ScalarBuffer::from(aligned(bytes))))
    }
}

/// Bytes as a buffer: shared where they begin on a multiple of 8, as the log's do, copied where not.
pub(super) fn aligned(bytes: Bytes) -> Buffer {
    if bytes.as_ptr().align_offset(ALIGNMENT) == 0 {
        Buffer::from(bytes)
    } else {
        Buffer::from(&*bytes)
    }
}

/// A buffer as bytes that share its memory.
pub(super) fn shared(buffer: Buffer) -> Bytes {
    struct Shared(Buffer);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Shared(buffer))
}

/// Takes the next `N` bytes.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], InvalidRecord> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(InvalidRecord::Header)?;
    *rest = left;
    Ok(*taken)
}

/// Appends a text behind its length (4 bytes).
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Takes a text that `put_text` wrote.
pub(super) fn take_text(rest: &mut &[u8]) -> Result<String, InvalidRecord> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (text, left) = rest.split_at_checked(length).ok_or(InvalidRecord::Section)?;
    *rest = left;
    String::from_utf8(text.to_vec()).map_err(|_| InvalidRecord::Section)
}
