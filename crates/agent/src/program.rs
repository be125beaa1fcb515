//! The command line of `certctl-agent`: no arguments to run, `doctor` to look.

use std::{io::Write, process::ExitCode};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{Config, LogFormat},
    doctor, run,
};

/// Runs the program with the arguments of this process.
pub fn main_entry() -> ExitCode {
    main_with(std::env::args().skip(1))
}

/// Runs the program with `arguments`, without the program's name: for programs that carry the agent inside.
pub fn main_with(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => start(Act::Run),
        ["doctor"] => start(Act::Doctor),
        ["--check-config"] => start(Act::CheckConfig),
        ["--version" | "-V"] => say(concat!("certctl-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        ["--help" | "-h"] => say(HELP),
        _ => {
            complain(&format!("certctl-agent: {} is not understood\n{HELP}", words.join(" ")));
            ExitCode::from(2)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Run,
    Doctor,
    CheckConfig,
}

const HELP: &str = "\
Usage: certctl-agent [doctor | --check-config | --version | --help]

Without arguments the agent runs until SIGTERM or SIGINT. Settings come from the environment (CERTCTL_*).
  doctor          looks at the agent's side and at the way to the server; exit code 20 on a finding
  --check-config  reads the settings, says what is wrong with them, and ends
";

fn start(act: Act) -> ExitCode {
    let vars =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (config, warnings) = Config::read(vars);
    for warning in &warnings {
        complain(&format!("certctl-agent: {warning}\n"));
    }
    let config = match config {
        Ok(config) => config,
        Err(problems) => {
            for problem in problems {
                complain(&format!("certctl-agent: {problem}\n"));
            }
            return ExitCode::FAILURE;
        }
    };
    if act == Act::CheckConfig {
        return say("the settings are fine\n");
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("certctl-agent: no runtime: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    if act == Act::Doctor {
        return runtime.block_on(Box::pin(doctor::examine(&config)));
    }
    log(&config);
    // A core dump would hold private keys.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
    let ended = runtime.block_on(Box::pin(until_signal(config)));
    // Threads that read what a daemon left behind writes must not hold the process.
    runtime.shutdown_background();
    ended
}

async fn until_signal(config: Config) -> ExitCode {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        complain("certctl-agent: signals cannot be received\n");
        return ExitCode::FAILURE;
    };
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end; a second signal ends at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    };
    match run(config, asked).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log(config: &Config) {
    let builder = tracing_subscriber::fmt().with_max_level(config.log_level).with_writer(std::io::stderr);
    // A logger that is there already belongs to the program that carries the agent inside.
    let _ = match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    // Nothing is left to tell it to when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
