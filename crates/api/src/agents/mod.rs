//! What agents call. Every path names the agent; the credential decides which one it is.

mod view;

use std::time::Duration;

use certctl_app::agents::{Heartbeat, Registration, Verification};
use certctl_app::{App, Caller};
use certctl_domain::ids::{AgentId, CertificateId, JobId, TargetId};
use certctl_domain::permission::Permission;
use certctl_edge::route::Surface;
use certctl_edge::{Accepted, Created, Json, Path, PathPair, Problem, Routes, Trail, get, post};
use certctl_wire as wire;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Query, Strict, StrictOrEmpty};

/// The header in which an enrolment token travels.
const BOOTSTRAP: &str = "x-certctl-agent-bootstrap";

pub(crate) fn routes() -> Routes {
    Routes::new("agents")
        .with(
            post("/api/v1/agents/register", agent_register)
                .about("Admits an agent with an enrolment token in X-Certctl-Agent-Bootstrap.")
                .limited(Surface::Register)
                .fails([401, 409, 422])
                .public(),
        )
        .with(
            post("/api/v1/agents/{id}/identity", agent_identity_renew)
                .about("Renews the identity certificate.")
                .admits_expired_identity()
                .fails([410, 422])
                .agent(Permission::AgentHeartbeat),
        )
        .with(
            post("/api/v1/agents/{id}/heartbeat", agent_heartbeat)
                .about("The agent lives.")
                .fails([410])
                .agent(Permission::AgentHeartbeat),
        )
        .with(
            get("/api/v1/agents/{id}/work", agent_work)
                .about("Leases due work; waits for it up to wait seconds.")
                .fails([410])
                .agent(Permission::AgentJobPoll),
        )
        .with(
            post("/api/v1/agents/{id}/csr", agent_csr_submit)
                .about("The request for a certificate that waits for it.")
                .fails([404, 409, 410, 422])
                .agent(Permission::AgentJobPoll),
        )
        .with(
            get("/api/v1/agents/{id}/certificates/{certificate_id}", agent_certificate)
                .about("The certificate to install.")
                .fails([404, 410])
                .agent(Permission::CertRead),
        )
        .with(
            post("/api/v1/agents/{id}/jobs/{job_id}/status", agent_job_report)
                .about("What became of a job.")
                .fails([404, 409, 410])
                .agent(Permission::AgentJobComplete),
        )
        .with(
            post("/api/v1/jobs/{id}/verify", agent_job_verify)
                .about("What a handshake after a deployment returned.")
                .fails([404, 409, 410])
                .agent_or_perm(Permission::VerificationRun),
        )
}

async fn agent_register(
    app: App,
    trail: Trail,
    headers: HeaderMap,
    body: Strict<wire::RegisterRequest>,
) -> Result<Created<wire::RegisterAnswer>, Problem> {
    let token = headers.get(BOOTSTRAP).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ask = Registration {
        name: body.value.name,
        hostname: body.value.hostname,
        os: body.value.os.unwrap_or_default(),
        architecture: body.value.architecture.unwrap_or_default(),
        version: body.value.version.unwrap_or_default(),
        csr_pem: body.value.csr_pem,
    };
    let admission = app.agent_register(trail.origin(None), token, &ask).await?;
    let location = format!("/api/v1/agents/{}", admission.agent.id);
    let revision = Some(admission.agent.revision);
    Ok(Created { location, revision, body: view::admission(admission, app.now()) })
}

async fn agent_identity_renew(
    app: App,
    caller: Caller,
    _path: Path<AgentId>,
    body: Strict<wire::IdentityRequest>,
) -> Result<Json<wire::IdentityAnswer>, Problem> {
    let identity = app.agent_identity_renew(&caller, &body.value.csr_pem).await?;
    Ok(Json(view::identity(identity)))
}

async fn agent_heartbeat(
    app: App,
    caller: Caller,
    _path: Path<AgentId>,
    body: StrictOrEmpty<wire::Heartbeat>,
) -> Result<Json<wire::StatusAnswer>, Problem> {
    let beat = Heartbeat {
        version: body.0.version.unwrap_or_default(),
        hostname: body.0.hostname.unwrap_or_default(),
        os: body.0.os.unwrap_or_default(),
        architecture: body.0.architecture.unwrap_or_default(),
        ip_address: body.0.ip_address.unwrap_or_default(),
    };
    app.agent_heartbeat(&caller, &beat).await?;
    Ok(word("heartbeat_recorded"))
}

