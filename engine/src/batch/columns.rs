//! Growing columns of logs and spans, and their end as Arrow arrays.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, PrimitiveArray, StringArray, TimestampNanosecondArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, TimestampNanosecondType};

/// Texts one behind the other.
#[derive(Debug)]
pub(super) struct TextColumn {
    ends: Vec<i32>,
    text: String,
    nulls: Nulls,
}

/// Which rows are null; takes no memory until one is.
#[derive(Debug, Default)]
pub(super) struct Nulls {
    valid: Vec<bool>,
    any: bool,
}

impl Nulls {
    #[inline]
    pub(super) fn push(&mut self, valid: bool, rows: usize) {
        if self.any {
            self.valid.push(valid);
        } else if !valid {
            self.any = true;
            self.valid.resize(rows, true);
            self.valid.push(false);
        }
    }

    pub(super) fn finish(self) -> Option<NullBuffer> {
        self.any.then(|| NullBuffer::from(self.valid))
    }
}

impl Default for TextColumn {
    fn default() -> Self {
        Self {
            ends: vec![0],
            text: String::new(),
            nulls: Nulls::default(),
        }
    }
}

impl TextColumn {
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.push_option(Some(text));
    }

    /// An empty text is null.
    #[inline]
    pub(super) fn push_non_empty(&mut self, text: &str) {
        self.push_option((!text.is_empty()).then_some(text));
    }

    #[inline]
    pub(super) fn push_option(&mut self, text: Option<&str>) {
        self.nulls.push(text.is_some(), self.ends.len() - 1);
        self.text.push_str(text.unwrap_or_default());
        self.ends.push(self.text.len() as i32);
    }

    pub(super) fn finish(self) -> Result<ArrayRef, arrow::error::ArrowError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let text = Buffer::from(self.text.into_bytes());
        Ok(Arc::new(StringArray::try_new(offsets, text, self.nulls.finish())?))
    }
}

/// Ids of `N` bytes, where all zeros count as none.
#[derive(Debug, Default)]
pub(super) struct IdColumn<const N: usize> {
    bytes: Vec<u8>,
    nulls: Nulls,
}

impl<const N: usize> IdColumn<N> {
    #[inline]
    pub(super) fn push(&mut self, id: [u8; N]) {
        self.nulls.push(true, self.bytes.len() / N);
        self.bytes.extend_from_slice(&id);
    }

    #[inline]
    pub(super) fn push_option(&mut self, id: Option<[u8; N]>) {
        let id = id.filter(|id| *id != [0; N]);
        self.nulls.push(id.is_some(), self.bytes.len() / N);
        self.bytes.extend_from_slice(&id.unwrap_or([0; N]));
    }

    pub(super) fn finish(self) -> Result<ArrayRef, arrow::error::ArrowError> {
        let array = FixedSizeBinaryArray::try_new(N as i32, Buffer::from(self.bytes), self.nulls.finish())?;
        Ok(Arc::new(array))
    }
}

/// A column of numbers without nulls.
pub(super) fn numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None))
}

/// A column of times in nanoseconds, UTC.
pub(super) fn times(values: Vec<i64>, nulls: Nulls) -> ArrayRef {
    let array: TimestampNanosecondArray =
        PrimitiveArray::<TimestampNanosecondType>::new(ScalarBuffer::from(values), nulls.finish());
    Arc::new(array.with_timezone("UTC"))
}
