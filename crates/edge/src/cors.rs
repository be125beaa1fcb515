//! Which web pages may call from another origin (the Fetch standard's CORS protocol). Nobody, unless the operator lists them;
//! and never with cookies, so that a listed page can only use a key that it was given.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

/// The origins that may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<HeaderValue>,
}

impl Origins {
    /// These origins, such as `https://console.example`; `*` is every one. What cannot be an origin matches none.
    pub fn new<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Self {
        let mut this = Self::default();
        for origin in origins {
            match origin.as_ref() {
                "*" => this.any = true,
                text => this.listed.extend(HeaderValue::from_str(text.trim_end_matches('/'))),
            }
        }
        this
    }

    fn is_empty(&self) -> bool {
        !self.any && self.listed.is_empty()
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if self.listed.contains(origin) {
            return Some(origin.clone());
        }
        self.any.then(|| HeaderValue::from_static("*"))
    }

    /// Adds to an answer what lets the page of a listed origin read it.
    pub(crate) fn finish(&self, origin: Option<&HeaderValue>, uri: &Uri, response: &mut Response) {
        let headers = response.headers_mut();
        if DISCOVERY.contains(&uri.path()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        if self.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }

    /// The answer to the question that a browser asks before the request. It says the same for every path, so that it tells
    /// nothing of what there is.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if headers.get(ORIGIN).is_some_and(|origin| self.allowed(origin).is_some()) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
        Some(response)
    }
}

/// What tells nothing that is not public, to the pages of every origin.
const DISCOVERY: [&str; 4] = ["/health", "/ready", "/api/v1/auth/info", "/api/v1/version"];
const METHODS: &str = "GET, POST, PUT, DELETE, PATCH, OPTIONS";
const HEADERS: &str = "Content-Type, Authorization, X-Request-ID, If-Match, If-None-Match, Idempotency-Key";
const EXPOSED: &str =
    "ETag, Location, Retry-After, X-Request-ID, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";
