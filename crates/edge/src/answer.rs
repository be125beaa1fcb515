//! What handlers answer. The type says the status, so that the documentation of a route follows from its handler.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::doc::Doc;
use crate::problem::Problem;

/// A successful answer.
pub trait Answer: Send {
    /// The answer as it goes out.
    ///
    /// # Errors
    /// Only defects: a value that does not serialise.
    fn answer(self) -> Result<Response, Problem>;

    /// Adds the statuses and bodies it may have to the documentation of the route.
    fn describe(doc: &mut Doc);
}

/// 200 with a JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// 200 with one resource and its strong ETag `"r<revision>"`.
#[derive(Debug)]
pub struct Entity<T> {
    /// Counts the changes of the resource.
    pub revision: i64,
    /// The resource.
    pub body: T,
}

/// 200 with a list and a weak ETag over what is shown.
#[derive(Debug)]
pub struct Listing<T>(pub T);

/// 201 with the new resource, where it is from now on, and its strong ETag.
#[derive(Debug)]
pub struct Created<T> {
    /// Path of the new resource.
    pub location: String,
    /// Counts its changes; absent when the resource has no revisions.
    pub revision: Option<i64>,
    /// The resource.
    pub body: T,
}

/// 202: the work goes on, and where it can be watched.
#[derive(Debug)]
pub struct Accepted<T> {
    /// Path of what can be watched.
    pub location: Option<String>,
    /// What is known so far.
    pub body: T,
}

/// 204.
#[derive(Debug)]
pub struct NoContent;

/// One of two answers, each with its own status.
#[derive(Debug)]
pub enum Either<A, B> {
    /// The first.
    One(A),
    /// The second.
    Other(B),
}

/// 200 with metrics in the text format of Prometheus.
#[derive(Debug)]
pub struct MetricsText(pub String);

/// 200 with JSON that was rendered before.
#[derive(Debug)]
pub struct RenderedJson(pub Bytes);

impl<T: Serialize + ToSchema + Send> Answer for Json<T> {
    fn answer(self) -> Result<Response, Problem> {
        json(StatusCode::OK, &self.0)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_json::<T>(200, "Done.", &[]);
    }
}

impl<T: Serialize + ToSchema + Send> Answer for Entity<T> {
    fn answer(self) -> Result<Response, Problem> {
        let mut response = json(StatusCode::OK, &self.body)?;
        response.headers_mut().insert(ETAG, revision_tag(self.revision));
        Ok(response)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_json::<T>(200, "The resource.", &["ETag"]);
    }
}

impl<T: Serialize + ToSchema + Send> Answer for Listing<T> {
    fn answer(self) -> Result<Response, Problem> {
        let body = encode(&self.0)?;
        let tag = HeaderValue::try_from(format!("W/\"{:016x}\"", fingerprint(&body))).map_err(|_| Problem::bug())?;
        let mut response = bytes_of(StatusCode::OK, JSON, body);
        response.headers_mut().insert(ETAG, tag);
        Ok(response)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_json::<T>(200, "A page of the list.", &["ETag"]);
    }
}

impl<T: Serialize + ToSchema + Send> Answer for Created<T> {
    fn answer(self) -> Result<Response, Problem> {
        let mut response = json(StatusCode::CREATED, &self.body)?;
        response.headers_mut().insert(LOCATION, location(&self.location)?);
        if let Some(revision) = self.revision {
            response.headers_mut().insert(ETAG, revision_tag(revision));
        }
        Ok(response)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_json::<T>(201, "Created.", &["Location"]);
    }
}

impl<T: Serialize + ToSchema + Send> Answer for Accepted<T> {
    fn answer(self) -> Result<Response, Problem> {
        let mut response = json(StatusCode::ACCEPTED, &self.body)?;
        if let Some(path) = &self.location {
            response.headers_mut().insert(LOCATION, location(path)?);
        }
        Ok(response)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_json::<T>(202, "Accepted; the work goes on.", &["Location"]);
    }
}

impl Answer for NoContent {
    fn answer(self) -> Result<Response, Problem> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    fn describe(doc: &mut Doc) {
        doc.answer_empty(204, "Done.", &[]);
    }
}

impl<A: Answer, B: Answer> Answer for Either<A, B> {
    fn answer(self) -> Result<Response, Problem> {
        match self {
            Self::One(answer) => answer.answer(),
            Self::Other(answer) => answer.answer(),
        }
    }

    fn describe(doc: &mut Doc) {
        A::describe(doc);
        B::describe(doc);
    }
}

impl Answer for MetricsText {
    fn answer(self) -> Result<Response, Problem> {
        Ok(bytes_of(StatusCode::OK, PROMETHEUS, self.0))
    }

    fn describe(doc: &mut Doc) {
        doc.answer_text(200, "Metrics.", PROMETHEUS);
    }
}

impl Answer for RenderedJson {
    fn answer(self) -> Result<Response, Problem> {
        Ok(bytes_of(StatusCode::OK, JSON, self.0))
    }

    fn describe(doc: &mut Doc) {
        doc.answer_any(200, "Done.", JSON);
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    Ok(bytes_of(status, JSON, encode(value)?))
}

fn bytes_of(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value).map_err(|error| Problem::internal(&error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn revision_tag(revision: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"r{revision}\"")).expect("digits are header text")
}

fn location(path: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(path).map_err(|error| Problem::internal(&error))
}

/// FNV-1a: tells apart versions of one list for one client, no more.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
