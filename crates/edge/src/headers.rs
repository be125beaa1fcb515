//! Headers that every answer carries, and those that depend on the request alone.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::limit::Budget;

/// What the client calls the request, if it is well-formed: kept for the log, never used as ours.
pub(crate) fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=CLIENT_ID_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    fits.then(|| text.to_owned())
}

/// `If-None-Match` of a GET.
pub(crate) fn none_match(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    if *method == Method::GET { headers.get(IF_NONE_MATCH).cloned() } else { None }
}

/// 304 when the client holds what would be sent (RFC 9110 §13.1.2, weak comparison).
pub(crate) fn unless_known(mut response: Response, none_match: Option<&HeaderValue>) -> Response {
    let Some(wanted) = none_match.and_then(|value| value.to_str().ok()) else { return response };
    if response.status() != StatusCode::OK {
        return response;
    }
    let Some(tag) = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()) else { return response };
    let known = wanted.split(',').map(str::trim).any(|each| each == "*" || opaque(each) == opaque(tag));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Adds what every answer carries.
pub(crate) fn finish(response: &mut Response, uri: &Uri, request_id: &str, budget: Option<Budget>) {
    let headers = response.headers_mut();
    for (name, value) in &ALWAYS {
        headers.insert(name.clone(), value.clone());
    }
    if !headers.contains_key(&CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY.clone(), CSP_DATA.clone());
    }
    if !headers.contains_key(CACHE_CONTROL) {
        if headers.contains_key(ETAG) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        } else if ["/api/", "/auth/"].iter().any(|prefix| uri.path().starts_with(prefix)) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    if let Some(budget) = budget {
        headers.insert(LIMIT.clone(), HeaderValue::from(budget.limit));
        headers.insert(REMAINING.clone(), HeaderValue::from(budget.remaining));
        headers.insert(RESET.clone(), HeaderValue::from(budget.reset_secs));
    }
}

/// For answers that are data: nothing in them is ever run, shown or framed.
static CSP_DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
static CONTENT_SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

static ALWAYS: [(HeaderName, HeaderValue); 7] = [
    header("strict-transport-security", "max-age=31536000; includeSubDomains"),
    header("x-frame-options", "DENY"),
    header("x-content-type-options", "nosniff"),
    header("referrer-policy", "no-referrer"),
    header("permissions-policy", "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    header("cross-origin-opener-policy", "same-origin"),
    header("cross-origin-resource-policy", "same-origin"),
];

const fn header(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// Longest id of a client that is kept.
const CLIENT_ID_MAX: usize = 128;
