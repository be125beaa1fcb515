//! The program itself, started with settings of its own and stopped with the test.

use std::ffi::OsStr;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use certctl_db::{Backend, DbUrl};
use certctl_testkit::db::TestDb;
use certctl_testkit::https::{Authority, Pair, Purpose};
use certctl_testkit::wait::until;
use secrecy::ExposeSecret as _;

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

/// A directory and a database of one server's own, and what a server on them is started with.
pub(crate) struct Site {
    directory: tempfile::TempDir,
    authority: Authority,
    database: Option<TestDb>,
}

impl Site {
    /// On SQLite nothing is there yet, on PostgreSQL an empty database. `None` (noted as skipped) without a PostgreSQL.
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(TestDb::open_empty(backend).await?),
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let this = Self { directory, authority: Authority::new(), database };
        this.write(&this.pair(false));
        Some(this)
    }

    /// A path of its directory.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Everything that PostgreSQL needs, and the certificate from files; then `more`.
    pub(crate) fn settings(&self, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("CERTCTL_DATA_DIR", self.path("data")),
            ("CERTCTL_SERVER_TLS_CERT_PATH", self.path("tls.crt")),
            ("CERTCTL_SERVER_TLS_KEY_PATH", self.path("tls.key")),
            ("CERTCTL_CONFIG_ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned()),
            ("CERTCTL_BOOTSTRAP_TOKEN", "a-token-that-is-long-enough-for-all".to_owned()),
        ];
        if let Some(database) = &self.database {
            let DbUrl::Postgres(url) = &database.config.url else { unreachable!("PostgreSQL was asked for") };
            all.push(("CERTCTL_DATABASE_URL", url.expose_secret().to_owned()));
            all.push(("CERTCTL_DATABASE_MAX_CONNS", "5".to_owned()));
        }
        all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        all.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all
    }

    /// A pair for the listener, of now or of the past.
    pub(crate) fn pair(&self, past: bool) -> Pair {
        self.authority.issue(Purpose::Server, &["localhost"], past)
    }

    /// Puts a pair where the settings say.
    pub(crate) fn write(&self, pair: &Pair) {
        std::fs::write(self.path("tls.crt"), &pair.certificate_pem).expect("written");
        std::fs::write(self.path("tls.key"), &pair.key_pem).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.path("tls.key"), private).expect("made private");
    }
}

/// As the calls want them.
pub(crate) fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
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
