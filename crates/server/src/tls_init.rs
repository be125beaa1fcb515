//! stub
use crate::config::Config;
use std::process::ExitCode;
pub(crate) async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let _ = config;
    anyhow::bail!("stub")
}
