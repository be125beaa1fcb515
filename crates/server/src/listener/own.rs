//! The certificate that the server issues for its own listener, from its local CA: kept in the data directory, renewed
//! at two thirds of its life, issued again at start when it is no use any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use certctl_app::App;
use certctl_domain::issuer::local_issuer;
use certctl_pki::{KeyKind, PrivateKey, San, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Pair, Served};
use crate::config::TlsPaths;
use crate::data_dir::write_private;

/// Where the certificate lies and what it must say.
#[derive(Debug, Clone)]
pub struct Own {
    paths: TlsPaths,
    ca: PathBuf,
    names: Vec<San>,
}

impl Own {
    /// In `<data directory>/tls`, for `names`, or for those of the machine when there are none.
    #[must_use]
    pub fn in_data_dir(data_dir: &Path, names: &[San]) -> Self {
        let tls = data_dir.join("tls");
        Self::at(TlsPaths { certificate: tls.join("tls.crt"), key: tls.join("tls.key") }, names)
    }

    /// At these paths.
    #[must_use]
    pub fn at(paths: TlsPaths, names: &[San]) -> Self {
        let ca = paths.certificate.with_file_name("ca.pem");
        let names = if names.is_empty() { names_of_the_machine() } else { names.to_vec() };
        Self { paths, ca, names: San::normalize(names) }
    }

    /// The files.
    #[must_use]
    pub fn paths(&self) -> &TlsPaths {
        &self.paths
    }

    /// The pair on disk if it is good for now, else a fresh one, and why it had to be made.
    ///
    /// # Errors
    /// The local CA cannot issue, or the files cannot be written.
    pub async fn ensure(&self, app: &App) -> anyhow::Result<Pair> {
        let root = app.ca_root_pem(&local_issuer()).await.context("reading the local CA")?;
        match self.existing(&root, app.now()) {
            Ok(pair) => Ok(pair),
            Err(why) => {
                let pair = self.issue(app, &root).await?;
                tracing::info!(
                    not_after = %pair.not_after().to_rfc3339(),
                    fingerprint = %pair.leaf.fingerprint_sha256(),
                    "issued the listener's certificate from the local CA: {why}"
                );
                Ok(pair)
            }
        }
    }

    /// The pair on disk, or why it is no use.
    fn existing(&self, root: &str, now: Timestamp) -> Result<Pair, String> {
        if !self.paths.certificate.exists() || !self.paths.key.exists() {
            return Err("there was none".to_owned());
        }
        if std::fs::read_to_string(&self.ca).ok().as_deref() != Some(root) {
            return Err("the one on disk was of another CA".to_owned());
        }
        let pair = Pair::load(&self.paths, false, now).map_err(|findings| findings.join("; "))?;
        if San::normalize(pair.leaf.sans().to_vec()) != self.names {
            return Err("the one on disk carried other names".to_owned());
        }
        if due_at(&pair) <= now {
            return Err("the one on disk was past two thirds of its life".to_owned());
        }
        Ok(pair)
    }

    async fn issue(&self, app: &App, root: &str) -> anyhow::Result<Pair> {
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let chain = app.listener_issue(self.names.clone(), key.public_key()).await;
        let chain = chain.context("issuing the listener's certificate from the local CA")?;
        let certificates = certctl_pki::pem::split_certificates(&chain)?;
        let pair = Pair::new(&certificates, &key, app.now())?;
        let written = || {
            if let Some(dir) = self.paths.certificate.parent() {
                make_private_dir(dir)?;
            }
            // The key first: a crash in between leaves a pair that does not match and is made again.
            write_private(&self.paths.key, key.to_pkcs8_pem().as_bytes())?;
            write_private(&self.paths.certificate, chain.as_bytes())?;
            write_private(&self.ca, root.as_bytes())
        };
        written().with_context(|| format!("{} cannot be written", self.paths.certificate.display()))?;
        Ok(pair)
    }

    /// Renews while the server runs, until told to stop.
    pub async fn keep(self, app: App, served: Arc<Served>, stop: CancellationToken) {
        loop {
            let pause = match served.current() {
                Some(pair) => due_at(&pair).duration_since(app.now()).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
                None => SHORTEST_PAUSE,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if served.current().is_some_and(|pair| due_at(&pair) > app.now()) {
                continue;
            }
            match self.ensure(&app).await {
                Ok(pair) => served.replace(pair),
                Err(error) => tracing::error!("the listener's certificate was not renewed: {error:#}"),
            }
        }
    }
}

/// Two thirds of the way through its life.
fn due_at(pair: &Pair) -> Timestamp {
    let (from, to) = (pair.leaf.not_before(), pair.not_after());
    to - to.duration_since(from) / 3
}

fn make_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Under which names this machine is reached from itself and, if its name resolves, from elsewhere.
fn names_of_the_machine() -> Vec<San> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let names = [host.as_str(), "localhost", "127.0.0.1", "::1"];
    names.into_iter().filter_map(|name| San::parse(name).ok()).collect()
}

const SHORTEST_PAUSE: Duration = Duration::from_secs(60);
/// Wall clocks jump: the time is looked at again at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
