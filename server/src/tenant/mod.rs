//! Whose request it is: `X-Scope-OrgID` or `X-Tenant-ID`, in HTTP headers and gRPC metadata alike.

use http::HeaderMap;
use icecore_engine::ids::{InvalidTenant, TenantId};

/// The headers that name a tenant; they must agree when several are there.
const TENANT_HEADERS: [&str; 2] = ["x-scope-orgid", "x-tenant-id"];

/// Why a request has no tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TenantError {
    #[error("X-Scope-OrgID and X-Tenant-ID name different tenants: send one of them")]
    Conflict,
    #[error("{0}")]
    Invalid(#[from] InvalidTenant),
}

/// The tenant that the headers name, `default` when they name none.
pub(crate) fn tenant_of(headers: &HeaderMap) -> Result<TenantId, TenantError> {
    let mut values = TENANT_HEADERS.iter().flat_map(|name| headers.get_all(*name));
    let Some(first) = values.next() else {
        return Ok(TenantId::default());
    };
    if values.any(|other| other != first) {
        return Err(TenantError::Conflict);
    }
    let name = first.to_str().map_err(|_| InvalidTenant)?;
    Ok(TenantId::new(name)?)
}

#[cfg(test)]
mod tests;
