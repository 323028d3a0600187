//! SIGTERM and Ctrl-C: both mean "stop in order".

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process is told to stop.
pub(crate) async fn stop_requested() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
