//! Issuances a second: `POST /certificates?issue=true`, each with a key and request of its own made before the clock starts,
//! by 32 clients over kept-alive TLS 1.3, answered 201 with the chain. Afterwards the rows are counted and leaves verified;
//! otherwise the figure is void. The ceilings are the bare commits of the same rows and the bare verify-and-sign, measured
//! in the same run.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use certctl_pki::{Csr, KeyKind, PrivateKey, San};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::process::Running;
use super::wire::{Connection, Endpoint};
use super::{Bench, Better, Figure};

const CLIENTS: usize = 32;
const REQUESTS: usize = 16_000;
const VERIFIED: usize = 100;
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Issuances a second that are promised where the ceilings allow them.
const TARGET_SQLITE: f64 = 1_500.0;
const TARGET_POSTGRES: f64 = 1_000.0;
/// The share of the smaller ceiling that is promised.
const SHARE: f64 = 0.25;
const ADMIN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TOKEN: &str = "bench-agent-bootstrap-token-0123456789";

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let runtime = Runtime::new()?;
    let requests = Arc::new(requests()?);
    let crypto = crypto_ceiling(&requests)?;
    let mut figures = vec![Figure::new("issue.ceiling.crypto", crypto, "1/s", Better::Higher)];
    let mut backends = vec![("sqlite", None, TARGET_SQLITE)];
    if let Some(url) = &bench.postgres {
        backends.push(("postgres", Some(url.clone()), TARGET_POSTGRES));
    }
    for (name, url, target) in backends {
        let directory = tempfile::tempdir()?;
        let commits = commit_ceiling(directory.path(), url.as_deref())?;
        let (rate, void) = measure(bench, &runtime, directory.path(), url.as_deref(), &requests)?;
        let ceiling = commits.min(crypto);
        let void = void.or_else(|| {
            (rate < ceiling * SHARE).then(|| format!("below {:.0} % of the smaller ceiling", SHARE * 100.0))
        });
        figures.push(Figure::new(format!("issue.ceiling.commit.{name}"), commits, "1/s", Better::Higher));
        figures.push(
            Figure::new(format!("issue.rate.{name}"), rate, "1/s", Better::Higher)
                .target(target)
                .ceiling(ceiling)
                .void(void),
        );
    }
    Ok(figures)
}

/// Bodies of all requests.
fn requests() -> Result<Vec<Vec<u8>>> {
    (0..REQUESTS)
        .map(|number| {
            let name = format!("c{number}.bench.example");
            let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
            let csr = Csr::build(&key, Some(&name), &[San::parse(&name)?])?;
            let body = json!({
                "name": name, "common_name": name, "sans": [name], "owner_id": "bench", "team_id": "bench",
                "issuer_id": "iss-local", "renewal_policy_id": "rp-default", "certificate_profile_id": "bench",
                "csr_pem": csr.to_pem(),
            });
            Ok(serde_json::to_vec(&body)?)
        })
        .collect()
}

/// Verify a request and sign a certificate's worth of bytes, on all cores, a second.
fn crypto_ceiling(requests: &[Vec<u8>]) -> Result<f64> {
    let pems: Vec<String> = requests
        .iter()
        .take(4_000)
        .map(|body| serde_json::from_slice::<Value>(body).ok()?["csr_pem"].as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .context("every body holds a request")?;
    let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for part in pems.chunks(pems.len().div_ceil(threads)) {
            let key = &key;
            scope.spawn(move || {
                for pem in part {
                    let done = Csr::parse_pem(pem).is_ok() && key.sign(pem.as_bytes()).is_ok();
                    assert!(done, "what was made here can be verified and signed");
                }
            });
        }
    });
    Ok(pems.len() as f64 / began.elapsed().as_secs_f64())
}

