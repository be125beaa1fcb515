//! The rooms and the arrows between them. Arrows point one way; an edge that is not drawn here fails.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Which rooms a room may know. `testkit`, `tests` and `xtask` are outside the house and may know all.
const DRAWN: &[(&str, &[&str])] = &[
    ("pki", &[]),
    ("domain", &["pki"]),
    ("wire", &[]),
    ("connector", &["pki", "domain"]),
    ("issuers", &["pki", "domain", "connector"]),
    ("targets", &["pki", "domain", "connector", "probe"]),
    ("probe", &["pki"]),
    ("db", &[]),
    ("store", &["db", "domain", "pki"]),
    ("jobs", &["db"]),
    ("app", &["pki", "domain", "connector", "db", "store", "jobs", "probe"]),
    ("edge", &["app", "domain", "pki"]),
    ("api", &["edge", "app", "domain", "wire", "pki", "connector"]),
    ("client", &["wire"]),
    (
        "server",
        &[
            "api",
            "edge",
            "app",
            "store",
            "jobs",
            "db",
            "issuers",
            "targets",
            "connector",
            "domain",
            "pki",
            "wire",
            "probe",
        ],
    ),
    ("agent", &["client", "wire", "connector", "targets", "probe", "pki", "domain"]),
    ("quickstart", &["server", "agent", "client", "wire", "probe", "pki"]),
    ("cli", &["client", "wire", "quickstart"]),
];

/// Rooms that are not part of a shipped program.
const OUTSIDE: &[&str] = &["testkit", "tests"];

pub(crate) fn run() -> Result<()> {
    let edges = edges()?;
    let drawn: BTreeMap<&str, &[&str]> = DRAWN.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, knows) in &edges {
        if OUTSIDE.contains(&room.as_str()) {
            continue;
        }
        let Some(allowed) = drawn.get(room.as_str()) else {
            wrong.push(format!("{room} is not drawn; add it to the map in ARCHITECTURE.md and xtask/src/layers.rs"));
            continue;
        };
        wrong.extend(
            knows
                .iter()
                .filter(|known| !allowed.contains(&known.as_str()))
                .map(|known| format!("{room} must not know {known}")),
        );
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    println!("layers: {} rooms, {} edges, all drawn", edges.len(), edges.values().map(Vec::len).sum::<usize>());
    Ok(())
}

/// The shipped edges of the workspace: normal and build dependencies, without tests.
fn edges() -> Result<BTreeMap<String, Vec<String>>> {
    let output = crate::cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("asking cargo for its metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo's metadata")?;
    let mut edges = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(room) = package["name"].as_str().and_then(|name| name.strip_prefix("certctl-")) else { continue };
        let knows = package["dependencies"].as_array().into_iter().flatten();
        let knows = knows.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let knows =
            knows.filter_map(|dependency| dependency["name"].as_str()?.strip_prefix("certctl-").map(str::to_owned));
        edges.insert(room.to_owned(), knows.collect());
    }
    Ok(edges)
}
