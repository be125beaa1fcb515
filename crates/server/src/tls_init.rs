//! `certctl-server tls-init`: issues a listener certificate from the local CA for installations whose files others mount,
//! such as Compose and Helm.

use std::process::ExitCode;

use certctl_app::{Clock, SystemClock};

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::entry::print;
use crate::listener::own::Own;
use crate::{bootstrap, database, logging, world};

/// Leaves a good pair in the configured paths, or in the data directory when none are configured.
///
/// # Errors
/// As a start of the server, but for its listener.
pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    logging::start(config.log)?;
    let data_dir = match config.database.is_sqlite() {
        true => Some(DataDir::open(&config.data_dir)?),
        false => None,
    };
    let key = bootstrap::key_of(&config, data_dir.as_ref())?;
    let db = database::connect(&config.database).await?;
    database::migrate(&config.database, &db, SystemClock.now()).await?;
    let (app, _) = world::application(&config, &[], &db, &key).await?;
    let own = match &config.listener.tls {
        Some(paths) => Own::at(paths.clone(), &config.listener.tls_names),
        None => Own::in_data_dir(&config.data_dir, &config.listener.tls_names),
    };
    let pair = own.ensure(&app).await;
    db.close().await;
    let pair = pair?;
    print(&format!("{} valid until {}", own.paths().certificate.display(), pair.not_after().to_rfc3339()));
    Ok(ExitCode::SUCCESS)
}