/// The bare commit loop, on a database beside the one that is measured.
fn commit_ceiling(directory: &Path, postgres: Option<&str>) -> Result<f64> {
    let url = match postgres {
        None => format!("sqlite:{}", directory.join("ceiling.db").display()),
        Some(admin) => database(admin, "ceiling")?,
    };
    let output = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args([
            "bench",
            "--quiet",
            "--package",
            "certctl-store",
            "--bench",
            "commit",
            "--",
            &url,
            &CLIENTS.to_string(),
            "5",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .context("starting the commit loop")?;
    ensure!(output.status.success(), "the commit loop failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with('{')).context("the commit loop says its rate")?;
    serde_json::from_str::<Value>(line)?["value"].as_f64().context("a rate is a number")
}

/// Makes an empty database and gives its URL.
fn database(admin: &str, name: &str) -> Result<String> {
    let name = format!("bench_{name}_{}", std::process::id());
    let made = Command::new("psql")
        .args([admin, "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .context("starting psql")?;
    ensure!(made.success(), "psql could not make {name}");
    Ok(format!("{}/{name}", admin.rsplit_once('/').context("the URL names a database")?.0))
}

struct Server {
    running: Running,
    endpoint: Endpoint,
}

fn start(bench: &Bench, runtime: &Runtime, directory: &Path, postgres: Option<&str>) -> Result<Server> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut environment = vec![
        ("CERTCTL_SERVER_PORT", port.to_string()),
        ("CERTCTL_SERVER_HOST", "127.0.0.1".to_owned()),
        ("CERTCTL_API_KEYS_NAMED", format!("bench:{ADMIN}:admin")),
        ("CERTCTL_AGENT_BOOTSTRAP_TOKEN", TOKEN.to_owned()),
        // One address is every client here; both limits are printed with the figures.
        ("CERTCTL_RATE_LIMIT_RPS", "1000000".to_owned()),
        ("CERTCTL_RATE_LIMIT_BURST", "1000000".to_owned()),
        ("CERTCTL_LOG_LEVEL", "warn".to_owned()),
        ("CERTCTL_DATA_DIR", directory.join("data").display().to_string()),
    ];
    if let Some(admin) = postgres {
        let url = database(admin, "issue")?;
        let pair = directory.join("tls");
        self_signed(&pair)?;
        environment.extend([
            ("CERTCTL_DATABASE_URL", url),
            ("CERTCTL_CONFIG_ENCRYPTION_KEY", ADMIN.to_owned()),
            ("CERTCTL_SERVER_TLS_CERT_PATH", pair.join("tls.crt").display().to_string()),
            ("CERTCTL_SERVER_TLS_KEY_PATH", pair.join("tls.key").display().to_string()),
        ]);
    }
    let log = directory.join("log");
    let mut running = Running::start(&bench.programs.join("certctl-server"), &environment, &log)?;
    let endpoint = Endpoint::new(port, ADMIN)?;
    let began = Instant::now();
    while !runtime
        .block_on(async { Connection::open(&endpoint).await?.get("/ready").await })
        .is_ok_and(|(status, _)| status == 200)
    {
        if let Some(status) = running.ended()? {
            bail!("the server ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        ensure!(began.elapsed() < READY_WITHIN, "the server was not ready: {}", std::fs::read_to_string(&log)?);
    }
    Ok(Server { running, endpoint })
}

/// A pair for a server that generates none.
fn self_signed(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
        .arg(directory.join("tls.key"))
        .arg("-out")
        .arg(directory.join("tls.crt"))
        .output()
        .context("starting openssl")?;
    ensure!(made.status.success(), "openssl could not make a pair: {}", String::from_utf8_lossy(&made.stderr));
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory.join("tls.key"), std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

fn measure(
    bench: &Bench,
    runtime: &Runtime,
    directory: &Path,
    postgres: Option<&str>,
    requests: &Arc<Vec<Vec<u8>>>,
) -> Result<(f64, Option<String>)> {
    let server = start(bench, runtime, directory, postgres)?;
    runtime.block_on(prepare(&server.endpoint))?;
    let (rate, leaves) = runtime.block_on(load(&server.endpoint, requests))?;
    let void = runtime.block_on(judge(&server.endpoint, leaves, directory))?;
    drop(server.running);
    Ok((rate, void))
}

/// What every request refers to.
async fn prepare(endpoint: &Endpoint) -> Result<()> {
    let mut connection = Connection::open(endpoint).await?;
    for (path, body) in [
        ("/api/v1/teams", json!({"id": "bench", "name": "bench"})),
        ("/api/v1/owners", json!({"id": "bench", "name": "bench", "email": "bench@example.org", "team_id": "bench"})),
        ("/api/v1/profiles", json!({"id": "bench", "name": "bench"})),
    ] {
        let (status, answer) = connection.post(path, serde_json::to_vec(&body)?).await?;
        ensure!(status == 201, "{path}: {status} {}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

/// Sends everything; the rate, and some of the answers.
async fn load(endpoint: &Endpoint, requests: &Arc<Vec<Vec<u8>>>) -> Result<(f64, Vec<Vec<u8>>)> {
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(Connection::open(endpoint).await?);
    }
    let began = Instant::now();
    let clients: Vec<_> = connections
        .into_iter()
        .enumerate()
        .map(|(client, mut connection)| {
            let requests = Arc::clone(requests);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for body in requests.iter().skip(client).step_by(CLIENTS) {
                    let (status, answer) = connection.post("/api/v1/certificates?issue=true", body.clone()).await?;
                    ensure!(status == 201, "{status}: {}", String::from_utf8_lossy(&answer));
                    if kept.len() <= VERIFIED / CLIENTS {
                        kept.push(answer);
                    }
                }
                Ok(kept)
            })
        })
        .collect();
    let mut kept = Vec::new();
    for client in clients {
        kept.extend(client.await??);
    }
    Ok((requests.len() as f64 / began.elapsed().as_secs_f64(), kept))
}

/// Why the figure counts for nothing, if it does not.
async fn judge(endpoint: &Endpoint, answers: Vec<Vec<u8>>, directory: &Path) -> Result<Option<String>> {
    let mut connection = Connection::open(endpoint).await?;
    let (_, listed) = connection.get("/api/v1/certificates?per_page=1&count=exact").await?;
    let total = serde_json::from_slice::<Value>(&listed)?["total"].as_u64();
    if total != Some(REQUESTS as u64) {
        return Ok(Some(format!("{total:?} certificates are on record for {REQUESTS} answers")));
    }
    let (_, open) = connection.get("/api/v1/jobs?status=Running&per_page=1").await?;
    if serde_json::from_slice::<Value>(&open)?["total"].as_u64() != Some(0) {
        return Ok(Some("a job is still open".to_owned()));
    }
    for (number, answer) in answers.iter().take(VERIFIED).enumerate() {
        let answer: Value = serde_json::from_slice(answer)?;
        let chain = answer["version"]["pem_chain"].as_str().context("an answer holds the chain")?;
        let certificates = certctl_pki::pem::split_certificates(chain)?;
        let (leaf, above) = certificates.split_first().context("a chain begins with its leaf")?;
        let (leaf_path, above_path) = (directory.join(format!("{number}.pem")), directory.join("above.pem"));
        std::fs::write(&leaf_path, leaf.to_pem())?;
        std::fs::write(&above_path, certctl_pki::pem::to_pem_chain(above))?;
        let verified = Command::new("openssl")
            .args(["verify", "-partial_chain", "-trusted"])
            .arg(&above_path)
            .arg(&leaf_path)
            .output()?;
        if !verified.status.success() {
            return Ok(Some(format!("openssl refuses a leaf: {}", String::from_utf8_lossy(&verified.stderr))));
        }
    }
    Ok(None)
}
