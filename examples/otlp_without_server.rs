//! The OTLP mapping without a server: the bytes of an export request become rows of an embedded engine.
//!
//! `cargo run --release --example otlp_without_server`

use std::error::Error;

use icecore::ids::{Signal, TenantId};
use icecore::{Engine, EngineOptions, otlp};

/// An OTLP/JSON export of one span, as a browser would send it.
const REQUEST: &str = r#"{"resourceSpans": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
  "scopeSpans": [{"spans": [{
    "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "click", "kind": 1,
    "startTimeUnixNano": "START", "endTimeUnixNano": "END"
  }]}]
}]}"#;

fn main() -> Result<(), Box<dyn Error>> {
    use icecore::clock::{Clock, SystemClock};
    let folder = tempfile::tempdir()?;
    let engine = Engine::open(folder.path(), EngineOptions::default())?;
    let tenant = TenantId::default();
    let now_ns = SystemClock.now().0;
    let request = REQUEST
        .replace("START", &(now_ns - 1_000_000).to_string())
        .replace("END", &now_ns.to_string());

    let mut batch = engine.spans_batch(&tenant)?;
    otlp::traces::decode_json(request.as_bytes(), &mut batch)?;
    let outcome = engine.append_spans(batch)?;
    assert_eq!((outcome.stored, outcome.message), (1, None));
    assert_eq!(engine.snapshot(&tenant, Signal::Traces).rows(), 1);
    engine.close()?;
    Ok(())
}
