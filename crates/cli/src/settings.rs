//! What holds for one run: flag before environment before context before default.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_client::{Credentials, Identity, Options, Pin, Roots};
use certctl_wire::settings::{Program, Reader};
use secrecy::{ExposeSecret, SecretString};

use crate::args::{Format, Global};
use crate::config::{self, Config, Confirm, Context};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;

/// What holds for one run.
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    pub(crate) yes: bool,
    pub(crate) no_input: bool,
    pub(crate) confirm: Confirm,
    pub(crate) default_team: Option<String>,
    pub(crate) config_path: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) pin: Option<String>,
    /// The file the key came from, if it came from one.
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) client: Options,
}

/// Whether the context that is named must be in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contexts {
    /// It must.
    Known,
    /// It is about to be made.
    New,
}

/// Reads the environment and the file, notes warnings, and decides what holds.
pub(crate) fn resolve(console: &mut Console, global: &Global, contexts: Contexts) -> Result<Settings> {
    let mut env = environment(console, global);
    let config_path = config::path(console, global.config.as_deref());
    let named = global.config.is_some() || console.var("CERTCTL_CONFIG").is_some();
    let file = config::load(config_path.as_deref(), named)?;
    let wanted = global.context.clone().or_else(|| env.text("CERTCTL_CONTEXT"));
    let (name, context) = match (contexts, wanted) {
        (Contexts::New, wanted) => (wanted, Context::default()),
        (Contexts::Known, wanted) => context(&file, wanted, config_path.as_deref())?,
    };
    let base = config_path.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).to_owned();
    let server = server(&mut env, global, &context);
    let mut sources = Sources { env, global, context, base, home: console.home(), server };
    let format = sources.format(&file);
    let no_input = sources.env.flag("CERTCTL_NO_INPUT");
    let ca_bundle = sources.path(&global.ca_bundle, "CERTCTL_SERVER_CA_BUNDLE_PATH", |context| &context.ca_bundle);
    let pin = global.pin.clone().or_else(|| sources.context.pin.clone());
    let mut client = Options::new(sources.server.clone());
    if let Some(path) = &ca_bundle {
        client.roots = Roots::Bundle(files::read_text(console, "--ca-bundle", path)?.into_bytes());
    }
    client.server_name = global.tls_server_name.clone().or_else(|| sources.context.tls_server_name.clone());
    client.pin = pin.as_deref().map(Pin::parse).transpose()?;
    client.insecure = sources.insecure()?;
    let patience = sources.env.duration("CERTCTL_TIMEOUT", Duration::from_secs(1));
    client.timeout = global.request_timeout.unwrap_or(patience);
    let (api_key, key_file) = sources.api_key(console)?;
    client.credentials = Credentials { api_key, identity: sources.identity(console)? };
    finish(console, sources.env, global.quiet)?;
    if client.insecure {
        console.note("warning: --insecure: the server is not checked; anybody in between reads and changes everything");
    }
    let Context { confirm, default_team, .. } = sources.context;
    Ok(Settings {
        format,
        quiet: global.quiet,
        yes: global.yes,
        no_input,
        confirm,
        default_team,
        config_path,
        context: name,
        ca_bundle,
        pin,
        key_file,
        client,
    })
}

/// Where values come from.
struct Sources<'a> {
    env: Reader,
    global: &'a Global,
    context: Context,
    /// Where relative paths of the context start.
    base: PathBuf,
    home: Option<PathBuf>,
    /// The server that is called.
    server: String,
}

fn server(env: &mut Reader, global: &Global, context: &Context) -> String {
    let by_env = env.is_set("CERTCTL_SERVER_URL").then(|| env.text("CERTCTL_SERVER_URL")).flatten();
    let given = global.server.clone().or(by_env).or_else(|| context.server.clone());
    given.or_else(|| env.text("CERTCTL_SERVER_URL")).unwrap_or_default()
}

