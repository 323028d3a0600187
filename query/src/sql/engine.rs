//! Runs statements: gate, plan, execute, each within limits, on threads of the engine's own.
//!
//! The threads have large stacks, because planners recurse, and they are not the caller's, because one batch may keep a
//! thread busy for long: the caller's runtime may be a single thread, and the deadline must still be heard.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt};
use icecore_engine::engine::Engine;
use icecore_engine::ids::TenantId;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::catalog::TenantCatalog;
use super::error::{SqlError, SqlErrorCode};
use super::failure::from_datafusion;
use super::gate;
use super::pool::BudgetPool;
use super::reading::Reading;
use super::session::Shared;
use crate::limits::{
    SQL_BATCHES_WAITING_MAX, SQL_MEMORY_BYTES_MAX, SQL_PARTITIONS, SQL_ROWS_MAX, SQL_SPILL_BYTES_MAX, SQL_STACK_BYTES,
    SQL_STATEMENTS_RUNNING_MAX, SQL_TIMEOUT_MS_MAX,
};

/// How an `SqlEngine` is set up.
#[derive(Debug, Clone)]
pub struct SqlOptions {
    /// Folder for what does not fit in memory; without one such statements fail.
    pub spill_dir: Option<PathBuf>,
    /// Bytes that all spills may take together.
    pub spill_bytes_max: u64,
    /// Statements that run at one time; later ones wait.
    pub statements_running_max: usize,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            spill_dir: None,
            spill_bytes_max: SQL_SPILL_BYTES_MAX,
            statements_running_max: SQL_STATEMENTS_RUNNING_MAX,
        }
    }
}

/// Bounds of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// Rows of the answer at most; one more is an error, never a silent cut.
    pub rows_max: u64,
    /// Time from the call to the last batch taken.
    pub timeout: Duration,
    /// Memory its operators may reserve, in bytes.
    pub memory_bytes_max: u64,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            rows_max: SQL_ROWS_MAX,
            timeout: Duration::from_millis(SQL_TIMEOUT_MS_MAX),
            memory_bytes_max: SQL_MEMORY_BYTES_MAX,
        }
    }
}

/// Answers SQL over one engine.
#[derive(Debug)]
pub struct SqlEngine {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
    runtime: Option<Runtime>,
}

impl SqlEngine {
    /// Builds functions, options and threads once.
    ///
    /// # Errors
    /// When the threads cannot be started or the spill folder cannot be used.
    pub fn new(engine: Arc<Engine>, options: SqlOptions) -> Result<Self, SqlError> {
        let shared =
            Shared::new(options.spill_dir, options.spill_bytes_max).map_err(|error| from_datafusion(&error))?;
        // Two threads beyond the partitions: one to plan the next statement, one to hear deadlines.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(SQL_PARTITIONS + 2)
            .thread_stack_size(SQL_STACK_BYTES)
            .thread_name("icecore-sql")
            .enable_time()
            .build()
            .map_err(|error| {
                SqlError::new(
                    SqlErrorCode::DataUnavailable,
                    format!("no threads for statements: {error}"),
                )
            })?;
        Ok(Self {
            engine,
            shared: Arc::new(shared),
            turns: Arc::new(Semaphore::new(options.statements_running_max.max(1))),
            runtime: Some(runtime),
        })
    }

    /// Bytes that spills take on disk now.
    pub fn spill_bytes(&self) -> u64 {
        self.shared.disk().used_disk_space()
    }

    /// Starts one reading statement over one tenant's tables. Returns once it is planned; batches follow in the stream.
    /// Dropping the stream, or this future, ends the statement.
    ///
    /// # Errors
    /// What the gate or the planner refuses, and limits that are met before the first batch.
    pub async fn query(&self, tenant: &TenantId, sql: &str, limits: SqlLimits) -> Result<SqlStream, SqlError> {
        gate::check(sql)?;
        if limits.timeout.is_zero() {
            return Err(time_exceeded(limits.timeout));
        }
        let Some(runtime) = &self.runtime else {
            return Err(SqlError::new(SqlErrorCode::DataUnavailable, "the engine is closing"));
        };
        let (sender, mut receiver) = mpsc::channel(SQL_BATCHES_WAITING_MAX);
        let statement = Statement {
            reading: Arc::new(Reading::new(Arc::clone(&self.engine), tenant.clone())),
            shared: Arc::clone(&self.shared),
            turns: Arc::clone(&self.turns),
            sql: sql.to_owned(),
            limits,
        };
        runtime.spawn(statement.watched(sender));
        match receiver.recv().await {
            Some(Ok(Message::Schema(schema))) => Ok(SqlStream {
                schema,
                receiver,
                held: None,
            }),
            Some(Err(error)) => Err(error),
            Some(Ok(Message::Batch(..))) | None => Err(ended()),
        }
    }
}

