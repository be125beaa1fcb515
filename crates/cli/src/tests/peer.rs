//! A server with canned answers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use certctl_testkit::https::{Authority, HttpsServer, Purpose};
use serde_json::{Value, json};

use super::{Around, Ended, certctl, home};

/// What is answered to one kind of request: one answer after the other, the last one for ever.
struct Canned {
    route: String,
    answers: Vec<(u16, Value)>,
    given: AtomicU32,
}

type Log = Arc<Mutex<Vec<String>>>;

/// A server with canned answers, and a home directory with its CA.
pub(super) struct Peer {
    pub(super) server: HttpsServer,
    pub(super) home: tempfile::TempDir,
    log: Log,
}

impl Peer {
    /// Answers `METHOD /path?query` with the next of these; anything else with 404.
    pub(super) async fn start(canned: &[(&str, &[(u16, Value)])]) -> Self {
        Self::start_at(canned, super::http_date(0)).await
    }

    pub(super) async fn start_at(canned: &[(&str, &[(u16, Value)])], date: String) -> Self {
        let canned = canned.iter().map(|(route, answers)| Canned {
            route: (*route).to_owned(),
            answers: answers.to_vec(),
            given: AtomicU32::new(0),
        });
        let log = Log::default();
        let state = Arc::new((canned.collect::<Vec<_>>(), Arc::clone(&log), date));
        let authority = Authority::new();
        let pair = authority.issue(Purpose::Server, &["localhost"], false);
        let server = HttpsServer::start(&authority, &pair, Router::new().fallback(answer).with_state(state)).await;
        let home = home();
        std::fs::write(home.path().join("ca.pem"), authority.pem()).expect("a file");
        Self { server, home, log }
    }

    /// Runs `certctl` against this server.
    pub(super) async fn certctl(&self, words: &str) -> Ended {
        self.certctl_in(words, Around::default()).await
    }

    /// Runs `certctl` against this server, with more around it.
    pub(super) async fn certctl_in(&self, words: &str, around: Around<'_>) -> Ended {
        let (url, ca) = (self.server.url(), self.home.path().join("ca.pem").display().to_string());
        let home = self.home.path().display().to_string();
        let mut env =
            vec![("HOME", home.as_str()), ("CERTCTL_SERVER_URL", &url), ("CERTCTL_SERVER_CA_BUNDLE_PATH", &ca)];
        env.extend(around.env);
        certctl(words, Around { env: &env, ..around }).await
    }

    /// `METHOD /path?query body`, in order.
    pub(super) fn requests(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }
}

async fn answer(State(state): State<Arc<(Vec<Canned>, Log, String)>>, request: Request) -> Response {
    let (canned, log, date) = &*state;
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let route = format!("{} {}", head.method, head.uri.path_and_query().map_or("", |path| path.as_str()));
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let bearer = bearer.map(|value| format!(" [{value}]")).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    log.lock().expect("no panic").push(format!("{route}{bearer} {body}").trim_end().to_owned());
    let (status, value) = match canned.iter().find(|canned| canned.route == route) {
        Some(canned) => {
            let number = canned.given.fetch_add(1, Ordering::SeqCst) as usize;
            canned.answers[number.min(canned.answers.len() - 1)].clone()
        }
        None => (404, problem(404, "not_found", &format!("nothing canned for {route}"))),
    };
    let status = StatusCode::from_u16(status).expect("a status");
    let headers = [("date", date.as_str())];
    if status == StatusCode::NO_CONTENT || head.method == Method::HEAD {
        return (status, headers).into_response();
    }
    (status, headers, Json(value)).into_response()
}

pub(super) fn problem(status: u16, code: &str, message: &str) -> Value {
    let error = StatusCode::from_u16(status).expect("a status").canonical_reason().unwrap_or_default();
    json!({ "error": error, "message": message, "request_id": "req-1", "code": code })
}

pub(super) fn certificate(id: &str, status: &str) -> Value {
    json!({
        "id": id, "name": "web", "common_name": "www.example.org", "sans": ["www.example.org"], "environment": "prod",
        "owner_id": "own_1", "team_id": "team_1", "issuer_id": "iss-local", "target_ids": ["tgt_1"],
        "renewal_policy_id": "rp-default", "status": status, "expires_at": "2027-04-14T10:02:00.123456Z", "tags": { "a": "b" },
        "created_at": "2027-01-14T10:02:00Z", "updated_at": "2027-01-14T10:02:00Z", "renewal_state": "idle", "revision": 3,
    })
}

pub(super) fn job(id: &str, status: &str, error: Option<&str>) -> Value {
    let mut job = json!({
        "id": id, "type": "Renewal", "certificate_id": "cert_1", "status": status, "attempts": 1, "max_attempts": 3,
        "scheduled_at": "2027-01-14T10:02:00Z", "created_at": "2027-01-14T10:02:00Z", "verification_status": "",
    });
    if let Some(error) = error {
        job["last_error"] = json!(error);
        job["error_class"] = json!("transient");
    }
    job
}

pub(super) fn agent(id: &str) -> Value {
    json!({
        "id": id, "name": "web-1", "hostname": "web-1.example.org", "status": "Online",
        "last_heartbeat_at": "2027-01-14T10:02:00Z", "registered_at": "2027-01-14T10:02:00Z", "os": "linux",
        "architecture": "amd64", "ip_address": "192.0.2.1", "version": "0.1.0", "revision": 1,
    })
}

pub(super) fn target(id: &str) -> Value {
    json!({
        "id": id, "name": "edge", "type": "File", "agent_id": "agt_1", "enabled": true, "revision": 7,
        "config": { "cert_path": "/etc/tls/edge.pem", "password": { "$secret": "set" } },
        "created_at": "2027-01-14T10:02:00Z", "updated_at": "2027-01-14T10:02:00Z",
    })
}

pub(super) fn deployment(state: &str, error: Option<&str>) -> Value {
    let mut row = target("tgt_1");
    row["certificate_id"] = json!("cert_1");
    row["target_id"] = json!("tgt_1");
    row["state"] = json!(state);
    row["verification_status"] = json!("pending");
    if let Some(error) = error {
        row["last_error"] = json!(error);
    }
    json!({ "data": [row], "total": 1 })
}

pub(super) fn page(rows: &[Value], total: u64, next: Option<&str>) -> Value {
    let mut page = json!({ "data": rows, "total": total, "page": 1, "per_page": rows.len() });
    if let Some(next) = next {
        page["next_cursor"] = json!(next);
    }
    page
}
