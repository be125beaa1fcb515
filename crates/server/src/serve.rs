//! The life of a serving process: start in order, say when it is ready, stop in order.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use certctl_app::{App, Clock, SystemClock};
use certctl_db::Db;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ListenerConfig};
use crate::data_dir::DataDir;
use crate::listener::own::Own;
use crate::listener::{Pair, Served, reload};
use crate::{bootstrap, database, logging, version, world};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The start failed; what went wrong names the setting and the remedy.
pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    logging::start(config.log)?;
    harden();
    announce(&config);
    let mut stop = Stop::new()?;
    let started = tokio::select! {
        started = Box::pin(Server::start(&config)) => started?,
        () = stop.asked() => {
            tracing::info!("stopped before the start was complete");
            return Ok(ExitCode::SUCCESS);
        }
    };
    stop.asked().await;
    tracing::info!("asked to stop; a second signal ends at once");
    tokio::select! {
        () = started.stop(&config.listener) => Ok(ExitCode::SUCCESS),
        () = stop.asked() => {
            tracing::warn!("stopped by a second signal; what was under way is found again by its lease");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A running server.
struct Server {
    _data_dir: Option<DataDir>,
    db: Db,
    site: Site,
    /// Background work, told to stop before the listener drains.
    work: Group,
    /// The listener.
    doors: Group,
}
