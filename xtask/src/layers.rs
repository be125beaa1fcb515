//! The rooms and the arrows between them. Arrows point one way; an edge that is not drawn here fails.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Which rooms a room may know, from the ground up: a room only knows rooms above it in this list.
/// `testkit`, `tests` and `xtask` are outside the house and may know all.
const DRAWN: &[(&str, &[&str])] = &[
    ("pki", &[]),
    ("wire", &[]),
    ("db", &[]),
    ("domain", &["pki"]),
    ("connector", &["domain", "pki"]),
    ("probe", &["pki"]),
    ("issuers", &["connector", "domain", "pki"]),
    ("targets", &["connector", "domain", "pki", "probe"]),
    ("store", &["db", "domain", "pki"]),
    ("jobs", &["db"]),
    ("app", &["connector", "db", "domain", "jobs", "pki", "probe", "store"]),
    ("edge", &["app", "domain"]),
    ("api", &["app", "domain", "edge", "pki", "wire"]),
    ("client", &["wire"]),
    ("server", &SERVER_SIDE),
    ("agent", &["client", "connector", "pki", "probe", "targets", "wire"]),
    ("quickstart", &["agent", "client", "probe", "server", "wire"]),
    ("cli", &["client", "quickstart", "wire"]),
];

/// The server names every concrete type, so it may know everything on its side of the wire.
const SERVER_SIDE: [&str; 13] =
    ["api", "app", "connector", "db", "domain", "edge", "issuers", "jobs", "pki", "probe", "store", "targets", "wire"];

/// Rooms that are not part of a shipped program.
const OUTSIDE: &[&str] = &["testkit", "tests"];

/// Edges of the workspace, room by room.
type Edges = BTreeMap<String, Vec<String>>;

pub(crate) fn run() -> Result<()> {
    let edges = edges()?;
    let wrong = undrawn(&edges);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    map_is_true()?;
    println!("layers: {} rooms, {} edges, all drawn", edges.len(), edges.values().map(Vec::len).sum::<usize>());
    Ok(())
}

/// What the workspace has and the table has not.
fn undrawn(edges: &Edges) -> Vec<String> {
    let drawn: BTreeMap<&str, &[&str]> = DRAWN.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, knows) in edges.iter().filter(|(room, _)| !OUTSIDE.contains(&room.as_str())) {
        let Some(allowed) = drawn.get(room.as_str()) else {
            wrong.push(format!("{room} is not drawn; add it to the map in ARCHITECTURE.md and xtask/src/layers.rs"));
            continue;
        };
        let unknown = knows.iter().filter(|known| !allowed.contains(&known.as_str()));
        wrong.extend(unknown.map(|known| format!("{room} must not know {known}")));
    }
    wrong
}

/// The table in ARCHITECTURE.md is the one above.
fn map_is_true() -> Result<()> {
    let path = crate::root().join("ARCHITECTURE.md");
    let page = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    if !page.contains(&table()) {
        bail!("the arrows in ARCHITECTURE.md are not those of xtask/src/layers.rs; put this there:\n{}", table());
    }
    Ok(())
}

/// The arrows as they stand in ARCHITECTURE.md.
fn table() -> String {
    DRAWN
        .iter()
        .map(|(room, knows)| {
            let knows = if knows.is_empty() { "nothing".to_owned() } else { knows.join(", ") };
            format!("| `{room}` | {knows} |\n")
        })
        .collect()
}

/// The shipped edges of the workspace: normal and build dependencies, without tests.
fn edges() -> Result<Edges> {
    let output = crate::cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("asking cargo for its metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo's metadata")?;
    Ok(edges_of(&metadata))
}

fn edges_of(metadata: &Value) -> Edges {
    let mut edges = Edges::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(room) = package["name"].as_str().and_then(|name| name.strip_prefix("certctl-")) else { continue };
        let knows = package["dependencies"].as_array().into_iter().flatten();
        let knows = knows.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let knows =
            knows.filter_map(|dependency| dependency["name"].as_str()?.strip_prefix("certctl-").map(str::to_owned));
        edges.insert(room.to_owned(), knows.collect());
    }
    edges
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrows_point_one_way() {
        for (position, (room, knows)) in DRAWN.iter().enumerate() {
            for known in *knows {
                let place = DRAWN.iter().position(|(other, _)| other == known);
                assert!(place.is_some_and(|place| place < position), "{room} knows {known}, which is not below it");
            }
        }
    }

    #[test]
    fn an_edge_that_is_not_drawn_is_named() {
        let metadata = json!({"packages": [
            {"name": "certctl-pki", "dependencies": [
                {"name": "certctl-store", "kind": null},
                {"name": "certctl-testkit", "kind": "dev"},
                {"name": "serde", "kind": null},
            ]},
            {"name": "certctl-attic", "dependencies": []},
            {"name": "certctl-testkit", "dependencies": [{"name": "certctl-server", "kind": null}]},
        ]});
        let wrong = undrawn(&edges_of(&metadata));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("attic is not drawn"), "{wrong:?}");
        assert_eq!(wrong[1], "pki must not know store");
    }
}
