//! Every limit of SQL, with its unit in its name: one place to look, and the source of `docs/limits.md`.

/// Bytes of one statement at most.
pub const STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// Tokens of one statement at most: room for an IN list of several thousand ids.
pub const STATEMENT_TOKENS_MAX: usize = 20_000;
/// Operators of one statement at most. Each may become a level of the expression tree, and planners recurse over it.
pub const STATEMENT_OPERATORS_MAX: usize = 500;
/// Nesting of parentheses, brackets and CASE at most.
pub const STATEMENT_NESTING_MAX: usize = 48;
/// UNION, INTERSECT and EXCEPT of one statement together at most.
pub const STATEMENT_SET_OPERATIONS_MAX: usize = 32;
/// Joins of one statement at most, a comma in FROM counting as one.
pub const STATEMENT_JOINS_MAX: usize = 16;
/// SELECTs of one statement at most.
pub const STATEMENT_SELECTS_MAX: usize = 64;
/// Stack of the threads that plan and run statements, in bytes (address space; pages are taken when touched).
pub const THREAD_STACK_BYTES: usize = 32 * 1024 * 1024;
/// Partitions that a statement is cut into, and so the threads it may keep busy.
pub const TARGET_PARTITIONS: usize = 2;
/// Rows of one batch.
pub const BATCH_ROWS: usize = 8_192;
/// Statements that run at one time in one engine; later ones wait for their turn until their own deadline.
pub const STATEMENTS_RUNNING_MAX: usize = 4;
/// Batches of an answer that wait for a slow reader.
pub const BATCHES_WAITING_MAX: usize = 2;
/// Text or list bytes that one call of a function may produce for one batch.
pub const FUNCTION_RESULT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Default of the rows one answer may have.
pub const ROWS_MAX_DEFAULT: u64 = 1_000_000;
/// Default of the time one statement may take, in milliseconds.
pub const TIMEOUT_MS_DEFAULT: u64 = 60_000;
/// Default of the memory one statement may reserve, in bytes; the engine's budget bounds all of them together.
pub const MEMORY_BYTES_MAX_DEFAULT: u64 = 128 * 1024 * 1024;
/// Default of the disk that the spills of all statements may take together, in bytes.
pub const SPILL_BYTES_MAX_DEFAULT: u64 = 2 * 1024 * 1024 * 1024;
/// Series of one tenant that the table `series` lists at most.
pub const METRIC_TABLES_MAX: usize = 10_000;
