//! The order of everything: prepare, take the steps, keep running, stop. One place decides what a signal or a dead process
//! means, whichever step is under way.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use certctl_wire::{QuickstartError, QuickstartFailure, QuickstartMs, QuickstartSummary};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::args::Quickstart;
use crate::failure::Failure;
use crate::layout::Layout;
use crate::ports::Ports;
use crate::process::{Ended, Processes};
use crate::{context, executable, say, steps};

/// A quickstart under way.
pub(crate) struct Run {
    pub(crate) layout: Layout,
    pub(crate) ports: Ports,
    pub(crate) executable: PathBuf,
    pub(crate) processes: Processes,
    started: Instant,
    ms: Mutex<QuickstartMs>,
}

/// How it came to an end.
enum End {
    Done,
    Interrupted,
    Failed(Failure),
}

/// Runs `certctl quickstart` and returns its exit code: 0 done, or stopped by Ctrl-C; 1 a step failed or a process died.
///
/// Must run on a runtime of one thread: a child dies with the *thread* that started it, so that thread must be the last to go.
pub async fn quickstart(args: Quickstart) -> u8 {
    let (processes, mut ended) = Processes::new();
    let (run, mut stop) = match prepare(&args, processes) {
        Ok(prepared) => prepared,
        Err(failure) => return report(&args, &failure, QuickstartMs::default()),
    };
    let end = tokio::select! {
        end = take(&args, &run) => end,
        () = stop.asked() => End::Interrupted,
        died = died(&mut ended) => End::Failed(died),
    };
    say("stopping");
    run.processes.stop().await;
    match end {
        End::Done => 0,
        // A summary was asked for and none was printed.
        End::Interrupted if args.once && !run.is_done() => {
            let message = "stopped before the certificate was served";
            report(&args, &Failure::new("interrupted", "interrupted", message), run.ms())
        }
        End::Interrupted => 0,
        End::Failed(failure) => report(&args, &failure, run.ms()),
    }
}

fn prepare(args: &Quickstart, processes: Processes) -> Result<(Run, Stop), Failure> {
    let layout = Layout::open(&args.data_dir)?;
    let ports = Ports::choose(&layout, args.port)?;
    let executable = executable::trusted(&layout)?;
    let stop = Stop::new().map_err(|error| Failure::new("prepare", "signals", error.to_string()))?;
    let run = Run { layout, ports, executable, processes, started: Instant::now(), ms: Mutex::default() };
    Ok((run, stop))
}

/// All steps, then whatever the arguments ask for.
async fn take(args: &Quickstart, run: &Run) -> End {
    let (summary, client) = match steps::all(run).await {
        Ok(done) => done,
        Err(failure) => return End::Failed(failure),
    };
    tell(run, &summary);
    if !args.once {
        say("It keeps renewing. Stop it with Ctrl-C.");
        steps::watch(run, &client).await;
        return End::Done;
    }
    print(&summary);
    if let Some(seconds) = args.hold {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = steps::watch(run, &client) => {}
        }
    }
    End::Done
}

/// Addresses, and what to try next.
fn tell(run: &Run, summary: &QuickstartSummary) {
    say(&format!(
        "\n  server    {}\n  endpoint  https://{} (as {})\n  data      {}\n  logs      {}\n  processes {}\n\nTry:",
        summary.server,
        summary.served.endpoint,
        summary.served.server_name,
        run.layout.root().display(),
        run.layout.logs().display(),
        run.processes.told(),
    ));
    for command in context::commands(&run.layout, &run.executable) {
        say(&format!("  {command}"));
    }
    say("");
}

/// Waits for a process to end by itself, which none of them should.
async fn died(ended: &mut UnboundedReceiver<Ended>) -> Failure {
    match ended.recv().await {
        Some(process) => Failure::new("run", "process_ended", process.told()),
        None => std::future::pending().await,
    }
}

fn report(args: &Quickstart, failure: &Failure, ms: QuickstartMs) -> u8 {
    say(&format!("quickstart failed: {failure}"));
    if args.once {
        print(&QuickstartFailure {
            ok: false,
            step: failure.step.to_owned(),
            error: QuickstartError {
                code: failure.code.clone(),
                message: failure.message.clone(),
                hint: failure.hint.clone(),
            },
            ms,
        });
    }
    1
}

/// One JSON object on standard output.
fn print(value: &impl serde::Serialize) {
    use std::io::Write as _;
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut out = std::io::stdout();
    // Nobody listens when it is closed.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

impl Run {
    /// Notes how long a step took and says that it is done.
    pub(crate) fn done(&self, number: char, what: &str, since: Instant, note: impl FnOnce(&mut QuickstartMs, u64)) {
        let took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Ok(mut ms) = self.ms.lock() {
            note(&mut ms, took);
        }
        say(&format!("{number} {what} ({took} ms)"));
    }

    /// How long the steps took so far.
    pub(crate) fn ms(&self) -> QuickstartMs {
        self.ms.lock().map(|ms| *ms).unwrap_or_default()
    }

    /// Notes that all steps were taken.
    pub(crate) fn total(&self) -> QuickstartMs {
        if let Ok(mut ms) = self.ms.lock() {
            ms.total = u64::try_from(self.started.elapsed().as_millis()).ok();
        }
        self.ms()
    }

    fn is_done(&self) -> bool {
        self.ms().total.is_some()
    }
}

/// The signals that end a quickstart.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
