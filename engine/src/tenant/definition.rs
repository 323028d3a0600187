//! What the log writes ahead of the first record that uses a series in a segment: whose it is, and its key.

use super::Tenant;
use crate::ids::{SeriesRef, TenantId};
use crate::labels::SeriesKey;

/// A series' definition: the tenant's name, NUL, the series key. Self-contained, so that any suffix of the log's
/// segments replays by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Whose series.
    pub tenant: TenantId,
    /// Its key.
    pub key: SeriesKey,
}

/// Bytes that are no definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the definition of a series in the log is not a tenant's name and a series key")]
pub struct InvalidDefinition;

impl Definition {
    /// Reads what `Tenant::define` wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidDefinition> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidDefinition)?;
        let (tenant, key) = text.split_once('\0').ok_or(InvalidDefinition)?;
        Ok(Self {
            tenant: TenantId::new(tenant).map_err(|_| InvalidDefinition)?,
            key: SeriesKey::from_text(key).ok_or(InvalidDefinition)?,
        })
    }
}

impl Tenant {
    /// Appends the definition of a series for the log. A series of a record in flight is never forgotten, so there is
    /// always one to write.
    pub fn define(&self, series: SeriesRef, out: &mut Vec<u8>) {
        if let Some(key) = self.key(series) {
            out.extend_from_slice(self.id.as_str().as_bytes());
            out.push(0);
            out.extend_from_slice(key.as_str().as_bytes());
        }
    }
}
