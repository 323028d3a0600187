//! The telemetry engine of Icecore: what metrics, logs and traces are, where they lie, and how they are found again.

pub mod batch;
pub mod budget;
pub mod clock;
pub mod histogram;
pub mod ids;
pub mod labels;
pub mod layout;
pub mod ledger;
pub mod limiter;
pub mod limits;
pub mod matcher;
pub mod metadata;
pub mod options;
pub mod outcome;
pub mod part;
pub mod reason;
pub mod record;
pub mod registry;
pub mod schema;
pub mod store;
pub mod tenant;
pub mod time;