impl Sources<'_> {
    fn beside(&self, path: &str) -> PathBuf {
        files::expand(path, &self.base, self.home.as_deref())
    }

    fn path(&mut self, flag: &Option<PathBuf>, variable: &str, of: fn(&Context) -> &Option<String>) -> Option<PathBuf> {
        let given = flag.clone().or_else(|| self.env.path(variable));
        given.or_else(|| of(&self.context).as_deref().map(|path| self.beside(path)))
    }

    /// The context's server, where a flag or a variable names another one.
    fn elsewhere(&self) -> Option<&str> {
        let ours = self.context.server.as_deref()?;
        let same = self.server.trim_end_matches('/') == ours.trim_end_matches('/');
        (!same).then_some(ours)
    }

    fn insecure(&mut self) -> Result<bool> {
        let names = ["CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY", "CERTCTL_TLS_INSECURE_SKIP_VERIFY"];
        let insecure = self.global.insecure || names.iter().any(|name| self.env.flag(name));
        if insecure && self.env.flag("CERTCTL_FORBID_INSECURE") {
            let failure = Failure::usage("--insecure is forbidden here (CERTCTL_FORBID_INSECURE)");
            return Err(failure.hint("name the server's CA with --ca-bundle FILE"));
        }
        Ok(insecure)
    }

    /// The key, and the file it came from if it came from one.
    fn api_key(&self, console: &mut Console) -> Result<(Option<SecretString>, Option<PathBuf>)> {
        if let Some(key) = &self.global.api_key {
            console.note("warning: --api-key shows the key in process lists; prefer --api-key-file or CERTCTL_API_KEY");
            return Ok((Some(SecretString::from(key.clone())), None));
        }
        if self.global.api_key_stdin {
            return Ok((Some(key_from(console, "--api-key-stdin", Path::new("-"))?), None));
        }
        if let Some(path) = &self.global.api_key_file {
            return Ok((Some(key_from(console, "--api-key-file", path)?), Some(path.clone())));
        }
        if let Some(key) = self.env.secret("CERTCTL_API_KEY") {
            return Ok((Some(SecretString::from(key.expose_secret().trim().to_owned())), None));
        }
        if let Some(other) = self.elsewhere() {
            if self.context.auth.api_key.is_some() || self.context.auth.key_file.is_some() {
                console.note(&format!("warning: the context's key is for {other} and is not sent to another server"));
            }
            return Ok((None, None));
        }
        if let Some(key) = &self.context.auth.api_key {
            return Ok((Some(key.clone()), None));
        }
        let Some(path) = self.context.auth.key_file.as_deref().map(|path| self.beside(path)) else {
            return Ok((None, None));
        };
        Ok((Some(key_from(console, "key_file", &path)?), Some(path)))
    }

    fn identity(&mut self, console: &mut Console) -> Result<Option<Identity>> {
        let certificate =
            self.path(&self.global.client_cert, "CERTCTL_CLIENT_CERT", |context| &context.auth.client_cert);
        let key = self.path(&self.global.client_key, "CERTCTL_CLIENT_KEY", |context| &context.auth.client_key);
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Identity {
                certificate_pem: files::read_text(console, "--client-cert", &certificate)?,
                key_pem: SecretString::from(files::read_text(console, "--client-key", &key)?),
            })),
            (Some(_), None) | (None, Some(_)) => {
                Err(Failure::usage("a client certificate needs its key: give both --client-cert and --client-key"))
            }
        }
    }

    fn format(&mut self, file: &Config) -> Format {
        let read =
            |text: &str| <Format as clap::ValueEnum>::from_str(text, false).map_err(|_| "must be table, json or name");
        let by_env = self.env.is_set("CERTCTL_OUTPUT").then(|| self.env.parse("CERTCTL_OUTPUT", read)).flatten();
        self.global.output.or(by_env).or(file.output.format).unwrap_or(Format::Table)
    }
}

/// The variables of this program. A file for the key is read only where no flag gives the key.
fn environment(console: &Console, global: &Global) -> Reader {
    let flag_gives_key = global.api_key.is_some() || global.api_key_file.is_some() || global.api_key_stdin;
    let vars = console.env.iter().filter(|(name, _)| !(flag_gives_key && name.starts_with("CERTCTL_API_KEY"))).cloned();
    let shared = RefCell::new(Vec::new());
    let mut env = Reader::new(Program::Cli, vars, |path| {
        if files::is_shared(Path::new(path)) {
            shared.borrow_mut().push(path.to_owned());
        }
        std::fs::read_to_string(path)
    });
    for path in shared.into_inner() {
        env.warn(readable_by_others(Path::new(&path)));
    }
    env
}

fn context(file: &Config, wanted: Option<String>, path: Option<&Path>) -> Result<(Option<String>, Context)> {
    let Some(name) = wanted.or_else(|| file.current_context.clone()) else { return Ok((None, Context::default())) };
    if let Some(context) = file.contexts.get(&name) {
        return Ok((Some(name), context.clone()));
    }
    let known: Vec<_> = file.contexts.keys().map(String::as_str).collect();
    let place = path.map(|path| path.display().to_string()).unwrap_or_default();
    let hint =
        if known.is_empty() { "certctl login makes one".to_owned() } else { format!("known: {}", known.join(", ")) };
    Err(Failure::new(Exit::Usage, "unknown_context", format!("context {name:?} is not in {place}")).hint(hint))
}

fn key_from(console: &mut Console, flag: &str, path: &Path) -> Result<SecretString> {
    if path != Path::new("-") && files::is_shared(path) {
        console.note(&format!("warning: {}", readable_by_others(path)));
    }
    let text = files::read_text(console, flag, path)?;
    let key = text.trim();
    if key.is_empty() {
        return Err(Failure::usage(format!("{flag}: {} holds no key", path.display())));
    }
    Ok(SecretString::from(key.to_owned()))
}

fn readable_by_others(path: &Path) -> String {
    format!("{} holds a key and others may read it: chmod 600 {}", path.display(), path.display())
}

/// Shows what the environment has wrong: warnings go by, problems end the run.
fn finish(console: &mut Console, env: Reader, quiet: bool) -> Result<()> {
    let (problems, warnings) = env.finish();
    for warning in warnings.iter().filter(|_| !quiet) {
        console.note(&format!("warning: {warning}"));
    }
    let mut problems = problems.into_iter().map(|problem| problem.to_string());
    let Some(first) = problems.next() else { return Ok(()) };
    Err(Failure::usage(first).details(problems.collect()))
}
