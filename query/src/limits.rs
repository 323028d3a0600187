//! Every limit of the query crate, with its unit in its name: one place to look, and a source of `docs/limits.md`.

/// Bytes of one PromQL query at most.
pub const PROMQL_BYTES_MAX: usize = 32 * 1024;
/// Open parentheses, brackets and braces at one place of a PromQL query at most.
pub const PROMQL_NESTING_MAX: usize = 128;
/// Operators, signs and modifiers in one PromQL query at most: it bounds the depth of a chain like `a + a + ...`.
pub const PROMQL_OPERATORS_MAX: usize = 1_000;
/// Depth of the typed tree at most; a chain of operators leans to one side and is as deep as it is long.
pub const PROMQL_DEPTH_MAX: usize = 1_200;
/// Depth that is evaluated on the caller's own stack; deeper queries get a thread with `PROMQL_STACK_BYTES`.
pub const PROMQL_DEPTH_SHALLOW: usize = 24;
/// Stack of the thread that parses and evaluates deep queries, in bytes (reserved address space, touched as needed).
pub const PROMQL_STACK_BYTES: usize = 64 * 1024 * 1024;
/// Samples that one PromQL query may read, unless its limits say otherwise.
pub const PROMQL_SAMPLES_MAX: u64 = 1_000_000_000;
/// Memory of one PromQL query's intermediate results in bytes, unless its limits say otherwise.
pub const PROMQL_MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Points of one series that a range query may return, as in Prometheus.
pub const PROMQL_STEPS_MAX: i64 = 11_000;
/// Steps of a subquery's inner evaluation at most.
pub const PROMQL_SUBQUERY_STEPS_MAX: i64 = 1_000_000;
/// How far back an instant selector looks for a sample, in milliseconds, unless the limits say otherwise.
pub const PROMQL_LOOKBACK_MS: i64 = 5 * 60 * 1_000;
/// The step of a subquery that names none, in milliseconds (Prometheus's default evaluation interval).
pub const PROMQL_SUBQUERY_STEP_MS: i64 = 60 * 1_000;
/// Series in one run of a leaf at most: a worker's unit of work.
pub const PROMQL_RUN_SERIES_MAX: usize = 1_024;
/// Values (series x steps) in one run of a leaf, about: what a worker holds before it hands over.
pub const PROMQL_RUN_VALUES_AIM: usize = 262_144;
/// Series from which on a leaf is worked on by several threads.
pub const PROMQL_PARALLEL_SERIES_MIN: usize = 512;
/// Threads that work on one query at most.
pub const PROMQL_THREADS_MAX: usize = 4;
/// Annotations of one kind (warnings, infos) that an answer carries at most; the rest are counted in one line.
pub const PROMQL_ANNOTATIONS_MAX: usize = 10;
/// Bytes of one statement at most.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one string in a statement at most: selected, it is written out for every row of a batch.
pub const SQL_LITERAL_BYTES_MAX: usize = 4 * 1024;
/// Tokens of one statement at most: room for an IN list of several thousand ids.
pub const SQL_TOKENS_MAX: usize = 20_000;
/// Operators of one statement at most. Each may become a level of the expression tree, and planners recurse over it.
pub const SQL_OPERATORS_MAX: usize = 500;
/// Nesting of parentheses, brackets and CASE at most.
pub const SQL_NESTING_MAX: usize = 48;
/// UNION, INTERSECT and EXCEPT of one statement together at most.
pub const SQL_SET_OPERATIONS_MAX: usize = 32;
/// Joins of one statement at most, a comma in FROM counting as one.
pub const SQL_JOINS_MAX: usize = 16;
/// SELECTs of one statement at most.
pub const SQL_SELECTS_MAX: usize = 64;
/// Stack of the threads that plan and run statements, in bytes (address space; pages are taken when touched).
pub const SQL_STACK_BYTES: usize = 32 * 1024 * 1024;
/// Partitions that a statement is cut into, and so the threads it may keep busy.
pub const SQL_PARTITIONS: usize = 2;
/// Rows of one batch.
pub const SQL_BATCH_ROWS: usize = 8_192;
/// Statements that run at one time in one engine; later ones wait for their turn until their own deadline.
pub const SQL_STATEMENTS_RUNNING_MAX: usize = 4;
/// Batches of an answer that wait for a slow reader.
pub const SQL_BATCHES_WAITING_MAX: usize = 2;
/// Text or list bytes that one call of a function may produce for one batch.
pub const SQL_FUNCTION_RESULT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Default of the rows one answer may have.
pub const SQL_ROWS_MAX: u64 = 1_000_000;
/// Default of the time one statement may take, in milliseconds.
pub const SQL_TIMEOUT_MS_MAX: u64 = 60_000;
/// Default of the memory one statement may reserve, in bytes; the engine's budget bounds all of them together.
pub const SQL_MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Default of the disk that the spills of all statements may take together, in bytes.
pub const SQL_SPILL_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Metrics of one tenant that `information_schema` lists as tables at most; all of them can be read.
pub const SQL_METRIC_TABLES_MAX: usize = 10_000;
