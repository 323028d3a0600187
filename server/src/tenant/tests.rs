//! Two headers, one tenant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn tenant(pairs: &[(&'static str, &str)]) -> Result<String, TenantError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    tenant_of(&headers).map(|tenant| tenant.to_string())
}

#[test]
fn either_header_names_the_tenant_and_none_is_the_default() {
    assert_eq!(tenant(&[]), Ok("default".to_owned()));
    assert_eq!(tenant(&[("x-scope-orgid", "a")]), Ok("a".to_owned()));
    assert_eq!(tenant(&[("x-tenant-id", "b")]), Ok("b".to_owned()));
    assert_eq!(
        tenant(&[("x-tenant-id", "b"), ("x-scope-orgid", "b")]),
        Ok("b".to_owned())
    );
}

#[test]
fn different_names_and_names_that_are_no_folder_are_refused() {
    assert_eq!(
        tenant(&[("x-tenant-id", "b"), ("x-scope-orgid", "a")]),
        Err(TenantError::Conflict)
    );
    assert_eq!(
        tenant(&[("x-tenant-id", "b"), ("x-tenant-id", "a")]),
        Err(TenantError::Conflict)
    );
    for wrong in ["", "..", "a/b", "a b", "é"] {
        assert!(
            matches!(tenant(&[("x-tenant-id", wrong)]), Err(TenantError::Invalid(_))),
            "{wrong}"
        );
    }
}
