//! `icecore serve`: settings, engine, listeners, and an orderly end within ten seconds of the signal.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use icecore_engine::Engine;
use icecore_query::promql::{PromqlEngine, PromqlOptions};
use icecore_query::sql::{SqlEngine, SqlOptions};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CommandError, allocator};
use crate::app::App;
use crate::auth::{TokenFileError, Tokens};
use crate::config::{self, FileLayer, Layer, Settings};
use crate::http::{Acceptor, grpc_router, router};
use crate::limits::{
    DRAIN_MAX, INGEST_CONCURRENCY_MAX, INGEST_WAIT_MAX, QUERY_CONCURRENCY_MAX, QUERY_WAIT_MAX, SHUTDOWN_MAX,
};
use crate::pool::Pool;
use crate::selfmetrics::Counters;
use crate::signals;
use crate::translate::{Translation, TranslationOptions};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    #[error("{path}: {reason}")]
    Open { path: String, reason: String },
    #[error("SQL cannot be set up: {0}")]
    Sql(String),
    #[error("cannot listen on {address}: {source}; is another server running?")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Blocking threads beyond the ingest places: for name look-ups and the like.
const SPARE_BLOCKING_THREADS: usize = 4;
/// Left of the shutdown's time for the process to end.
const EXIT_MARGIN: Duration = Duration::from_millis(500);
/// An idle blocking thread goes after this time, so that a quiet server is a small one.
const BLOCKING_THREAD_IDLE: Duration = Duration::from_secs(10);

pub(super) fn run(flags: Layer, config: Option<&str>) -> Result<ExitCode, CommandError> {
    let file = match config {
        Some(path) => config::from_file(Path::new(path))?,
        None => FileLayer::default(),
    };
    let env = config::from_env(|name| std::env::var(name).ok());
    let settings = Settings::from_layers(flags, env, file)?;
    start_logging(&settings.log);
    let server = start_server(&settings)?;
    server.network().block_on(signals::stop_requested())?;
    tracing::info!("stopping");
    server.stop();
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error, once for the process; a second call changes nothing.
pub(crate) fn start_logging(filter: &str) {
    let filter =
        tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}

/// Opens the data folder and what answers over it.
fn app(settings: &Settings, tokens: Tokens, network: &Handle, queries: &Handle) -> Result<Arc<App>, StartError> {
    let engine = Engine::open(&settings.data_dir, settings.engine_options()).map_err(|error| StartError::Open {
        path: settings.data_dir.display().to_string(),
        reason: error.to_string(),
    })?;
    let engine = Arc::new(engine);
    let query_places = |name| Pool::new(name, queries.clone(), QUERY_CONCURRENCY_MAX, QUERY_WAIT_MAX);
    Ok(Arc::new(App {
        sql: sql_engine(&engine, settings)?,
        promql: PromqlEngine::new(Arc::clone(&engine), PromqlOptions::default()),
        engine,
        translation: Translation::new(TranslationOptions::default()),
        tokens,
        ingest_places: Pool::new("ingest", network.clone(), INGEST_CONCURRENCY_MAX, INGEST_WAIT_MAX),
        promql_places: query_places("promql"),
        sql_places: query_places("sql"),
        counters: Arc::new(Counters::default()),
        stop: CancellationToken::new(),
    }))
}

/// Statements spill into the data folder's place for what may be lost.
fn sql_engine(engine: &Arc<Engine>, settings: &Settings) -> Result<SqlEngine, StartError> {
    let options = SqlOptions {
        spill_dir: Some(settings.data_dir.join("tmp")),
        ..SqlOptions::default()
    };
    SqlEngine::new(Arc::clone(engine), options).map_err(|error| StartError::Sql(error.message))
}

fn runtime(name: &'static str, threads: usize, blocking_threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(blocking_threads)
        .thread_keep_alive(BLOCKING_THREAD_IDLE)
        .thread_name(name)
        .enable_all()
        .build()
}

/// Binds an address; the second value is where it listens in truth, with the port the system chose for port 0.
fn bind(runtime: &Runtime, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listen = |source| StartError::Listen { address, source };
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    Ok((listener, bound))
}

/// A server that runs until it is stopped.
pub(crate) struct RunningServer {
    app: Arc<App>,
    network: Runtime,
    queries: Runtime,
    stop: CancellationToken,
    connections: TaskTracker,
    /// Where it listens, with the ports the system chose for port 0.
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) grpc: SocketAddr,
}

