//! One request on its way to a handler, and how a handler's arguments are taken out of it.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams};
use bytes::Bytes;
use certctl_app::{App, Caller};
use certctl_domain::audit::Origin;
use certctl_domain::ids::IdError;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};

use crate::doc::Doc;
use crate::problem::{Problem, ProblemDetail};
use crate::route::RouteInfo;
use crate::site::Site;

/// A request whose caller is known and allowed.
pub struct Call {
    /// The site that answers.
    pub site: Site,
    /// The route it came to.
    pub route: Arc<RouteInfo>,
    /// Head of the request.
    pub parts: Parts,
    /// Body of the request, unread; taken by the argument that reads it.
    pub body: Body,
    /// Who calls; absent on public routes.
    pub caller: Option<Caller>,
    /// What the pipeline knows of the request.
    pub trail: Trail,
}

/// What the pipeline knows of a request before anything else.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Our id of the request.
    pub request_id: Arc<str>,
    /// Address of the client, as the one client-address function sees it.
    pub client: IpAddr,
}

impl Trail {
    /// Where the request came from, for the audit log.
    #[must_use]
    pub fn origin(&self, credential_id: Option<String>) -> Origin {
        Origin {
            credential_id,
            request_id: Some(self.request_id.to_string()),
            source_ip: Some(self.client.to_string()),
        }
    }
}

impl Call {
    /// The headers of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The values of the path, percent-decoded, with their names.
    ///
    /// # Errors
    /// 400 when a value is not UTF-8.
    pub async fn path_values(&mut self) -> Result<Vec<(String, String)>, Problem> {
        let values = RawPathParams::from_request_parts(&mut self.parts, &()).await;
        let values = values.map_err(|_| Problem::invalid("path", "is percent-encoded UTF-8"))?;
        Ok(values.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Call {
    /// Reads the body, which is taken by this.
    ///
    /// # Errors
    /// 415 when it is encoded, 413 when it is longer than `most` or the site allows, 408 when it does not arrive in time.
    pub async fn read_body(&mut self, most: usize) -> Result<Bytes, Problem> {
        let headers = &self.parts.headers;
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let message = "send the body as it is, without Content-Encoding";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", message));
        }
        let most = most.min(self.site.config().body_max);
        let too_large = || {
            let message = format!("is longer than the {most} bytes that are read here; send less at a time");
            let mut problem =
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", format!("the body {message}"));
            problem.details = vec![ProblemDetail { field: "body".to_owned(), message }];
            problem
        };
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let body = std::mem::take(&mut self.body);
        match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, most)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
            Ok(Err(_)) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body ended before its announced end"))
            }
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body did not arrive in time")),
        }
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// An argument of a handler. `Call` is passed by turns to all arguments, from first to last.
pub trait FromCall: Sized + Send {
    /// Takes the argument out of the request.
    ///
    /// # Errors
    /// What the client did wrong.
    fn from_call(call: &mut Call) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// Adds to the documentation of the route what the argument asks for.
    fn describe(doc: &mut Doc);
}

impl FromCall for App {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.site.app().clone())
    }

    fn describe(_doc: &mut Doc) {}
}

impl FromCall for Site {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.site.clone())
    }

    fn describe(_doc: &mut Doc) {}
}

impl FromCall for Caller {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        call.caller.clone().ok_or_else(|| Problem::unauthenticated("credential_missing", "Authentication required"))
    }

    fn describe(doc: &mut Doc) {
        doc.names_caller = true;
    }
}

impl FromCall for Trail {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.trail.clone())
    }

    fn describe(_doc: &mut Doc) {}
}

impl FromCall for HeaderMap {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.parts.headers.clone())
    }

    fn describe(_doc: &mut Doc) {}
}

impl FromCall for Uri {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.parts.uri.clone())
    }

    fn describe(_doc: &mut Doc) {}
}

/// The one id in the path of a route.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

/// The two ids in the path of a route, in their order.
#[derive(Debug, Clone)]
pub struct PathPair<A, B>(pub A, pub B);

impl<T: FromStr<Err = IdError> + Send> FromCall for Path<T> {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let values = call.path_values().await?;
        path_id(&values, 0).map(Self)
    }

    fn describe(doc: &mut Doc) {
        doc.path_ids();
    }
}

impl<A, B> FromCall for PathPair<A, B>
where
    A: FromStr<Err = IdError> + Send,
    B: FromStr<Err = IdError> + Send,
{
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let values = call.path_values().await?;
        Ok(Self(path_id(&values, 0)?, path_id(&values, 1)?))
    }

    fn describe(doc: &mut Doc) {
        doc.path_ids();
    }
}

fn path_id<T: FromStr<Err = IdError>>(values: &[(String, String)], index: usize) -> Result<T, Problem> {
    let Some((name, value)) = values.get(index) else { return Err(Problem::bug()) };
    value.parse().map_err(|error: IdError| Problem::invalid(name.as_str(), error.to_string()))
}

/// The revision that `If-Match` names: `"r<revision>"` as a resource's `ETag` gave it; absent or `*` means any.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub Option<i64>);

impl FromCall for IfMatch {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let Some(value) = call.parts.headers.get(IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let revision = text.strip_prefix("\"r").and_then(|rest| rest.strip_suffix('"'));
        match revision.and_then(|digits| digits.parse().ok()) {
            Some(revision) => Ok(Self(Some(revision))),
            None => {
                Err(Problem::invalid("If-Match", "names one ETag of this resource as GET answered it, such as \"r3\""))
            }
        }
    }

    fn describe(doc: &mut Doc) {
        doc.header(
            "If-Match",
            "ETag of the revision that the change is based on; 412 when it is no longer the stored one.",
        );
        doc.fails.extend([400, 412]);
    }
}
