//! Examines the server's own side, one line per finding: what an operator would look at first.

use std::process::ExitCode;
use std::time::Duration;

use certctl_app::{Clock, SystemClock};
use certctl_db::Db;

use crate::args::Args;
use crate::config::{Config, Purpose};
use crate::data_dir::{DataDir, DataDirError};
use crate::entry::{load, print};
use crate::listener::Pair;
use crate::listener::own::Own;
use crate::{database, healthcheck};

/// What became of one look.
enum Finding {
    Good(String),
    Note(String),
    Bad(String),
}

/// Exit 20 when something needs a person.
pub(crate) async fn run(args: &Args) -> ExitCode {
    let config = match load(args, Purpose::Serve) {
        Ok(config) => config,
        Err(refused) => {
            for problem in refused.0 {
                report("configuration", &Finding::Bad(problem.0));
            }
            return ExitCode::from(FINDING);
        }
    };
    let mut bad = report("configuration", &Finding::Good("complete".to_owned()));
    for warning in &config.warnings {
        report("configuration", &Finding::Note(warning.clone()));
    }
    bad |= report("data directory", &data_dir(&config));
    bad |= look_at_database(&config).await;
    bad |= report("certificate", &certificate(&config));
    bad |= report("listener", &listener(&config).await);
    let absent = "certificates carry no AIA or CDP: publication is not part of this version";
    report("publication", &Finding::Note(absent.to_owned()));
    if bad { ExitCode::from(FINDING) } else { ExitCode::SUCCESS }
}

/// Prints one line; true when it needs a person.
fn report(what: &str, finding: &Finding) -> bool {
    let (word, text) = match finding {
        Finding::Good(text) => ("ok", text),
        Finding::Note(text) => ("note", text),
        Finding::Bad(text) => ("FAIL", text),
    };
    print(&format!("{word:<5} {what:<15} {text}"));
    matches!(finding, Finding::Bad(_))
}

fn data_dir(config: &Config) -> Finding {
    if !config.database.is_sqlite() {
        return Finding::Good("not used with PostgreSQL".to_owned());
    }
    match DataDir::open(&config.data_dir) {
        Ok(dir) => Finding::Good(format!("{} is usable; no server holds it", dir.path().display())),
        Err(DataDirError::Held { path, pid }) => {
            let who = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            Finding::Good(format!("{} is held by a running server{who}", path.display()))
        }
        Err(unusable @ DataDirError::Unusable { .. }) => Finding::Bad(unusable.to_string()),
    }
}

async fn look_at_database(config: &Config) -> bool {
    let mut wanted = config.database.clone();
    wanted.connect_timeout = Duration::ZERO;
    let db = match database::connect(&wanted).await {
        Ok(db) => db,
        Err(error) => return report("database", &Finding::Bad(format!("{:#}", anyhow::Error::new(error)))),
    };
    let mut bad = report("database", &Finding::Good(db.url().to_string()));
    bad |= report("schema", &schema(config, &db).await);
    db.close().await;
    bad
}

async fn schema(config: &Config, db: &Db) -> Finding {
    let status = match database::status(&config.database, db).await {
        Ok(status) => status,
        Err(error) => return Finding::Bad(format!("{:#}", anyhow::Error::new(error))),
    };
    if !status.pending.is_empty() {
        let remedy = "start the server or run certctl-server --migrate-only";
        return Finding::Bad(format!("migrations {:?} are pending; {remedy}", status.pending));
    }
    if !status.changed.is_empty() {
        return Finding::Bad(format!("migrations {:?} differ from those that were applied", status.changed));
    }
    if !status.ahead.is_empty() {
        return Finding::Note(format!("a newer server has applied {:?}", status.ahead));
    }
    Finding::Good(format!("{} migrations applied, none pending", status.applied.len()))
}

fn certificate(config: &Config) -> Finding {
    let own = Own::in_data_dir(&config.data_dir, &[]);
    let paths = config.listener.tls.as_ref().unwrap_or(own.paths());
    if config.listener.tls.is_none() && !paths.certificate.exists() {
        return Finding::Note("none yet; the first start issues it".to_owned());
    }
    let now = SystemClock.now();
    match Pair::load(paths, config.listener.allow_loose_key_mode, now) {
        Ok(pair) if pair.ends_soon(now) => Finding::Bad(format!(
            "{} ends at {}; replace it",
            paths.certificate.display(),
            pair.not_after().to_rfc3339()
        )),
        Ok(pair) => Finding::Good(format!("valid until {}", pair.not_after().to_rfc3339())),
        Err(findings) => Finding::Bad(findings.join("; ")),
    }
}

async fn listener(config: &Config) -> Finding {
    match healthcheck::ask_in_time(config).await {
        Ok(answer) if answer.starts_with("200 ") => Finding::Good(answer),
        Ok(answer) => Finding::Bad(answer),
        Err(error) => Finding::Note(format!("no server answers: {error:#}")),
    }
}

const FINDING: u8 = 20;