impl Drop for SqlEngine {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn time_exceeded(timeout: Duration) -> SqlError {
    SqlError::new(
        SqlErrorCode::TimeExceeded,
        format!(
            "the statement was not done within {} ms: narrow its time range, or raise the limit",
            timeout.as_millis()
        ),
    )
}

fn ended() -> SqlError {
    SqlError::new(SqlErrorCode::ExecutionFailed, "the statement ended without an answer")
}

/// What comes from the threads: first the schema, then batches with the memory they hold.
enum Message {
    Schema(SchemaRef),
    Batch(RecordBatch, MemoryReservation),
}

type Sender = mpsc::Sender<Result<Message, SqlError>>;

/// One statement on its way.
struct Statement {
    reading: Arc<Reading>,
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
    sql: String,
    limits: SqlLimits,
}

impl Statement {
    /// Runs to the end, to the deadline, or until nobody listens.
    async fn watched(self, sender: Sender) {
        let limits = self.limits;
        let deadline = Instant::now() + limits.timeout;
        let mut work = tokio::spawn(self.run(sender.clone()));
        let outcome = tokio::select! {
            outcome = &mut work => match outcome {
                Ok(outcome) => outcome,
                Err(error) => Err(SqlError::new(
                    SqlErrorCode::ExecutionFailed,
                    format!("the statement failed inside: {error}"),
                )),
            },
            () = tokio::time::sleep_until(deadline) => Err(time_exceeded(limits.timeout)),
            () = sender.closed() => Ok(()),
        };
        work.abort();
        if let Err(error) = outcome {
            // When the reader is gone there is nobody to tell.
            let _gone = sender.send(Err(error)).await;
        }
    }

    async fn run(self, sender: Sender) -> Result<(), SqlError> {
        let _turn = self.turns.acquire().await.map_err(|_closed| ended())?;
        let memory: Arc<dyn MemoryPool> = BudgetPool::new(self.reading.engine().budget(), self.limits.memory_bytes_max);
        let mut batches = self
            .start(Arc::clone(&memory))
            .await
            .map_err(|error| from_datafusion(&error))?;
        if sender.send(Ok(Message::Schema(batches.schema()))).await.is_err() {
            return Ok(());
        }
        let consumer = MemoryConsumer::new("answer");
        let answer = consumer.register(&memory);
        let mut rows = 0_u64;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| from_datafusion(&error))?;
            rows = rows.saturating_add(batch.num_rows() as u64);
            if rows > self.limits.rows_max {
                return Err(SqlError::new(
                    SqlErrorCode::RowsExceeded,
                    format!(
                        "the answer has more than {} rows: add a LIMIT, or raise the limit",
                        self.limits.rows_max
                    ),
                ));
            }
            let held = answer.new_empty();
            held.try_grow(batch_bytes(&batch))
                .map_err(|error| from_datafusion(&error))?;
            if sender.send(Ok(Message::Batch(batch, held))).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn start(
        &self,
        memory: Arc<dyn MemoryPool>,
    ) -> Result<datafusion::execution::SendableRecordBatchStream, DataFusionError> {
        let catalog = Arc::new(TenantCatalog::new(Arc::clone(&self.reading)));
        let state = self.shared.state(catalog, memory);
        let logical = state.create_logical_plan(&self.sql).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&logical)?;
        let physical = state.create_physical_plan(&logical).await?;
        execute_stream(physical, state.task_ctx())
    }
}

/// Bytes of the rows of a batch, without the parts of its buffers that belong to other batches.
fn batch_bytes(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|column| {
            column
                .to_data()
                .get_slice_memory_size()
                .unwrap_or_else(|_| column.get_array_memory_size())
        })
        .sum()
}

/// The answer of one statement, batch by batch. Dropping it ends the statement.
pub struct SqlStream {
    schema: SchemaRef,
    receiver: mpsc::Receiver<Result<Message, SqlError>>,
    held: Option<MemoryReservation>,
}

impl std::fmt::Debug for SqlStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlStream")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl SqlStream {
    /// Names and types of the answer's columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Everything at once: for answers known to be small.
    ///
    /// # Errors
    /// As the stream's.
    pub async fn collect_all(mut self) -> Result<Vec<RecordBatch>, SqlError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Stream for SqlStream {
    type Item = Result<RecordBatch, SqlError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The batch given last is the caller's now.
        self.held = None;
        self.receiver.poll_recv(context).map(|message| match message? {
            Ok(Message::Batch(batch, held)) => {
                self.held = Some(held);
                Some(Ok(batch))
            }
            Ok(Message::Schema(_)) => Some(Err(ended())),
            Err(error) => Some(Err(error)),
        })
    }
}

#[cfg(test)]
mod tests;
