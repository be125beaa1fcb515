//! What the machine gives without the product: the same rows committed by nothing but a loop, and the same cryptography on the
//! cores that the load generator leaves.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use certctl_pki::{Csr, KeyKind, PrivateKey, San};

use super::server::Store;

#[path = "../../../crates/store/benches/commit.rs"]
#[expect(dead_code, reason = "it is a program of its own, too")]
mod rows;

const TIME: Duration = Duration::from_secs(5);

/// Issuances a second when nothing but their rows is written, on the same kind of database and the same disk.
pub(super) async fn commits(store: &Store, directory: &Path, clients: usize) -> Result<f64> {
    let url = store.create(directory, "ceiling").await?;
    let clients = u64::try_from(clients)?;
    rows::run(&url, clients, TIME, None).await.map_err(|error| anyhow::anyhow!("{error}")).context("committing rows")
}

/// Requests a second that are checked and answered with a signature, on every core but the one of the load generator.
pub(super) fn signatures() -> Result<f64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    let workers: Vec<_> = (1..cores.max(2)).map(|_| std::thread::spawn(sign_for_a_while)).collect();
    let mut done = 0.0;
    for worker in workers {
        done += worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
    }
    Ok(done / began.elapsed().as_secs_f64())
}

fn sign_for_a_while() -> Result<f64> {
    let signer = PrivateKey::generate(KeyKind::EcdsaP256)?;
    let request = Csr::build(&PrivateKey::generate(KeyKind::EcdsaP256)?, None, &[San::parse("a.bench.example")?])?;
    let began = Instant::now();
    let mut done = 0_u32;
    while began.elapsed() < TIME {
        let request = Csr::parse_der(request.der())?;
        signer.sign(request.der())?;
        done += 1;
    }
    Ok(f64::from(done))
}
