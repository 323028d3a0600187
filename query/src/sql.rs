//! SQL: one reading statement of one tenant over its metrics, logs and traces.
//!
//! | file | purpose |
//! |---|---|
//! | `gate`, `lexer` | bounds a statement's size and shape before a planner recurses over it; compiles without DataFusion |
//! | `error` | what can go wrong |
//! | `engine` | runs statements on threads of its own: gate, plan, execute, each within limits |
//! | `session`, `functions` | what all statements share: options, and which functions there are |
//! | `reading`, `catalog`, `table` | the tenant's tables, and how a scan of one becomes a plan over parts and heads |
//! | `yielding` | joins that can be stopped |
//! | `pool`, `store` | what a statement may use: its share of the memory budget, and no file |
//! | `render` | answers as JSON, NDJSON, CSV, Arrow or Parquet |

pub mod error;
pub mod gate;
pub mod lexer;

#[cfg(feature = "sql")]
mod catalog;
#[cfg(feature = "sql")]
mod engine;
#[cfg(feature = "sql")]
mod failure;
#[cfg(feature = "sql")]
mod functions;
#[cfg(feature = "sql")]
mod pool;
#[cfg(feature = "sql")]
mod reading;
#[cfg(feature = "sql")]
pub mod render;
#[cfg(feature = "sql")]
mod session;
#[cfg(feature = "sql")]
mod store;
#[cfg(feature = "sql")]
mod table;
#[cfg(feature = "sql")]
mod yielding;

pub use error::{SqlError, SqlErrorCode};

#[cfg(feature = "sql")]
pub use engine::{SqlEngine, SqlLimits, SqlOptions, SqlStream};
