//! ④ The endpoint that the certificate is for.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::endpoint::{STATUS_NAME, is_up};
use crate::failure::Failure;
use crate::process::Start;
use crate::run::Run;

/// Where it listens.
pub(super) fn address(run: &Run) -> String {
    format!("127.0.0.1:{}", run.ports.endpoint)
}

/// Starts it and waits until it listens.
pub(super) async fn start(run: &Run) -> Result<(), Failure> {
    let since = Instant::now();
    let words: [OsString; 7] = [
        "demo-endpoint".into(),
        "--dir".into(),
        run.layout.demo().into(),
        "--port".into(),
        run.ports.endpoint.to_string().into(),
        "--parent".into(),
        std::process::id().to_string().into(),
    ];
    let start = Start {
        name: "endpoint",
        program: run.executable.clone(),
        args: words.to_vec(),
        settings: Vec::new(),
        log: run.layout.logs().join("endpoint.log"),
    };
    run.processes.start(start).map_err(|error| Failure::new("endpoint", "start", error.to_string()))?;
    let status = run.layout.demo().join(STATUS_NAME);
    super::wait(
        Duration::from_secs(10),
        async || Ok(is_up(&status).then_some(())),
        || Failure::new("endpoint", "not_up", "the endpoint did not listen in time").hint("see logs/endpoint.log"),
    )
    .await?;
    run.done('④', &format!("endpoint listens on {}", address(run)), since, |_, _| {});
    Ok(())
}
