//! Icecore as a server: OTLP and remote write in, Prometheus and SQL APIs out.

pub mod otlp;
pub mod protobuf;
pub mod remote_write;
pub mod translate;
