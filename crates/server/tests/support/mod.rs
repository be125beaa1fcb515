//! The program itself, started with settings of its own and stopped with the test.

use std::ffi::OsStr;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use certctl_testkit::wait::until;

const PROGRAM: &str = env!("CARGO_BIN_EXE_certctl-server");

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// The program with these settings and no others.
pub(crate) fn command(settings: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env_clear().envs(settings.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(settings: &[(&str, &str)], args: &[&str]) -> Output {
    command(settings, args).output().expect("the program starts")
}

/// What an ended program said on standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A serving program.
pub(crate) struct Serving {
    child: Child,
    pub(crate) port: u16,
    settings: Vec<(String, String)>,
}

impl Serving {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let text = port.to_string();
        let mut all = settings.to_vec();
        all.extend([
            ("CERTCTL_SERVER_PORT", text.as_str()),
            ("CERTCTL_SHUTDOWN_DRAIN_SECONDS", "0"),
            ("CERTCTL_LOG_FORMAT", "text"),
        ]);
        let child =
            command(&all, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let settings = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut serving = Self { child, port, settings };
        until("the server is ready", Duration::from_secs(60), async || {
            assert!(serving.child.try_wait().expect("waited").is_none(), "{}", serving.said());
            serving.is_ready().then_some(())
        })
        .await;
        serving
    }

    /// Asks it by the program's own health check.
    pub(crate) fn is_ready(&self) -> bool {
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(&settings, &["healthcheck"]).status.success()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let status = self.child.wait().expect("it ends");
        (status, self.said())
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(log) = self.child.stderr.as_mut() {
            let _ = log.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Permission bits.
pub(crate) fn mode(path: impl AsRef<OsStr>) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(Path::new(path.as_ref())).expect("it is there").permissions().mode() & 0o777
}
