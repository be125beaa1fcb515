//! Reads the listener's files again on SIGHUP, and when they have changed: a mounted secret is exchanged without a signal.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use certctl_app::{Clock, SystemClock};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use super::{Pair, Served};
use crate::config::TlsPaths;

/// Keeps what is served equal to the files, until told to stop. A pair that cannot be used leaves the one that is served.
pub(crate) async fn follow(
    paths: TlsPaths,
    allow_loose_mode: bool,
    served: Arc<Served>,
    mut hang_up: Signal,
    stop: CancellationToken,
) {
    let mut seen = look(&paths);
    loop {
        let cause = tokio::select! {
            () = stop.cancelled() => return,
            _ = hang_up.recv() => "via SIGHUP",
            () = tokio::time::sleep(LOOK_EVERY) => {
                if look(&paths) == seen {
                    continue;
                }
                // Chain and key are written one after the other.
                tokio::time::sleep(SETTLE).await;
                "after a change of its files"
            }
        };
        seen = look(&paths);
        match Pair::load(&paths, allow_loose_mode, SystemClock.now()) {
            Ok(pair) => {
                metrics::counter!("certctl_server_tls_reloads_total", "outcome" => "success").increment(1);
                tracing::info!(
                    fingerprint = %pair.leaf.fingerprint_sha256(),
                    not_after = %pair.not_after().to_rfc3339(),
                    "TLS cert reloaded {cause}"
                );
                served.replace(pair);
            }
            Err(findings) => {
                metrics::counter!("certctl_server_tls_reloads_total", "outcome" => "failure").increment(1);
                tracing::error!("TLS cert not reloaded {cause}, the old pair stays: {}", findings.join("; "));
            }
        }
    }
}

/// What tells one state of the files from another.
fn look(paths: &TlsPaths) -> [Option<(u64, u64, i64, i64)>; 2] {
    let state = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
    };
    [state(&paths.certificate), state(&paths.key)]
}

const LOOK_EVERY: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(2);
