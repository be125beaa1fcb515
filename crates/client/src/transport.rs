//! One request: where it goes, how often it is tried, how much of the answer is read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use certctl_wire::{Problem, StatusAnswer};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{Caller, Client};
use crate::error::{Error, Unreachable};
use crate::query::Query;

/// A request in the making.
pub(crate) struct Call<'a> {
    method: Method,
    segments: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    headers: Vec<(&'static str, String)>,
    if_match: Option<String>,
    timeout: Option<Duration>,
    anonymous: bool,
    once: bool,
}

impl<'a> Call<'a> {
    fn new(method: Method, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            method,
            segments: segments.into_iter().collect(),
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            if_match: None,
            timeout: None,
            anonymous: false,
            once: false,
        }
    }

    pub(crate) fn get(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::GET, segments)
    }

    /// A write that the server recognises when it comes twice, by its idempotency key or by its content.
    pub(crate) fn post(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::POST, segments)
    }

    pub(crate) fn put(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::PUT, segments)
    }

    pub(crate) fn delete(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(Method::DELETE, segments)
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.query.extend(query.0);
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body).map_err(|error| Error::option("body", error.to_string()))?;
        self.body = Some(bytes);
        Ok(self)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Refused by the server with 412 when the resource is no longer at this revision.
    pub(crate) fn if_revision(mut self, revision: Option<i64>) -> Self {
        self.if_match = revision.map(|revision| format!("\"r{revision}\""));
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sent without a bearer token.
    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Not sent again once it may have arrived.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

/// What came back, if it was a success.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) date: Option<String>,
}

/// How one try ended without success.
struct Failure {
    error: Error,
    /// Whether the request cannot have arrived.
    unsent: bool,
    /// Whether the same request may succeed soon.
    passing: bool,
    retry_after: Option<Duration>,
}

impl Client {
    /// Sends a request and reads the JSON of its answer.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Error> {
        let answer = self.send(call).await?;
        self.parse(&answer.body)
    }

    /// Sends a request whose answer has no body, or one that says nothing new.
    pub(crate) async fn done(&self, call: Call<'_>) -> Result<(), Error> {
        self.send(call).await.map(|_| ())
    }

    /// Sends a request whose answer is one word.
    pub(crate) async fn word(&self, call: Call<'_>) -> Result<String, Error> {
        Ok(self.read::<StatusAnswer>(call).await?.status)
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body)
            .map_err(|error| Error::Unreadable { server: self.server().to_owned(), detail: error.to_string() })
    }

    /// Sends a request, again where that is safe and may help.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let url = self.url(&call)?;
        let idempotency_key = (call.method == Method::POST).then(|| hex::encode(random::<16>()));
        let began = Instant::now();
        let mut tried = 0;
        loop {
            let failure = match self.attempt(&call, &url, idempotency_key.as_deref()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tried += 1;
            let in_time = began.elapsed() < self.shared.options.timeout;
            let again = in_time && (failure.unsent || (failure.passing && !call.once));
            let spread = f64::from(u16::from_be_bytes(random::<2>())) / f64::from(u16::MAX);
            match self.shared.options.retry.pause(tried, failure.retry_after, spread).filter(|_| again) {
                None => return Err(failure.error),
                Some(pause) => {
                    tracing::debug!(error = %failure.error, pause_ms = pause.as_millis(), "trying again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(&self, call: &Call<'_>, url: &Url, idempotency_key: Option<&str>) -> Result<Answer, Failure> {
        let Caller { http, authorization } = self.caller();
        let timeout = call.timeout.unwrap_or(self.shared.options.timeout);
        let mut request =
            http.request(call.method.clone(), url.clone()).timeout(timeout).header(ACCEPT, "application/json");
        if let Some(value) = authorization.filter(|_| !call.anonymous) {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(tag) = &call.if_match {
            request = request.header(IF_MATCH, tag);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error, timeout))?;
        let status = response.status().as_u16();
        let retry_after = seconds(&response);
        let date = header(&response, "date");
        let body = self.body(response, timeout).await?;
        if (200..300).contains(&status) {
            return Ok(Answer { status, body, date });
        }
        let problem = Box::new(problem(status, &body));
        let passing = matches!(status, 502..=504) || (status == 429 && retry_after.is_some());
        Err(Failure { error: Error::Refused { status, problem, retry_after }, unsent: false, passing, retry_after })
    }

    async fn body(&self, mut response: Response, timeout: Duration) -> Result<Vec<u8>, Failure> {
        let limit = self.shared.options.answer_max;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error, timeout))? {
            if body.len() + chunk.len() > limit {
                let error = Error::TooLarge { limit };
                return Err(Failure { error, unsent: false, passing: false, retry_after: None });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error, timeout: Duration) -> Failure {
        let cause = Unreachable::from_transport(error, timeout);
        let unsent = error.is_connect() && !matches!(cause, Unreachable::Tls(_));
        let passing = matches!(cause, Unreachable::Broken(_));
        let error = Error::Unreachable { server: self.server().to_owned(), cause };
        Failure { error, unsent, passing, retry_after: None }
    }

    fn url(&self, call: &Call<'_>) -> Result<Url, Error> {
        let mut url = self.shared.base.clone();
        if let Some(segment) = call.segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(Error::option("id", format!("{segment:?} is not an id")));
        }
        // An https address always has a path, so this cannot fail.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.segments);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }
}

/// What an error body says; a proxy's page, or nothing, is put into the same form.
fn problem(status: u16, body: &[u8]) -> Problem {
    let mut problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    if problem.error.is_empty() {
        let status = reqwest::StatusCode::from_u16(status).ok();
        problem.error = status.and_then(|status| status.canonical_reason()).unwrap_or("Unknown").to_owned();
    }
    if problem.message.is_empty() {
        problem.message = format!("the server answered {status} {}", problem.error);
    }
    problem
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn seconds(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Random bytes; zeroes if the system has none, since nothing here must be hard to guess.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::warn!("the system gives no random bytes");
    }
    bytes
}

/// Finds addresses as the system does, and tells failures apart from others.
pub(crate) struct Resolver {
    /// The server's own name, where requests speak of another one (SNI, `Host`).
    server: Option<String>,
}

impl Resolver {
    pub(crate) fn new(server: &Url, named: bool) -> Self {
        let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
        Self { server: named.then(|| host.to_owned()) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = self.server.clone().unwrap_or_else(|| name.as_str().to_owned());
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| DnsFailure(error.to_string()))?;
            let addresses: Vec<SocketAddr> = found.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The name of the server has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DnsFailure(pub(crate) String);
