//! The life of a serving process: start in order, say when it is ready, stop in order.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use certctl_app::auth::Auth;
use certctl_app::{App, Clock, SystemClock};
use certctl_db::Db;
use certctl_domain::issuer::agents_issuer;
use certctl_edge::Site;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ListenerConfig};
use crate::data_dir::DataDir;
use crate::further::IssuerType;
use crate::listener::clients::AnyClient;
use crate::listener::own::Own;
use crate::listener::{Pair, Served, accept, reload, server_config};
use crate::{bootstrap, database, logging, version, world};

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The start failed; what went wrong names the setting and the remedy.
pub(crate) async fn run(config: Config, issuers: &'static [IssuerType]) -> anyhow::Result<ExitCode> {
    logging::start(config.log)?;
    harden();
    announce(&config);
    let mut stop = Stop::new()?;
    let server = tokio::select! {
        server = Box::pin(Server::start(&config, issuers)) => server?,
        () = stop.asked() => {
            tracing::info!("stopped before the start was complete");
            return Ok(ExitCode::SUCCESS);
        }
    };
    stop.asked().await;
    tracing::info!("asked to stop; a second signal ends at once");
    tokio::select! {
        () = server.stop(&config.listener) => Ok(ExitCode::SUCCESS),
        () = stop.asked() => {
            tracing::warn!("stopped by a second signal; what was under way is found again by its lease");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A running server.
struct Server {
    /// Held until the end: nobody else may use the directory meanwhile.
    _data_dir: Option<DataDir>,
    app: App,
    site: Site,
    /// Jobs, loops, certificate renewal.
    work: Group,
    /// The listener.
    doors: Group,
}

/// Tasks that are stopped together.
struct Group {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Everything in the order in which it depends on each other. The listener comes before background work, and says that
    /// it is not ready until that runs.
    async fn start(config: &Config, issuers: &'static [IssuerType]) -> anyhow::Result<Self> {
        let data_dir = match config.database.is_sqlite() {
            true => Some(DataDir::open(&config.data_dir)?),
            false => None,
        };
        let listener = bind(&config.listener).await?;
        let encryption_key = bootstrap::key_of(config, data_dir.as_ref())?;
        let db = open_database(config).await?;
        let (app, sealer) = world::application(config, issuers, &db, &encryption_key).await?;
        let token_file = data_dir.as_ref().map(|dir| dir.join("bootstrap-token"));
        let own = own_certificate(config, data_dir.as_ref());
        let pair = first_pair(config, own.as_ref(), &app).await?;

        let auth = Auth::new(app.clone());
        world::admit(&auth, config, token_file.as_deref()).await?;
        let site = world::site(config, auth.clone())?;
        let served = Arc::new(Served::default());
        served.replace(pair);
        let (work, doors) = (Group::new(), Group::new());
        let clients = AnyClient::new(world::client_authorities(&app, &agents_issuer()).await?);
        let tls = Arc::new(server_config(Arc::clone(&served), Arc::new(clients))?);
        doors.run(accept::serve(listener, tls, site.clone(), doors.stop.clone()));

        follow_certificate(config, own, &app, &served, &work)?;
        if let Some(file) = token_file {
            work.run(bootstrap::remove_when_used(file, app.clone(), work.stop.clone()));
        }
        work.run_until_stopped(async move { auth.watch().await });
        work.run(world::refresh_sealing_keys(sealer, app.clone(), work.stop.clone()));
        let (loops, jobs) = (app.clone(), app.clone());
        let (stop_loops, stop_jobs) = (work.stop.clone(), work.stop.clone());
        work.run(async move { loops.run_loops(stop_loops).await });
        work.run(async move { jobs.run_jobs(stop_jobs).await });
        site.readiness().open();
        tracing::info!("ready at https://{}:{}", config.listener.host, config.listener.port);
        Ok(Self { _data_dir: data_dir, app, site, work, doors })
    }

    /// Not ready any more, then no new work, then no new requests, then the database. What is not over within the budget is
    /// given up: leases and the journal of each step bring it to its end at the next start.
    async fn stop(self, config: &ListenerConfig) {
        self.site.readiness().close();
        let orderly = async {
            tokio::time::sleep(config.drain).await;
            self.app.leave();
            self.work.finish().await;
            self.doors.finish().await;
        };
        if tokio::time::timeout(config.shutdown_budget, orderly).await.is_err() {
            tracing::warn!("not everything was over within {}s", config.shutdown_budget.as_secs());
        }
        self.app.db().close().await;
        tracing::info!("stopped");
    }
}

impl Group {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), tasks: TaskTracker::new() }
    }

    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    fn run_until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! { () = stop.cancelled() => {}, () = task => {} }
        });
    }

    async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Before anything else, so that a port that is taken is known at once.
