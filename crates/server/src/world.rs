//! Puts the application together: every concrete type is named here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use certctl_app::auth::{Auth, EnvKey, NO_ADMINISTRATOR};
use certctl_app::sealing::{self, Sealer};
use certctl_app::{
    App, Catalogue, Clock, Error, Randomness, Settings, SystemClock, SystemIds, SystemRandomness, World,
};
use certctl_db::Db;
use certctl_domain::ids::{CaId, IssuerId};
use certctl_domain::issuer::{agents_issuer, local_issuer};
use certctl_edge::{Build, Origins, Recorded, Site};
use certctl_issuers::local::LocalConfig;
use certctl_pki::Certificate;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::bootstrap;
use crate::config::Config;
use crate::engines::Engines;
use crate::further::IssuerType;
use crate::version::VERSION;

/// The application over this database, with all that every installation has.
///
/// # Errors
/// The encryption key is not the one that the database was sealed with, or the database does not answer.
pub(crate) async fn application(
    config: &Config,
    issuers: &'static [IssuerType],
    db: &Db,
    encryption_key: &SecretString,
) -> anyhow::Result<(App, Sealer)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let randomness: Arc<dyn Randomness> = Arc::new(SystemRandomness);
    let ids = Arc::new(SystemIds::new(Arc::clone(&clock), Arc::clone(&randomness)));
    let sealer = sealing::open(db, encryption_key, clock.now()).await;
    let sealer = sealer.context("CERTCTL_CONFIG_ENCRYPTION_KEY")?;
    let world = World {
        db: db.clone(),
        engines: Arc::new(Engines::new(Arc::clone(&clock), issuers)),
        seal: Arc::new(sealer.clone()),
        catalogue: catalogue(issuers),
        ids,
        clock,
        randomness,
    };
    let app = App::new(world, settings(config));
    app.seed().await?;
    local_ca(config, &app).await?;
    app.ca_ensure(&agents_issuer(), "certctl Agents").await.context("making the CA of agent identities")?;
    Ok((app, sealer))
}

/// The CA behind the local issuer: one of our own, or a subordinate one from files.
async fn local_ca(config: &Config, app: &App) -> anyhow::Result<()> {
    let issuer = local_issuer();
    let Some(files) = &config.ca else {
        return app.ca_ensure(&issuer, "certctl Local").await.context("making the local CA");
    };
    let named = "CERTCTL_CA_CERT_PATH, CERTCTL_CA_KEY_PATH";
    let chain = std::fs::read_to_string(&files.certificate).context(named)?;
    let settings = serde_json::json!({ "ca_cert_path": files.certificate, "ca_key_path": files.key });
    // Judged before it is taken over: afterwards every issuance would fail.
    let judged = LocalConfig::parse(&settings)?;
    certctl_issuers::local::from_files(&judged, CaId::new(app.ids().ulid()), app.now()).context(named)?;
    let key_ref = format!("file:{}", files.key.display());
    if !app.ca_adopt(&issuer, &chain, &key_ref, &settings.to_string()).await.context(named)? {
        let root = app.ca_root_pem(&issuer).await?;
        if !chain.contains(root.trim_end()) {
            tracing::warn!("{named} count at the first start only: the local issuer keeps the CA it has");
        }
    }
    Ok(())
}

/// Takes over the keys of the environment, and opens the bootstrap door if there is a token: the one that is set, or that of the
/// file where nobody could administer without it.
pub(crate) async fn admit(auth: &Auth, config: &Config, token_file: Option<&Path>) -> anyhow::Result<()> {
    let named = config.auth.named_keys.iter().cloned();
    let legacy = config.auth.legacy_keys.iter().enumerate();
    let legacy =
        legacy.map(|(place, key)| EnvKey { name: format!("legacy-key-{place}"), key: key.clone(), admin: false });
    let keys: Vec<EnvKey> = named.chain(legacy).collect();
    let set = config.auth.bootstrap_token.clone();
    let Some(file) = token_file.filter(|_| set.is_none()) else {
        return Ok(auth.start(&keys, set).await?);
    };
    match auth.start(&keys, None).await {
        Ok(()) => bootstrap::remove(file),
        Err(Error::Forbidden { code: NO_ADMINISTRATOR, .. }) => {
            auth.start(&keys, Some(bootstrap::token(file)?)).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Looks for sealing keys that another replica has added, until told to stop.
pub(crate) async fn refresh_sealing_keys(sealer: Sealer, app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REFRESH_EVERY) => {}
        }
        if let Err(error) = sealer.refresh(app.db(), app.now()).await {
            tracing::warn!("the sealing keys were not read again: {error}");
        }
    }
}

/// All doors.
///
/// # Errors
/// Something else in this process records metrics already.
pub(crate) fn site(config: &Config, auth: Auth) -> anyhow::Result<Site> {
    let edge = certctl_edge::Config {
        trusted_proxies: config.listener.trusted_proxies.clone(),
        cors: Origins::new(&config.listener.cors_origins),
        rate: config.limits,
        body_max: config.listener.body_bytes_max,
        build: Build { version: VERSION.to_owned(), ..Build::default() },
        recorded: recorder()?,
    };
    Ok(Site::new(auth, edge, certctl_api::routes()))
}

/// What the process counts of itself, in Prometheus' form. Old samples of the histograms are folded when somebody reads.
fn recorder() -> anyhow::Result<Recorded> {
    let seconds = Matcher::Suffix("duration_seconds".to_owned());
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS).context("the buckets of durations")?;
    let handle = builder.install_recorder().context("recording metrics")?;
    Ok(Recorded(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    })))
}

/// Upper bounds of the duration histograms, seconds.
const BUCKETS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Whose certificates clients should present: subjects of the CAs of an issuer of ours, DER.
pub(crate) async fn client_authorities(app: &App, issuer: &IssuerId) -> anyhow::Result<Vec<Vec<u8>>> {
    let root = Certificate::parse_pem(&app.ca_root_pem(issuer).await?)?;
    let pair = certctl_store::cas::pair(app.db(), issuer).await?;
    let issuing = pair.map(|(issuing, _)| Certificate::parse_der(&issuing.certificate)).transpose()?;
    Ok(issuing.iter().chain([&root]).map(|ca| ca.subject_der().to_vec()).collect())
}

/// The connectors of this build.
fn catalogue(issuers: &[IssuerType]) -> Catalogue {
    let targets = certctl_targets::schemas().iter().copied().copied().collect();
    let further = issuers.iter().map(|kind| kind.schema);
    Catalogue { issuers: certctl_issuers::schemas().iter().copied().chain(further).collect(), targets }
}

fn settings(config: &Config) -> Settings {
    Settings {
        worker: worker(),
        lease: config.scheduler.lease,
        csr_timeout: config.scheduler.awaiting_csr,
        approval_timeout: config.scheduler.awaiting_approval,
        concurrency: config.scheduler.concurrency,
        renewal_check: config.scheduler.renewal_check,
        recover_check: config.scheduler.retry,
        timeout_check: config.scheduler.job_timeout,
        job_check: config.scheduler.job_processor,
        claim_max: config.scheduler.claim_max,
        agent_bootstrap_tokens: config.auth.agent_bootstrap_tokens.clone(),
        agent_reenroll: config.auth.agent_reenroll,
        ..Settings::default()
    }
}

/// Who this process is in leases: no other process, on no other host and at no other time, has the name.
fn worker() -> String {
    let mut bytes = [0; 4];
    SystemRandomness.fill(&mut bytes);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}-{}-{:08x}", std::process::id(), u32::from_be_bytes(bytes))
}

const REFRESH_EVERY: Duration = Duration::from_secs(60);