/// Opens the engine and the listeners.
pub(crate) fn start_server(settings: &Settings) -> Result<RunningServer, StartError> {
    allocator::tune();
    let tokens = match &settings.auth_token_file {
        Some(path) => Tokens::read(path)?,
        None => Tokens::default(),
    };
    let network = runtime(
        "icecore-net",
        settings.threads,
        INGEST_CONCURRENCY_MAX + SPARE_BLOCKING_THREADS,
    )?;
    let queries = runtime(
        "icecore-query",
        settings.threads,
        QUERY_CONCURRENCY_MAX + SPARE_BLOCKING_THREADS,
    )?;
    // The listeners first: a busy port must not cost a recovery.
    let http = settings
        .http_listen
        .iter()
        .map(|listen| bind(&network, listen.address))
        .collect::<Result<Vec<_>, _>>()?;
    let grpc = bind(&network, settings.grpc_listen)?;

    let app = app(settings, tokens, network.handle(), queries.handle())?;
    let stop = app.stop.clone();
    network.spawn(allocator::release_until(stop.clone()));
    let connections = TaskTracker::new();
    let acceptor = Acceptor {
        stop: stop.clone(),
        connections: connections.clone(),
        counters: Arc::clone(&app.counters),
    };
    let mut server = RunningServer {
        app,
        network,
        queries,
        stop,
        connections,
        http: Vec::new(),
        grpc: grpc.1,
    };
    for (listen, (listener, address)) in settings.http_listen.iter().zip(http) {
        let router = router(&server.app, listen.roles);
        server.network.spawn(acceptor.clone().serve(listener, router));
        server.http.push(address);
        tracing::info!(%address, roles = %listen.roles, "listening for HTTP");
    }
    server.network.spawn(acceptor.serve(grpc.0, grpc_router(&server.app)));
    tracing::info!(address = %server.grpc, "listening for gRPC");
    Ok(server)
}

impl RunningServer {
    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(crate) fn network(&self) -> &Runtime {
        &self.network
    }

    /// Stops accepting, lets open requests end, syncs the log, flushes heads while time remains.
    pub(crate) fn stop(self) {
        let deadline = Instant::now() + SHUTDOWN_MAX;
        self.stop.cancel();
        self.connections.close();
        let drained = self
            .network
            .block_on(async { tokio::time::timeout(DRAIN_MAX, self.connections.wait()).await });
        if drained.is_err() {
            tracing::warn!("requests were still open and are cut off; their senders will send again");
        }
        // What still runs keeps its own hold on the engine; it is left behind when time is up.
        self.network.shutdown_background();
        self.queries.shutdown_background();
        close(&self.app.engine, deadline);
    }
}

/// Flushes and closes on a thread, so that a slow disk cannot hold the exit: what is not flushed by then lies in the
/// log, which the close syncs first.
fn close(engine: &Arc<Engine>, deadline: Instant) {
    let (done, closed) = std::sync::mpsc::channel();
    let engine = Arc::clone(engine);
    std::thread::spawn(move || {
        let result = engine.close();
        // The waiting side may be gone: then nobody asks any more.
        let _ = done.send(result.map_err(|error| error.to_string()));
    });
    let left = deadline
        .saturating_duration_since(Instant::now())
        .saturating_sub(EXIT_MARGIN);
    match closed.recv_timeout(left) {
        Ok(Ok(())) => tracing::info!("closed"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the engine did not close in order; the log holds what was acknowledged")
        }
        Err(_) => tracing::warn!("not all heads were flushed in time; the log holds their rows"),
    }
}