/// How to ask for work.
#[derive(Debug, Deserialize, ToSchema)]
struct WorkQuery {
    /// Seconds to wait for work, at most 25.
    #[serde(default)]
    wait: Option<u32>,
    /// The agent just started and works on nothing: what it held is offered anew.
    #[serde(default)]
    resume: bool,
}

async fn agent_work(
    app: App,
    caller: Caller,
    _path: Path<AgentId>,
    query: Query<WorkQuery>,
) -> Result<Json<wire::Work>, Problem> {
    let wait = query.0.wait.unwrap_or(0);
    let most = certctl_app::agents::WAIT_MAX.as_secs();
    if u64::from(wait) > most {
        return Err(Problem::invalid("wait", format!("is a whole number from 0 to {most}")));
    }
    let items = app.agent_work(&caller, Duration::from_secs(u64::from(wait)), query.0.resume).await?;
    let jobs = items.iter().map(view::item).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(wire::Work { count: jobs.len() as u64, jobs }))
}

async fn agent_csr_submit(
    app: App,
    caller: Caller,
    _path: Path<AgentId>,
    body: Strict<wire::CsrSubmit>,
) -> Result<Accepted<wire::StatusAnswer>, Problem> {
    let body = body.value;
    let job = body
        .job_id
        .as_deref()
        .map(JobId::parse)
        .transpose()
        .map_err(|error| Problem::invalid("job_id", error.to_string()))?;
    let certificate = Some(body.certificate_id.as_str()).filter(|id| !id.is_empty());
    let certificate = certificate
        .map(CertificateId::parse)
        .transpose()
        .map_err(|error| Problem::invalid("certificate_id", error.to_string()))?;
    let answer =
        app.agent_csr_submit(&caller, job.as_ref(), certificate.as_ref(), body.lease_epoch, &body.csr_pem).await?;
    let status = match answer {
        certctl_app::agents::CsrAnswer::Signed => "csr_signed",
        certctl_app::agents::CsrAnswer::Accepted => "csr_accepted",
    };
    Ok(Accepted { location: None, body: wire::StatusAnswer { status: status.to_owned() } })
}

async fn agent_certificate(
    app: App,
    caller: Caller,
    path: PathPair<AgentId, CertificateId>,
) -> Result<Json<wire::AgentCertificate>, Problem> {
    let certificate_pem = app.agent_certificate(&caller, &path.1).await?;
    Ok(Json(wire::AgentCertificate { certificate_pem, version_id: None }))
}

async fn agent_job_report(
    app: App,
    caller: Caller,
    path: PathPair<AgentId, JobId>,
    body: Strict<wire::JobStatusReport>,
) -> Result<Json<wire::StatusAnswer>, Problem> {
    let body = body.value;
    let epoch = body.lease_epoch;
    match body.status.as_str() {
        "Running" => app.agent_job_running(&caller, &path.1, epoch).await?,
        "Completed" => app.agent_job_completed(&caller, &path.1, &view::report(body)).await?,
        "Failed" => app.agent_job_failed(&caller, &path.1, &view::report(body)).await?,
        other => {
            let message = certctl_edge::query::unknown(other, &["Running", "Completed", "Failed"]);
            return Err(Problem::invalid("status", message));
        }
    }
    Ok(word("updated"))
}

async fn agent_job_verify(
    app: App,
    caller: Caller,
    path: Path<JobId>,
    body: Strict<wire::VerifyReport>,
) -> Result<Json<wire::VerifyAnswer>, Problem> {
    let body = body.value;
    let target_id =
        TargetId::parse(&body.target_id).map_err(|error| Problem::invalid("target_id", error.to_string()))?;
    let said = Verification {
        target_id,
        expected_fingerprint: body.expected_fingerprint,
        actual_fingerprint: body.actual_fingerprint,
        verified: body.verified,
        error: body.error.filter(|error| !error.is_empty()),
    };
    let at = app.agent_job_verify(&caller, &path.0, &said).await?;
    Ok(Json(wire::VerifyAnswer {
        job_id: path.0.to_string(),
        verified: said.verified,
        verified_at: crate::view::time(at),
    }))
}

fn word(text: &str) -> Json<wire::StatusAnswer> {
    Json(wire::StatusAnswer { status: text.to_owned() })
}