async fn bind(config: &ListenerConfig) -> anyhow::Result<TcpListener> {
    let host = config.host.trim_matches(['[', ']']);
    let bound = TcpListener::bind((host, config.port)).await;
    bound.with_context(|| {
        format!(
            "CERTCTL_SERVER_HOST, CERTCTL_SERVER_PORT: {host} port {} cannot be bound; another program may hold it",
            config.port
        )
    })
}

async fn open_database(config: &Config) -> anyhow::Result<Db> {
    let now = SystemClock.now();
    if config.database.migration_url.is_some() {
        let owner = database::connect_to_migrate(&config.database).await?;
        let migrated = database::migrate(&config.database, &owner, now).await;
        owner.close().await;
        migrated?;
        return Ok(database::connect(&config.database).await?);
    }
    let db = database::connect(&config.database).await?;
    database::migrate(&config.database, &db, now).await?;
    Ok(db)
}

fn own_certificate(config: &Config, data_dir: Option<&DataDir>) -> Option<Own> {
    let dir = data_dir.filter(|_| config.listener.tls.is_none())?;
    Some(Own::in_data_dir(dir.path(), &config.listener.tls_names))
}

async fn first_pair(config: &Config, own: Option<&Own>, app: &App) -> anyhow::Result<Pair> {
    let listener = &config.listener;
    let pair = match (own, &listener.tls) {
        (Some(own), _) => own.ensure(app).await?,
        (None, Some(paths)) => Pair::load(paths, listener.allow_loose_key_mode, app.now())
            .map_err(|findings| anyhow::anyhow!(findings.join("; ")))?,
        (None, None) => {
            anyhow::bail!("CERTCTL_SERVER_TLS_CERT_PATH, CERTCTL_SERVER_TLS_KEY_PATH: required with PostgreSQL")
        }
    };
    if pair.ends_soon(app.now()) {
        tracing::warn!(not_after = %pair.not_after().to_rfc3339(), "the listener's certificate ends soon");
    }
    Ok(pair)
}

fn follow_certificate(
    config: &Config,
    own: Option<Own>,
    app: &App,
    served: &Arc<Served>,
    work: &Group,
) -> anyhow::Result<()> {
    // Also where the server keeps its own certificate: the signal would end the process otherwise.
    let hang_up = signal(SignalKind::hangup())?;
    let paths = match (&config.listener.tls, &own) {
        (Some(paths), _) => paths.clone(),
        (None, Some(own)) => own.paths().clone(),
        (None, None) => return Ok(()),
    };
    let loose = config.listener.allow_loose_key_mode;
    work.run(reload::follow(paths, loose, Arc::clone(served), hang_up, work.stop.clone()));
    if let Some(own) = own {
        work.run(own.keep(app.clone(), Arc::clone(served), work.stop.clone()));
    }
    Ok(())
}

/// Secrets are in this memory: no core dumps, no debugger of another user.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = limited {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
}

fn announce(config: &Config) {
    tracing::info!(version = version::VERSION, database = %config.database.url, "starting");
    for (name, value) in &config.set {
        tracing::debug!(name, value, "set");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let static_door = if config.auth.agent_bootstrap_tokens.is_empty() { "closed" } else { "open" };
    tracing::info!("static enrolment door: {static_door}; one-time tokens always work");
    if config.auth.demo {
        tracing::warn!("{DEMO}");
    }
}

/// The signals that end the server.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

const DEMO: &str = "DEMONSTRATION MODE: placeholder secrets are accepted. Before anybody depends on this server: \
(1) unset CERTCTL_DEMO_MODE_ACK; (2) set CERTCTL_AUTH_TYPE=api-key; (3) replace CERTCTL_AUTH_SECRET by a key of your own; \
(4) set CERTCTL_KEYGEN_MODE=agent; (5) rotate CERTCTL_CONFIG_ENCRYPTION_KEY; (6) restart";
