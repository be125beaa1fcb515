//! Stored issuance: one `POST /api/v1/certificates?issue=true` with a fresh key and request, answered 201 with the chain. The
//! figure counts only when every answer is on record, nothing is left reserved, and OpenSSL accepts what was issued.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use certctl_db::sea_orm::{ConnectionTrait, Statement};
use certctl_db::{Db, DbConfig};
use certctl_pki::{Certificate, Csr, KeyKind, PrivateKey, San};
use certctl_wire::{CertificateCreate, IssueAnswer};
use hyper::StatusCode;

use super::load::{self, Aim, Answers, quantile};
use super::server::{LIMITS, Server, Store};
use super::{Bench, Better, Figure, ceiling};

const CLIENTS: usize = 32;
const TIME: Duration = Duration::from_secs(10);
/// More requests than the machine can answer in the time.
const REQUESTS: usize = 60_000;
const VERIFIED: usize = 100;

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut figures = runtime.block_on(measure(bench, Store::Sqlite, 1500.0))?;
    if let Some(server) = &bench.postgres {
        figures.extend(runtime.block_on(measure(bench, Store::Postgres(server.clone()), 1000.0))?);
    }
    Ok(figures)
}

/// At least a quarter of what the machine gives, and `promised` where it gives that much.
async fn measure(bench: &Bench, store: Store, promised: f64) -> Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let commits = ceiling::commits(&store, directory.path(), CLIENTS).await?;
    let signatures = ceiling::signatures()?;
    let bodies = tokio::task::spawn_blocking(|| bodies(REQUESTS)).await??;
    let server = Server::start(bench, &store, directory.path()).await?;
    let aim = Aim {
        port: server.port,
        ca: server.ca.clone(),
        key: server.key.clone(),
        path: "/api/v1/certificates?issue=true",
        clients: CLIENTS,
        time: TIME,
    };
    let mut answers = load::run(&aim, bodies, StatusCode::CREATED).await?;
    let database = server.database.clone();
    server.stop()?;
    let void = check(&answers, &database, directory.path()).await.err().map(|error| format!("{error:#}"));

    let name = store.name();
    let ceiling = commits.min(signatures);
    let rate = answers.good.len() as f64 / answers.elapsed.as_secs_f64();
    let target = (ceiling / 4.0).max(if ceiling >= promised { promised } else { 0.0 });
    let milliseconds = |took: Duration| took.as_secs_f64() * 1000.0;
    let limits: Vec<String> = LIMITS.iter().map(|(name, value)| format!("{name}={value}")).collect();
    say(&format!("{} answers by {CLIENTS} clients, with {}", answers.took.len(), limits.join(" ")));
    Ok(vec![
        Figure::new(format!("issue.rate.{name}"), rate, "1/s", Better::Higher)
            .target(target)
            .ceiling(ceiling)
            .void(void),
        Figure::new(format!("issue.ceiling.commits.{name}"), commits, "1/s", Better::Higher),
        Figure::new(format!("issue.ceiling.signatures.{name}"), signatures, "1/s", Better::Higher),
        Figure::new(format!("issue.p50.{name}"), milliseconds(quantile(&mut answers.took, 0.5)), "ms", Better::Lower),
        Figure::new(format!("issue.p99.{name}"), milliseconds(quantile(&mut answers.took, 0.99)), "ms", Better::Lower),
    ])
}

#[expect(clippy::print_stdout, reason = "a benchmark speaks to the person who runs it")]
fn say(text: &str) {
    println!("  {text}");
}

/// Requests, each for a name and with a key of its own.
fn bodies(count: usize) -> Result<Vec<Bytes>> {
    let make = |number: usize| -> Result<Bytes> {
        let name = format!("h{number}.bench.example");
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let csr = Csr::build(&key, None, &[San::parse(&name)?])?;
        let ask = CertificateCreate {
            name: name.clone(),
            common_name: name.clone(),
            sans: vec![name],
            owner_id: "o-bench".to_owned(),
            team_id: "t-bench".to_owned(),
            issuer_id: "iss-local".to_owned(),
            renewal_policy_id: "rp-default".to_owned(),
            certificate_profile_id: Some("prof-bench".to_owned()),
            csr_pem: Some(csr.to_pem()),
            ..CertificateCreate::default()
        };
        Ok(serde_json::to_vec(&ask)?.into())
    };
    (0..count).map(make).collect()
}

/// Whether what was answered is what is on record, and whether it is any good.
async fn check(answers: &Answers, database: &str, directory: &Path) -> Result<()> {
    if let Some((status, body)) = answers.bad.first() {
        anyhow::bail!("{} refused, the first with {status}: {}", answers.bad.len(), String::from_utf8_lossy(body));
    }
    ensure!(!answers.ran_out, "the requests ran out before the time");
    ensure!(!answers.good.is_empty(), "nothing was issued");
    let db = Db::connect(&DbConfig::new(database.parse()?)).await?;
    let count = async |what: &str| -> Result<usize> {
        let statement =
            Statement::from_string(db.read().get_database_backend(), format!("SELECT count(*) FROM {what}"));
        let row = db.read().query_one_raw(statement).await?.context("a count is one row")?;
        Ok(usize::try_from(row.try_get_by_index::<i64>(0)?)?)
    };
    let leaves = "certificate_versions WHERE certificate_id IS NOT NULL";
    ensure!(count("certificate_versions WHERE state = 'reserved'").await? == 0, "serials are left reserved");
    for (what, rows) in [
        ("certificates", count("certificates").await?),
        ("versions", count(leaves).await?),
        ("issued versions", count(&format!("{leaves} AND state = 'issued'")).await?),
        ("audit events of issuance", count("audit_events WHERE action = 'certificate_issued'").await?),
    ] {
        ensure!(rows == answers.good.len(), "{} answers but {rows} {what}", answers.good.len());
    }
    let statement = "SELECT certificate FROM cas WHERE role = 'root' AND issuer_id = 'iss-local'";
    let statement = Statement::from_string(db.read().get_database_backend(), statement);
    let row = db.read().query_one_raw(statement).await?.context("the local authority has a root")?;
    let root = Certificate::parse_der(&row.try_get_by_index::<Vec<u8>>(0)?)?;
    db.close().await;
    std::fs::write(directory.join("root.pem"), root.to_pem())?;
    let step = (answers.good.len() / VERIFIED).max(1);
    answers.good.iter().step_by(step).take(VERIFIED).try_for_each(|answer| verify(answer, directory))
}

/// OpenSSL's opinion of one answer.
fn verify(answer: &Bytes, directory: &Path) -> Result<()> {
    let answer: IssueAnswer = serde_json::from_slice(answer)?;
    let chain = answer.version.context("a 201 holds the version")?.pem_chain;
    let leaf = directory.join("leaf.pem");
    std::fs::write(&leaf, chain)?;
    let output = std::process::Command::new("openssl")
        .args(["verify", "-x509_strict", "-CAfile"])
        .arg(directory.join("root.pem"))
        .arg("-untrusted")
        .arg(&leaf)
        .arg(&leaf)
        .output()
        .context("starting openssl")?;
    ensure!(output.status.success(), "openssl refuses a leaf: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
