//! Says that the agent lives, independent of what it works on.

use std::net::{SocketAddr, UdpSocket};

use certctl_wire::Heartbeat;

use crate::{clock::about, runtime::Runtime};

/// Beats until the agent stops.
pub(crate) async fn beat(runtime: &Runtime) {
    loop {
        let facts = facts(runtime);
        let beat = tokio::select! {
            beat = runtime.link.heartbeat(&facts) => beat,
            () = runtime.stop.cancelled() => return,
        };
        if let Err(error) = beat {
            tracing::warn!(%error, "the server did not take the heartbeat");
        }
        if !runtime.sleep(about(runtime.heartbeat_interval)).await {
            return;
        }
    }
}

fn facts(runtime: &Runtime) -> Heartbeat {
    Heartbeat {
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        hostname: Some(runtime.hostname.clone()),
        os: Some(std::env::consts::OS.to_owned()),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        ip_address: own_address(),
    }
}

/// The address this host would speak from. Nothing is sent: connecting a datagram socket only chooses a route, and the
/// address is one reserved for documentation (RFC 5737).
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(SocketAddr::from(([192, 0, 2, 1], 9))).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then(|| address.to_string())
}
