//! `certctl-server` with what only tests need: an issuer that answers after some polls and keeps its orders in a directory,
//! leases that are soon over, and a database file that may be limited.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use certctl_app::{Clock, SystemClock};
use certctl_connector::schema::{Field, Kind};
use certctl_connector::{ConfigSchema, ConnectorError, ErrorClass, SharedIssuer};
use certctl_server::config::Config;
use certctl_server::{Further, IssuerType};
use certctl_testkit::issuer::SlowIssuer;
use serde_json::Value;

fn main() -> ExitCode {
    certctl_server::main_entry_with(std::env::args_os(), Further { issuers: &SLOW, configure: Some(configure) })
}

static SLOW: [IssuerType; 1] = [IssuerType {
    schema: ConfigSchema {
        connector: "Slow",
        fields: &[
            Field::required("directory", Kind::Path, "Where the issuer keeps its CA and its orders."),
            Field::required("polls", Kind::Integer(0, 100), "How often it is asked before it answers."),
        ],
    },
    connect: slow,
}];

fn slow(config: &Value) -> Result<SharedIssuer, ConnectorError> {
    let wrong = |field| ConnectorError::new(ErrorClass::Config, "Slow", "load", format!("{field} is missing"));
    let directory = config["directory"].as_str().ok_or_else(|| wrong("directory"))?;
    let polls = config["polls"].as_u64().and_then(|polls| u32::try_from(polls).ok()).ok_or_else(|| wrong("polls"))?;
    Ok(Arc::new(SlowIssuer::kept(Path::new(directory), polls, SystemClock.now())))
}

#[expect(clippy::disallowed_methods, reason = "a test limits the file through the environment")]
fn configure(config: &mut Config) {
    config.scheduler.lease = LEASE;
    config.database.pages_max = std::env::var(PAGES).ok().and_then(|pages| pages.parse().ok());
}

/// What a killed process worked on is soon found.
const LEASE: Duration = Duration::from_secs(10);
/// Largest SQLite file in pages of 4 KiB. Without the prefix of a setting, because it is none.
const PAGES: &str = "TEST_SQLITE_PAGES";
