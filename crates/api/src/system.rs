//! Probes and the build: what answers before anybody has a credential.

use std::time::Duration;

use certctl_app::App;
use certctl_edge::{Json, Problem, Routes, Site, get};
use certctl_wire as wire;
use http::StatusCode;

pub(crate) fn routes() -> Routes {
    Routes::new("system")
        .with(get("/health", health_get).about("Whether the process lives; asks nothing of the database.").public())
        .with(get("/ready", ready_get).about("Whether requests can be served.").fails([503]).public())
        .with(get("/api/v1/version", version_get).about("Which build answers.").public())
}

async fn health_get() -> Result<Json<wire::Health>, Problem> {
    Ok(Json(wire::Health { status: "healthy".to_owned() }))
}

async fn ready_get(site: Site, app: App) -> Result<Json<wire::Ready>, Problem> {
    if !site.readiness().is_open() {
        let message = "the server is starting or about to stop";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message).retry_after(1));
    }
    match tokio::time::timeout(PING_WITHIN, app.db().ping()).await {
        Ok(Ok(())) => {
            Ok(Json(wire::Ready { status: "ready".to_owned(), db: Some("reachable".to_owned()), error: None }))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: {error}");
            Err(unavailable())
        }
        Err(_) => {
            tracing::warn!("not ready: the database did not answer within {PING_WITHIN:?}");
            Err(unavailable())
        }
    }
}

fn unavailable() -> Problem {
    let message = "the database is not available; the server's log says why";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", message).retry_after(1)
}

async fn version_get(site: Site) -> Result<Json<wire::Version>, Problem> {
    let build = &site.config().build;
    Ok(Json(wire::Version {
        version: build.version.clone(),
        commit: build.commit.clone(),
        modified: build.modified,
        build_time: build.build_time.clone(),
        go_version: String::new(),
    }))
}

const PING_WITHIN: Duration = Duration::from_secs(2);
