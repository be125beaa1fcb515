//! Why a command did not do what was asked: one line of cause, one line of hint, the request id.

use certctl_client::{Class, Error, TlsTrouble, Unreachable};
use serde_json::json;

use crate::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Stable word for programs.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) more: Box<More>,
}

/// What else there is to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct More {
    /// The field at fault, where there is one.
    pub(crate) field: Option<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Names the request in the server's log.
    pub(crate) request_id: Option<String>,
    /// Further lines: all fields at fault, what depends on the thing.
    pub(crate) details: Vec<String>,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

const UNREACHABLE: &str = "unreachable";

impl Failure {
    pub(crate) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self { exit, code: code.to_owned(), message: message.into(), more: Box::default() }
    }

    /// The command line, a setting or a file cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.more.hint = Some(hint.into());
        self
    }

    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.more.details = details;
        self
    }

    /// Names the command that looks closer, where one does.
    pub(crate) fn with_doctor(mut self) -> Self {
        if self.code == UNREACHABLE {
            self.more.hint = self.more.hint.map(|hint| format!("{hint} (certctl doctor looks at each layer)"));
        }
        self
    }

    /// As text for stderr, or as JSON in one line.
    pub(crate) fn render(&self, json: bool) -> String {
        let More { field, hint, request_id, details } = &*self.more;
        if json {
            let error = json!({
                "code": self.code, "message": self.message, "field": field, "request_id": request_id, "hint": hint,
                "details": details,
            });
            return json!({ "error": error }).to_string();
        }
        let mut lines = vec![format!("error: {}", self.message)];
        lines.extend(details.iter().map(|detail| format!("  {detail}")));
        lines.extend(hint.iter().map(|hint| format!("hint: {hint}")));
        lines.extend(request_id.iter().map(|id| format!("request id: {id}")));
        lines.join("\n")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.class() {
            Class::Usage => Exit::Usage,
            Class::NotAuthenticated => Exit::NotAuthenticated,
            Class::Forbidden => Exit::Forbidden,
            Class::NotFound => Exit::NotFound,
            Class::Conflict => Exit::Conflict,
            Class::Invalid => Exit::Invalid,
            Class::RateLimited => Exit::RateLimited,
            Class::Unavailable => Exit::Unavailable,
            Class::Failed => Exit::Failure,
        };
        let mut failure = Self::new(exit, code(&error), error.to_string());
        failure.more.hint = hint(&error);
        if let Error::Option { field, .. } = &error {
            failure.more.field = Some((*field).to_owned());
        }
        if let Some(problem) = error.problem() {
            failure.more.request_id = Some(problem.request_id.clone()).filter(|id| !id.is_empty());
            failure.more.field = problem.details.first().map(|detail| detail.field.clone());
            failure.more.details =
                problem.details.iter().map(|detail| format!("{}: {}", detail.field, detail.message)).collect();
            if let Some(counts) = &problem.counts {
                failure.more.details.push(format!(
                    "{} targets, {} certificates, {} open jobs depend on it",
                    counts.active_targets, counts.active_certificates, counts.pending_jobs
                ));
            }
        }
        failure
    }
}

fn code(error: &Error) -> &str {
    match error {
        Error::Option { .. } => "usage",
        Error::Unreachable { .. } => UNREACHABLE,
        Error::Refused { problem, .. } if problem.code.is_empty() => "refused",
        Error::Refused { problem, .. } => &problem.code,
        Error::Unreadable { .. } => "unreadable_answer",
        Error::TooLarge { .. } => "answer_too_large",
    }
}

fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Option { field, .. } => return option_hint(field),
        Error::Unreachable { cause, .. } => return Some(unreachable_hint(cause)),
        Error::Refused { retry_after: Some(wait), .. } => return Some(format!("try again in {} s", wait.as_secs())),
        Error::Unreadable { .. } => "is this the address of a certctl server? compare versions: certctl version",
        Error::TooLarge { .. } => "ask for fewer rows with --limit",
        Error::Refused { .. } => match error.class() {
            Class::NotAuthenticated => "give a valid key: certctl login, --api-key-file FILE or CERTCTL_API_KEY",
            Class::Forbidden => "certctl doctor shows what this credential may do",
            Class::Unavailable => "the server is starting or its database is down; try again, or look at its log",
            Class::Usage | Class::NotFound | Class::Conflict | Class::Invalid | Class::RateLimited | Class::Failed => {
                return None;
            }
        },
    };
    Some(hint.to_owned())
}

fn option_hint(field: &str) -> Option<String> {
    let flag = match field {
        "server" => "--server https://HOST:PORT, CERTCTL_SERVER_URL, or a context from certctl login",
        "ca_bundle" => "--ca-bundle FILE or CERTCTL_SERVER_CA_BUNDLE_PATH",
        "client_cert" | "client_key" => "--client-cert FILE --client-key FILE",
        "tls_server_name" => "--tls-server-name NAME",
        "pin" => "--pin sha256:HEX",
        _ => return None,
    };
    Some(format!("set it with {flag}"))
}

fn unreachable_hint(cause: &Unreachable) -> String {
    let hint = match cause {
        Unreachable::Dns(_) => "check the name in --server or in the context",
        Unreachable::Connect(_) => "is the server running, and is the port right?",
        Unreachable::Timeout(_) => "a firewall may drop the packets",
        Unreachable::Broken(_) => "try again; something between here and the server ends connections",
        Unreachable::Tls(_) => match cause.tls_trouble().unwrap_or(TlsTrouble::Other) {
            TlsTrouble::UnknownIssuer => "name the server's CA with --ca-bundle FILE",
            TlsTrouble::Name => "use a name the certificate carries, or --tls-server-name NAME",
            TlsTrouble::Dates => "the server's certificate is over, or this machine's clock is wrong",
            TlsTrouble::Pin => "if the server was given a new certificate on purpose, pin that one",
            TlsTrouble::ClientCertificate => "the server wants another client certificate: --client-cert, --client-key",
            TlsTrouble::Other => "does an HTTPS server with TLS 1.3 listen there?",
        },
    };
    hint.to_owned()
}
