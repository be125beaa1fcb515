//! The two ports: chosen at the first start, kept for all later ones, because agents, contexts and targets name them.

use std::net::{Ipv4Addr, TcpListener};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::layout::{Layout, write_private};

/// Ports on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ports {
    /// The server's.
    pub(crate) server: u16,
    /// The demonstration endpoint's.
    pub(crate) endpoint: u16,
}

impl Ports {
    /// Takes the ports of an earlier start, or chooses. `wanted` is `--port`: 0 for any free one, which an earlier choice
    /// that is still free satisfies.
    pub(crate) fn choose(layout: &Layout, wanted: Option<u16>) -> Result<Self, Failure> {
        let kept = read(layout)?;
        let server = match (wanted, kept) {
            (Some(0), Some(kept)) if is_free(kept.server) => kept.server,
            (Some(0), Some(_) | None) => any_free()?,
            (Some(port), _) => free(port, "asked for with --port")?,
            (None, Some(kept)) => free(kept.server, "kept in ports.toml")?,
            (None, None) => free(DEFAULT, "the default")?,
        };
        let endpoint = match kept {
            Some(kept) if is_free(kept.endpoint) => kept.endpoint,
            // Whoever names a port has new ports chosen where the old ones are taken.
            Some(kept) if wanted.is_none() => {
                return Err(taken(kept.endpoint, "kept in ports.toml for the demo endpoint"));
            }
            Some(_) | None => any_free_but(server)?,
        };
        let ports = Self { server, endpoint };
        if kept != Some(ports) {
            let text = format!("server = {server}\nendpoint = {endpoint}\n");
            write_private(&layout.ports(), &text).map_err(|error| {
                Failure::new("prepare", "data_dir", format!("{} cannot be written: {error}", layout.ports().display()))
            })?;
        }
        Ok(ports)
    }
}

fn read(layout: &Layout) -> Result<Option<Ports>, Failure> {
    let path = layout.ports();
    let unreadable = |why: String| {
        Failure::new("prepare", "ports", format!("{} cannot be read: {why}", path.display()))
            .hint("repair it, or remove it to have ports chosen again")
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map(Some).map_err(|error| unreadable(error.message().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn free(port: u16, why: &str) -> Result<u16, Failure> {
    if is_free(port) { Ok(port) } else { Err(taken(port, why)) }
}

fn taken(port: u16, why: &str) -> Failure {
    Failure::new("prepare", "port_taken", format!("port {port} ({why}) is taken by another program"))
        .hint("stop that program, or choose with --port PORT; --port 0 takes any free one")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn any_free_but(other: u16) -> Result<u16, Failure> {
    loop {
        let port = any_free()?;
        if port != other {
            return Ok(port);
        }
    }
}

fn any_free() -> Result<u16, Failure> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port())
        .map_err(|error| Failure::new("prepare", "port_taken", format!("no port of 127.0.0.1 is free: {error}")))
}

/// Port of the first start when none is asked for: the product's own.
const DEFAULT: u16 = 8443;

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Layout) {
        let home = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::open(&home.path().join("data")).expect("opened");
        (home, layout)
    }

    #[test]
    fn ports_are_chosen_once() {
        let (_home, layout) = home();
        let first = Ports::choose(&layout, Some(0)).expect("chosen");
        assert_ne!(first.server, first.endpoint);
        assert_eq!(Ports::choose(&layout, None).expect("kept"), first);
        assert_eq!(Ports::choose(&layout, Some(0)).expect("kept"), first);
    }

    #[test]
    fn a_taken_port_is_named_and_so_is_the_way_out() {
        let (_home, layout) = home();
        let first = Ports::choose(&layout, Some(0)).expect("chosen");
        let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, first.server)).expect("free until now");
        let refused = Ports::choose(&layout, None).expect_err("taken").to_string();
        assert!(refused.contains(&first.server.to_string()) && refused.contains("--port"), "{refused}");
        let again = Ports::choose(&layout, Some(0)).expect("chosen again");
        assert_ne!(again.server, first.server);
        assert_eq!(again.endpoint, first.endpoint);
    }
}
