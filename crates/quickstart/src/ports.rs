//! The two ports: chosen at the first start, kept for all later ones, because agents, contexts and targets name them.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

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
            (Some(0), Some(_) | None) => any_free(None)?,
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
            Some(_) | None => any_free(Some(server))?,
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

/// A free port, other than `taken`, that no outgoing connection is given: between two starts it must stay free.
fn any_free(taken: Option<u16>) -> Result<u16, Failure> {
    let kernel = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let range = listening(&kernel);
    let acceptable = |port: &u16| Some(*port) != taken && is_free(*port);
    (0..DRAWS).map(|_| draw(&range, random())).find(acceptable).ok_or_else(|| {
        let (first, last) = (range.start, range.end - 1);
        let message = format!("of {DRAWS} ports of 127.0.0.1 between {first} and {last} none was free");
        Failure::new("prepare", "port_taken", message).hint("choose one with --port PORT")
    })
}

/// Ports that are left to servers where outgoing connections take theirs from `kernel`, "first last".
fn listening(kernel: &str) -> Range<u16> {
    let first = kernel.split_whitespace().next().and_then(|first| first.parse().ok());
    let end = first.filter(|end| *end >= LOWEST + ENOUGH).unwrap_or(USUAL_END);
    LOWEST..end
}

fn draw(range: &Range<u16>, random: u16) -> u16 {
    range.start + random % (range.end - range.start)
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    u16::from_be_bytes(bytes)
}

/// Port of the first start when none is asked for: the product's own.
const DEFAULT: u16 = 8443;
/// Above what well-known servers listen on.
const LOWEST: u16 = 20_000;
/// Fewer ports than this make no choice.
const ENOUGH: u16 = 1000;
/// Where Linux begins to take ports for outgoing connections unless it is told otherwise.
const USUAL_END: u16 = 32_768;
const DRAWS: usize = 1000;

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
    fn ports_are_chosen_outside_of_those_that_outgoing_connections_take() {
        let kernel = |text: &str| listening(text);
        assert_eq!(kernel("40000\t60999\n"), 20_000..40_000);
        assert_eq!(kernel("32768\t60999\n"), 20_000..32_768);
        for useless in ["", "none", "1024\t65535\n", "20500 65535", "99999 1"] {
            assert_eq!(kernel(useless), 20_000..32_768, "{useless:?}");
        }
        let range = kernel("40000 60999");
        assert!((0..=u16::MAX).all(|random| range.contains(&draw(&range, random))));
        assert_eq!((draw(&range, 0), draw(&range, 19_999)), (20_000, 39_999));
    }

    #[test]
    fn what_is_chosen_is_in_that_range_and_differs_from_start_to_start() {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let range = listening(&text);
        let chosen: std::collections::BTreeSet<u16> = (0..20)
            .flat_map(|_| {
                let (_home, layout) = home();
                let ports = Ports::choose(&layout, Some(0)).expect("chosen");
                [ports.server, ports.endpoint]
            })
            .collect();
        assert!(chosen.iter().all(|port| range.contains(port)), "{chosen:?}");
        assert!(chosen.len() > 20, "{chosen:?}");
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
