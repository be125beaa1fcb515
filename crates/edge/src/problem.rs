//! The one error body of the product: `{error, message, request_id, code, details[]?}`, and how a use case's error becomes one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::ops::{Deref, DerefMut};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use certctl_app::Error;
use certctl_domain::refusal::{RefusalKind, Refusals};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// Why a request was not done. The pipeline writes the body, because only it knows the id of the request.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

/// What a problem consists of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Status of the answer.
    pub status: StatusCode,
    /// Stable name of the case.
    pub code: Cow<'static, str>,
    /// Cause and remedy, for people.
    pub message: String,
    /// The fields at fault, or facts that explain the refusal.
    pub details: Vec<ProblemDetail>,
    /// After how many seconds another attempt makes sense.
    pub retry_after: Option<u64>,
    /// What still depends on the thing, where that is the cause.
    pub counts: BTreeMap<String, u64>,
    challenge: Option<&'static str>,
    allow: Option<HeaderValue>,
}

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemDetail {
    /// The field as the wire spells it, such as `sans[1]`, or the name of a fact.
    pub field: String,
    /// What is wrong and what to do, or the value of the fact.
    pub message: String,
}

/// The body of every error answer.
#[derive(Debug, Serialize)]
pub struct ProblemBody<'a> {
    /// Reason phrase of the status.
    pub error: &'a str,
    /// Cause and remedy, for people.
    pub message: &'a str,
    /// Id of the request, as in `X-Request-ID`.
    pub request_id: &'a str,
    /// Stable name of the case, for programs.
    pub code: &'a str,
    /// The fields at fault, where fields are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub details: &'a [ProblemDetail],
    /// What still depends on the thing, where that is the cause.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: &'a BTreeMap<String, u64>,
}

impl Problem {
    /// A problem without details.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            counts: BTreeMap::new(),
            challenge: None,
            allow: None,
        }))
    }

    /// One malformed field: 400.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![ProblemDetail { field: field.into(), message: message.into() }])
    }

    /// Several malformed fields: 400.
    pub fn invalid_fields(details: Vec<ProblemDetail>) -> Self {
        let lines: Vec<String> = details.iter().map(|d| format!("{}: {}", d.field, d.message)).collect();
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid_field", lines.join("; "));
        problem.details = details;
        problem
    }

    /// The credential is missing or not accepted: 401, with the challenge of RFC 6750 §3.
    pub fn unauthenticated(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, code, message);
        problem.challenge = Some(BEARER);
        problem
    }

    /// A defect of ours: 500. The cause goes to the log and nowhere else.
    pub fn internal(cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = cause, "the request failed: {cause}");
        Self::bug()
    }

    /// A defect of ours without a cause to log: 500.
    #[must_use]
    pub fn bug() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; the log of this request id says why",
        )
    }

    /// No such route: 404.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is nothing at this path; GET /api/v1/openapi.json lists what is",
        )
    }

    /// The route has no such method: 405.
    #[must_use]
    pub fn no_method(allow: &str) -> Self {
        let message = format!("this path allows {allow}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        problem.allow = HeaderValue::from_str(allow).ok();
        problem
    }

    /// Says after how many seconds another attempt makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body, for the pipeline and for doors that log it.
    #[must_use]
    pub fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            error: self.status.canonical_reason().unwrap_or("Error"),
            message: &self.message,
            request_id,
            code: &self.code,
            details: &self.details,
            counts: &self.counts,
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn render(&self, request_id: &str) -> Response {
        let mut body = serde_json::to_vec(&self.body(request_id)).expect("texts serialise");
        body.push(b'\n');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(allow) = &self.allow {
            headers.insert(ALLOW, allow.clone());
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Deref for Problem {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.0
    }
}

/// Carried to the pipeline inside an empty response.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (message, full) = (error.to_string(), error.is_full());
        match error {
            Error::Missing { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", message),
            Error::Denied(_) => Self::new(StatusCode::FORBIDDEN, "permission_denied", message),
            Error::Forbidden { code, .. } => Self::new(StatusCode::FORBIDDEN, code, message),
            Error::AgentOnly => Self::new(StatusCode::FORBIDDEN, "agent_only", message),
            Error::Unauthenticated { code, .. } => Self::unauthenticated(code, message),
            Error::Refused(refusals) => Self::from(refusals),
            Error::Conflict { code, details, .. } => {
                let mut problem = Self::new(StatusCode::CONFLICT, code, message);
                if code == "blocked_by_dependencies" {
                    let counts = details.iter().filter_map(|(name, count)| Some((name.clone(), count.parse().ok()?)));
                    problem.counts = counts.collect();
                }
                let facts = details.into_iter().map(|(field, message)| ProblemDetail { field, message });
                problem.details = facts.collect();
                problem
            }
            Error::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "stale", message),
            Error::Gone { code, .. } => Self::new(StatusCode::GONE, code, message),
            Error::Connector(error) => Self::new(StatusCode::BAD_GATEWAY, error.class().as_str(), message),
            Error::Unavailable(source) => {
                tracing::warn!(error = &source as &dyn StdError, "the database did not answer: {source}");
                let (code, seconds) = if full { ("database_full", 60) } else { ("database_unavailable", 1) };
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(seconds)
            }
            Error::Internal { .. } => Self::internal(&error),
        }
    }
}

impl From<Refusals> for Problem {
    fn from(refusals: Refusals) -> Self {
        let (status, code) = match refusals.kind() {
            RefusalKind::Invalid => (StatusCode::BAD_REQUEST, "invalid_field"),
            RefusalKind::Denied => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        };
        let mut problem = Self::new(status, code, refusals.summary());
        let details =
            refusals.0.into_iter().map(|refusal| ProblemDetail { field: refusal.field, message: refusal.message });
        problem.details = details.collect();
        problem
    }
}

const BEARER: &str = "Bearer realm=\"certctl\"";
