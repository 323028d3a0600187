//! Questions over Icecore's engine. A question is text; it passes a gate that bounds it, becomes a typed tree, and is
//! answered from one snapshot, so that ingest and merges never change an answer while it is computed.
//!
//! | module | what it answers |
//! |---|---|
//! | `promql` | PromQL as Prometheus 3 defines it: [`promql::PromqlEngine`] |
//! | `sql` | SQL over DataFusion, one reading statement of one tenant |
//!
//! Parsers and gates compile without DataFusion (feature `sql` off), so that they can be fuzzed by themselves.

pub mod limits;
pub mod promql;
pub mod sql;
