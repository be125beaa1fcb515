//! From the command line to one of the things this program does, and from its outcome to an exit code.

use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use certctl_app::{Clock, SystemClock};
use certctl_db::Db;
use certctl_db::migrate::MigrationStatus;
use clap::Parser;

use crate::args::{Args, Command, Migrate};
use crate::config::{Config, Purpose, Refused};
use crate::data_dir::DataDir;
use crate::database::{self, Diagnosed};
use crate::further::Further;
use crate::{doctor, healthcheck, logging, serve, tls_init};

/// Runs the server with these arguments, the first of which names the program, and returns when it has ended.
///
/// Exit codes: 0 done · 1 failed, with the reason on standard error · 2 usage · 3 no database (`--migrate-only`) · 20 finding
/// (`doctor`).
pub fn main_entry(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    main_entry_with(args, Further::default())
}

/// As [`main_entry`], with additions to what ships.
pub fn main_entry_with(args: impl IntoIterator<Item = OsString>, further: Further) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to standard output, the rest to standard error; neither can be helped if closed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(dispatch(args, further));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            let unreachable = error.downcast_ref::<Diagnosed>().is_some_and(Diagnosed::is_unreachable);
            if unreachable && error.downcast_ref::<WhileMigrating>().is_some() {
                return ExitCode::from(NO_DATABASE);
            }
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(args: Args, further: Further) -> anyhow::Result<ExitCode> {
    let load = |purpose| load(&args, purpose);
    match &args.command {
        Some(Command::Migrate(what)) => migrate(&load(Purpose::Migrate)?, what).await,
        Some(Command::TlsInit) => Box::pin(tls_init::run(load(Purpose::TlsInit)?)).await,
        Some(Command::Healthcheck) => healthcheck::run(&load(Purpose::Migrate)?).await,
        Some(Command::Doctor) => Ok(doctor::run(&args).await),
        None if args.check_config => {
            for warning in load(Purpose::Serve)?.warnings {
                complain(&format!("warning: {warning}"));
            }
            print("the configuration is complete");
            Ok(ExitCode::SUCCESS)
        }
        None if args.migrate_only => {
            let config = load(Purpose::Migrate)?;
            let outcome = migrate(&config, &Migrate::Up).await;
            outcome.map_err(|error| error.context(WhileMigrating))
        }
        None => {
            let mut config = load(Purpose::Serve)?;
            if let Some(configure) = further.configure {
                configure(&mut config);
            }
            Box::pin(serve::run(config, further.issuers)).await
        }
    }
}

/// Reads configuration and environment for a purpose.
///
/// # Errors
/// [`Refused`] with everything that is wrong.
pub(crate) fn load(args: &Args, purpose: Purpose) -> Result<Config, Refused> {
    Config::load(std::env::vars_os(), args.config.clone(), purpose, SystemClock.now())
}

async fn migrate(config: &Config, what: &Migrate) -> anyhow::Result<ExitCode> {
    logging::start(config.log)?;
    // Looking needs no lock: a running server may be asked about.
    let _held = match what {
        Migrate::Status => None,
        Migrate::Up | Migrate::Down { .. } if config.database.is_sqlite() => Some(DataDir::open(&config.data_dir)?),
        Migrate::Up | Migrate::Down { .. } => None,
    };
    let db = database::connect_to_migrate(&config.database).await?;
    let outcome = migrate_with(config, &db, what).await;
    db.close().await;
    print(&table(&outcome?));
    Ok(ExitCode::SUCCESS)
}

async fn migrate_with(config: &Config, db: &Db, what: &Migrate) -> Result<MigrationStatus, database::MigrationError> {
    match what {
        Migrate::Status => database::status(&config.database, db).await,
        Migrate::Up => database::up(&config.database, db, SystemClock.now()).await,
        Migrate::Down { to } => database::down_to(&config.database, db, *to).await,
    }
}

fn table(status: &MigrationStatus) -> String {
    let list = |versions: &[i64]| match versions {
        [] => "none".to_owned(),
        _ => versions.iter().map(|version| format!("{version:06}")).collect::<Vec<_>>().join(" "),
    };
    format!(
        "applied: {}\npending: {}\nchanged: {}\nunknown: {}",
        list(&status.applied),
        list(&status.pending),
        list(&status.changed),
        list(&status.ahead)
    )
}

/// Marks an error of `--migrate-only`, whose exit code tells a database that does not answer from one that refuses.
#[derive(Debug)]
struct WhileMigrating;

impl fmt::Display for WhileMigrating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("migrating")
    }
}

/// One line, or several, on standard output.
pub(crate) fn print(text: &str) {
    // Nobody listens when it is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line, or several, on standard error.
pub(crate) fn complain(text: &str) {
    // Nobody listens when it is closed.
    let _ = writeln!(std::io::stderr(), "certctl-server: {text}");
}

/// Exit code of `--migrate-only` when no database answers.
const NO_DATABASE: u8 = 3;
