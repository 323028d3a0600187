//! Small files beside a tenant's parts, written whole: metric metadata and exemplars. Each says up to which LSN it holds
//! everything, so that the log may forget the records that brought it, and is under a checksum as all bytes are.
//!
//! ```text
//!  0  8  magic "ICESIDE0"
//!  8 16  store id
//! 24  8  LSN up to which the file holds everything
//! 32  8  length of the payload
//! 40  4  CRC32C of bytes 0..40 and of the payload
//! 44  4  zero
//! 48  n  payload: texts as u32 length and bytes, numbers as 8 bytes, little endian
//! ```

use std::path::Path;

use icecore_wal::Lsn;
use icecore_wal::fs::Fs;

use crate::flush::{UpkeepError, at};
use crate::ids::StoreId;
use crate::layout::write_file_durable;
use crate::metadata::{MetricKind, MetricMetadata};

const MAGIC: &[u8; 8] = b"ICESIDE0";
const HEADER_BYTES: usize = 48;

/// What reading a sidecar gave.
#[derive(Debug)]
pub(crate) enum Read {
    /// There is none.
    Absent,
    /// Its payload.
    Payload(Vec<u8>),
    /// It is not what was written.
    Damaged(&'static str),
}

/// Writes a sidecar in place of the old one.
pub(crate) fn write(
    fs: &dyn Fs,
    tmp: &Path,
    to: &Path,
    store: StoreId,
    lsn: Lsn,
    payload: &[u8],
) -> Result<(), UpkeepError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&store.0);
    bytes.extend_from_slice(&lsn.get().to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    write_file_durable(fs, tmp, to, &bytes).map_err(at(to))
}

/// Reads a sidecar back, checked to the last byte.
pub(crate) fn read(fs: &dyn Fs, path: &Path) -> Result<Read, UpkeepError> {
    if !fs.exists(path).map_err(at(path))? {
        return Ok(Read::Absent);
    }
    let file = fs.open_read(path).map_err(at(path))?;
    let len = file.len().map_err(at(path))?;
    let Ok(len) = usize::try_from(len) else {
        return Ok(Read::Damaged("it is too long"));
    };
    let bytes = file.read_at(0, len).map_err(at(path))?;
    let Some((header, payload)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Ok(Read::Damaged("it is cut short"));
    };
    let mut input = Input(header);
    if input.take(8) != Some(MAGIC) {
        return Ok(Read::Damaged("it does not begin as one"));
    }
    let _identity = input.take(24);
    let length = input.number();
    let crc = input
        .take(4)
        .and_then(|crc| crc.try_into().ok())
        .map(u32::from_le_bytes);
    let found = header
        .get(..40)
        .map(|header| crc32c::crc32c_append(crc32c::crc32c(header), payload));
    if length != Some(payload.len() as u64) || crc != found {
        return Ok(Read::Damaged("its checksum does not match"));
    }
    Ok(Read::Payload(payload.to_vec()))
}

/// Name of the sidecar of metric metadata.
pub(crate) const METADATA_FILE_NAME: &str = "metadata";

/// The payload of metric metadata.
pub(crate) fn encode_metadata(metadata: &[MetricMetadata]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in metadata {
        out.push(one.kind as u8);
        for text in [&one.metric, &one.unit, &one.help] {
            put_text(&mut out, text);
        }
    }
    out
}

/// Reads what `encode_metadata` wrote.
pub(crate) fn decode_metadata(payload: &[u8]) -> Option<Vec<MetricMetadata>> {
    let mut input = Input(payload);
    let mut metadata = Vec::new();
    while !input.0.is_empty() {
        metadata.push(MetricMetadata {
            kind: MetricKind::from_u8(input.take(1)?.first().copied()?)?,
            metric: input.text()?,
            unit: input.text()?,
            help: input.text()?,
        });
    }
    Some(metadata)
}

/// Appends a text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads a payload from its front; every answer is `None` once the bytes have run out.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = self.take(4)?.try_into().ok().map(u32::from_le_bytes)?;
        let bytes = self.take(usize::try_from(length).ok()?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests;
