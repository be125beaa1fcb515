//! `Idempotency-Key`: the second request with one key gets the answer of the first, headers and all.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use certctl_app::Caller;
use certctl_app::idempotency::Repeat;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::handler::Run;
use crate::problem::Problem;

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    body: String,
}

/// Runs the handler, or repeats what it answered before.
pub(crate) async fn run(mut call: Call, handler: Run) -> Result<Response, Problem> {
    let Some(key) = key(&call.parts.headers)? else { return handler(call).await };
    let Some(caller) = call.caller.clone() else { return Err(Problem::bug()) };
    let app = call.site.app().clone();
    let body = call.read_body(usize::MAX).await?;
    let digest = digest(&call, &body);
    match app.answer_reserve(&caller, &key, &digest).await? {
        Repeat::Again { status, text } => return again(status, &text),
        Repeat::First => {}
    }
    call.body = Body::from(body);
    let answer = handler(call).await;
    match answer {
        Ok(response) if response.status().is_success() => keep(&app, &caller, &key, response).await,
        other => {
            if let Err(error) = app.answer_release(&caller, &key).await {
                tracing::warn!(%error, "an idempotency key stays taken for two minutes: {error}");
            }
            other
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > KEY_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::invalid("Idempotency-Key", format!("has 1 to {KEY_MAX} visible ASCII characters")));
    }
    Ok(Some(text.to_owned()))
}

/// All that the request asks for: method, target and body.
fn digest(call: &Call, body: &Bytes) -> String {
    let target = call.parts.uri.path_and_query().map_or("", |target| target.as_str());
    certctl_app::auth::KeyDigest::of_parts(&[call.parts.method.as_str().as_bytes(), target.as_bytes(), body]).to_hex()
}

async fn keep(app: &certctl_app::App, caller: &Caller, key: &str, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let kept = Kept { location: text(LOCATION), etag: text(ETAG), body: String::from_utf8_lossy(&bytes).into_owned() };
    let kept = serde_json::to_string(&kept).map_err(|error| Problem::internal(&error))?;
    if let Err(error) = app.answer_keep(caller, key, parts.status.as_u16(), kept).await {
        tracing::warn!(%error, "an answer was not kept under its idempotency key: {error}");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn again(status: u16, text: &str) -> Result<Response, Problem> {
    let kept: Kept = serde_json::from_str(text).map_err(|error| Problem::internal(&error))?;
    let status = StatusCode::from_u16(status).map_err(|error| Problem::internal(&error))?;
    let mut response = (status, kept.body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    for (name, value) in [(LOCATION, kept.location), (ETAG, kept.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEY_MAX: usize = 255;
