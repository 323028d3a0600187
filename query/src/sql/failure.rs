//! Turns DataFusion's errors into ours: a code, and a message without the inside of the machine.

use datafusion::common::DataFusionError;

use super::error::{SqlError, SqlErrorCode};

/// The error that a caller sees.
pub(crate) fn from_datafusion(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(inner),
        DataFusionError::Shared(inner) => from_datafusion(inner),
        DataFusionError::Collection(errors) => errors.first().map_or_else(
            || SqlError::new(SqlErrorCode::ExecutionFailed, "the statement failed"),
            from_datafusion,
        ),
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(own) => own.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => from_datafusion(inner),
                None => SqlError::new(SqlErrorCode::DataUnavailable, inner.to_string()),
            },
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow::error::ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => from_datafusion(inner),
                None => SqlError::new(SqlErrorCode::DataUnavailable, inner.to_string()),
            },
            other => SqlError::new(SqlErrorCode::ExecutionFailed, other.to_string()),
        },
        DataFusionError::ResourcesExhausted(message) => SqlError::new(SqlErrorCode::MemoryExceeded, message.clone()),
        DataFusionError::SQL(inner, _) => SqlError::new(SqlErrorCode::InvalidStatement, inner.to_string()),
        DataFusionError::Plan(message) => planning(message),
        DataFusionError::SchemaError(inner, _) => SqlError::new(SqlErrorCode::InvalidStatement, inner.to_string()),
        DataFusionError::NotImplemented(message) => SqlError::new(SqlErrorCode::NotSupported, message.clone()),
        DataFusionError::ParquetError(inner) => SqlError::new(SqlErrorCode::DataUnavailable, inner.to_string()),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => SqlError::new(
            SqlErrorCode::DataUnavailable,
            "the disk did not answer: see the server's log",
        ),
        other => SqlError::new(SqlErrorCode::ExecutionFailed, other.strip_backtrace()),
    }
}

fn planning(message: &str) -> SqlError {
    let refused = ["DDL not supported", "DML not supported", "Statement not supported"]
        .iter()
        .any(|start| message.starts_with(start));
    let code = if refused {
        SqlErrorCode::NotAllowed
    } else {
        SqlErrorCode::InvalidStatement
    };
    SqlError::new(code, message)
}
