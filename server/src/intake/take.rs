//! The way of one export: read within the budget, wait for a place, unpack, decode, append, answer.

use std::sync::Arc;
use std::time::Duration;

use icecore_engine::budget::MemoryClass;
use icecore_engine::ids::{Signal, TenantId};
use icecore_engine::outcome::{AppendError, Outcome};

use super::body::{Body, read_body};
use super::inflate::{Encoding, inflate};
use super::refusal::{Kind, Refusal};
use crate::app::App;
use crate::limits::REQUEST_BYTES_MAX;
use crate::otlp::DecodeError;
use crate::{otlp, remote_write};

/// What the bytes of a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OtlpProtobuf,
    OtlpJson,
    RemoteWrite,
}

/// One export, but for its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) tenant: TenantId,
    pub(crate) signal: Signal,
    pub(crate) format: Format,
    pub(crate) packed: Encoding,
}

/// Takes an export whole: when it returns `Ok`, what was not rejected is durable and visible.
pub(crate) async fn take(
    app: &Arc<App>,
    export: Export,
    body: axum::body::Body,
    declared: Option<u64>,
) -> Result<Outcome, Refusal> {
    let reservation = app.engine.budget().try_reserve(MemoryClass::Decode(export.signal), 0)?;
    let body = read_body(body, declared, REQUEST_BYTES_MAX, reservation).await?;
    take_bytes(app, export, body, 0).await
}

/// The same for a body that is read already; `skip` bytes at its begin are not the message's.
pub(crate) async fn take_bytes(app: &Arc<App>, export: Export, body: Body, skip: usize) -> Result<Outcome, Refusal> {
    let for_work = Arc::clone(app);
    app.ingest_places
        .run(move || store(&for_work, &export, body, skip))
        .await?
}

/// Batches that a forgotten series made stale are built again this often before the sender is asked to come again.
const STALE_TRIES: usize = 3;

fn store(app: &App, export: &Export, mut body: Body, skip: usize) -> Result<Outcome, Refusal> {
    let sent = body.bytes.get(skip..).unwrap_or_default();
    let inflated = match export.packed {
        Encoding::Identity => None,
        packed => Some(inflate(packed, sent, REQUEST_BYTES_MAX, &mut body.reservation)?),
    };
    let bytes = inflated.as_deref().unwrap_or(sent);
    let mut tries = 0;
    loop {
        tries += 1;
        match append(app, export, bytes) {
            Err(Failure::Append(AppendError::Stale)) if tries < STALE_TRIES => {}
            Err(Failure::Append(error)) => return Err(error.into()),
            Err(Failure::Decode(refusal)) => return Err(refusal),
            Ok(outcome) => return Ok(outcome),
        }
    }
}

/// Decodes into a batch of the signal and appends it; returns when it is durable and visible.
fn append(app: &App, export: &Export, bytes: &[u8]) -> Result<Outcome, Failure> {
    let engine = &app.engine;
    match export.signal {
        Signal::Metrics => {
            let mut batch = engine.metrics_batch(&export.tenant)?;
            match export.format {
                Format::OtlpProtobuf => drop(otlp::metrics::decode(bytes, &mut batch, &app.translation)?),
                Format::OtlpJson => drop(otlp::metrics::decode_json(bytes, &mut batch, &app.translation)?),
                Format::RemoteWrite => drop(remote_write::decode(bytes, &mut batch)?),
            }
            Ok(engine.append_metrics(batch)?)
        }
        Signal::Logs => {
            let mut batch = engine.logs_batch(&export.tenant)?;
            match export.format {
                Format::OtlpJson => otlp::logs::decode_json(bytes, &mut batch)?,
                Format::OtlpProtobuf | Format::RemoteWrite => otlp::logs::decode(bytes, &mut batch)?,
            };
            Ok(engine.append_logs(batch)?)
        }
        Signal::Traces => {
            let mut batch = engine.spans_batch(&export.tenant)?;
            match export.format {
                Format::OtlpJson => otlp::traces::decode_json(bytes, &mut batch)?,
                Format::OtlpProtobuf | Format::RemoteWrite => otlp::traces::decode(bytes, &mut batch)?,
            };
            Ok(engine.append_spans(batch)?)
        }
    }
}

enum Failure {
    Append(AppendError),
    Decode(Refusal),
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Decode(Refusal::new(Kind::Invalid, error.to_string()))
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        let message = error.to_string();
        match (error.retry_after_ms(), error) {
            (Some(ms), _) => Self::busy(message, Duration::from_millis(ms)),
            (None, AppendError::TooLarge { .. }) => Self::new(Kind::TooLarge, message),
            (None, _) => Self::new(Kind::Precondition, message),
        }
    }
}
