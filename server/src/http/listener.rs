//! One accept loop for every listener: bounded connections, header timeout, HTTP/1.1 and HTTP/2, orderly end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits::{
    CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, KEEP_ALIVE_INTERVAL, RESET_STREAMS_PENDING_MAX,
    STREAMS_PER_CONNECTION_MAX,
};
use crate::selfmetrics::Counters;

/// Pause after the system refused a connection, so that a want of descriptors is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What all accept loops of one server share.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor {
    /// Cancelled: accept no more, finish what is open.
    pub(crate) stop: CancellationToken,
    /// Every open connection.
    pub(crate) connections: TaskTracker,
    pub(crate) counters: Arc<Counters>,
}

impl Acceptor {
    /// Accepts until the stop, handing each connection to `router`.
    pub(crate) async fn serve(self, listener: TcpListener, router: Router) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let builder = Arc::new(builder());
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = connection(Arc::clone(&builder), stream, router.clone(), self.stop.clone());
                    self.connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    self.counters.accept_error();
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX * 2);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_pending_accept_reset_streams(RESET_STREAMS_PENDING_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(KEEP_ALIVE_INTERVAL);
    builder
}

async fn connection(builder: Arc<Builder<TokioExecutor>>, stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers must not wait for more to send; a failure here costs only that.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
