//! ⑥ Issue, deploy, shake hands; and later, see it renewed.

use std::time::{Duration, Instant};

use certctl_client::{Class, Client, Query};
use certctl_wire::{CertificateStatus, CertificateVersion, Deployment, Job, JobType, MappingState, Renew};

use super::{NAME, SERVED_NAME, call_failed, endpoint, found};
use crate::failure::Failure;
use crate::run::Run;
use crate::say;

/// What was proved.
pub(super) struct Proof {
    /// The version that is served.
    pub(super) version: CertificateVersion,
    /// The jobs that made and installed it.
    pub(super) job_ids: Vec<String>,
}

/// The last version of an earlier start.
pub(super) async fn earlier(client: &Client) -> Result<Option<CertificateVersion>, Failure> {
    let page = client.certificate_versions(NAME, Query::new().per_page(50)).await;
    let known = found(page).map_err(call_failed("issue", "the versions"))?;
    Ok(known.and_then(|page| newest_first(page.data).into_iter().next()))
}

/// Requests the certificate unless a good one is served, and waits until a handshake has proved it: one of the agent's, and
/// one of our own. Says so when the `earlier` one has expired.
pub(super) async fn prove(run: &Run, client: &Client, earlier: Option<&CertificateVersion>) -> Result<Proof, Failure> {
    let since = Instant::now();
    request(client).await?;
    let version = super::wait(PATIENCE, async || current(client).await, || late("issue", "issued")).await?;
    if earlier.is_some_and(|earlier| has_expired_before(earlier, &version)) {
        say("  the certificate had expired meanwhile; it was issued again");
    }
    run.done('⑥', &format!("certificate issued, serial {}", version.serial_number), since, |ms, took| {
        ms.issue = Some(took);
    });
    let since = Instant::now();
    // Of short-lived certificates the next one may be there before the last one is proved.
    let version = super::wait(PATIENCE, async || verified(client).await, || late("deploy", "deployed")).await?;
    run.done('⑥', "deployed by the agent and verified by its handshake", since, |ms, took| ms.deploy = Some(took));
    let since = Instant::now();
    shake_hands(run, &version).await?;
    run.done('⑥', &format!("handshake as {SERVED_NAME} returns it"), since, |ms, took| ms.verify = Some(took));
    let job_ids = jobs_of(client).await?;
    Ok(Proof { version, job_ids })
}

/// Tells of every version that takes the place of the last one, until stopped.
pub(crate) async fn watch(run: &Run, client: &Client) {
    let mut served: Option<String> = None;
    loop {
        // What cannot be seen now is seen later, and a process that died is noticed elsewhere.
        if let Ok(mapping) = mapping(client).await
            && mapping.state == MappingState::Verified
            && mapping.served_fingerprint.is_some()
            && mapping.served_fingerprint != served
        {
            if served.is_some() {
                tell(run, client, &mapping).await;
            }
            served = mapping.served_fingerprint;
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

async fn tell(run: &Run, client: &Client, mapping: &Deployment) {
    let Ok(versions) = versions(client).await else { return };
    let version =
        versions.into_iter().find(|version| Some(&version.fingerprint_sha256) == mapping.served_fingerprint.as_ref());
    let Some(version) = version else { return };
    match shake_hands(run, &version).await {
        Ok(()) => say(&format!("renewed: serial {} is served until {}", version.serial_number, version.not_after)),
        Err(failure) => say(&format!("renewed, but {failure}")),
    }
}

/// Asks for an issuance where none is under way and nothing good is there.
async fn request(client: &Client) -> Result<(), Failure> {
    const STEP: &str = "issue";
    let certificate = client.certificate(NAME).await.map_err(call_failed(STEP, "the certificate"))?;
    match certificate.status {
        CertificateStatus::Active | CertificateStatus::Expiring | CertificateStatus::RenewalInProgress => return Ok(()),
        CertificateStatus::Pending
        | CertificateStatus::Expired
        | CertificateStatus::Failed
        | CertificateStatus::Revoked => {}
        CertificateStatus::Archived => {
            return Err(Failure::new(STEP, "archived", format!("certificate {NAME} was archived"))
                .hint("remove the data directory to begin anew"));
        }
    }
    match client.certificate_renew(NAME, &Renew::default()).await {
        // The planner was first.
        Err(error) if error.class() == Class::Conflict => Ok(()),
        answer => answer.map(drop).map_err(call_failed(STEP, "the request for the certificate")),
    }
}

/// The newest version, once it is one that is valid; a job that ended for good is the failure.
async fn current(client: &Client) -> Result<Option<CertificateVersion>, Failure> {
    const STEP: &str = "issue";
    let certificate = client.certificate(NAME).await.map_err(call_failed(STEP, "the certificate"))?;
    match certificate.status {
        CertificateStatus::Active | CertificateStatus::Expiring => Ok(versions(client).await?.into_iter().next()),
        CertificateStatus::Failed => Err(job_failure(client, STEP).await),
        CertificateStatus::Pending
        | CertificateStatus::Expired
        | CertificateStatus::RenewalInProgress
        | CertificateStatus::Revoked
        | CertificateStatus::Archived => Ok(None),
    }
}

/// The newest version, once the agent's own handshake has returned it.
async fn verified(client: &Client) -> Result<Option<CertificateVersion>, Failure> {
    let mapping = mapping(client).await?;
    match mapping.state {
        MappingState::Verified => {
            let newest = versions(client).await?.into_iter().next();
            Ok(newest.filter(|version| mapping.deployed_version_id.as_ref() == Some(&version.id)))
        }
        MappingState::Failed => {
            let why = mapping.last_error.unwrap_or_else(|| "the agent says no more".to_owned());
            Err(Failure::new("deploy", "deployment_failed", why).hint("see logs/agent.log"))
        }
        MappingState::Waiting
        | MappingState::Pending
        | MappingState::Deploying
        | MappingState::NotVerified
        | MappingState::Orphaned => Ok(None),
    }
}

/// Our own look at what is served.
async fn shake_hands(run: &Run, version: &CertificateVersion) -> Result<(), Failure> {
    let failed = |message: String| Failure::new("verify", "handshake", message).hint("see logs/endpoint.log");
    let address = endpoint::address(run);
    let presented = certctl_probe::tls::handshake(&address, SERVED_NAME, HANDSHAKE).await;
    let presented = presented.map_err(|error| failed(error.to_string()))?;
    let served = presented.fingerprint_sha256();
    if served != version.fingerprint_sha256 {
        return Err(failed(format!("{address} serves {served}, not {}", version.fingerprint_sha256)));
    }
    Ok(())
}

async fn mapping(client: &Client) -> Result<Deployment, Failure> {
    let all = client.certificate_deployments(NAME).await.map_err(call_failed("deploy", "the deployment"))?;
    let ours = all.data.into_iter().find(|mapping| mapping.target_id == NAME);
    ours.ok_or_else(|| {
        Failure::new("deploy", "not_mapped", format!("certificate {NAME} is not mapped to target {NAME}"))
            .hint("map it again, or remove the data directory to begin anew")
    })
}

/// The latest versions, newest first.
async fn versions(client: &Client) -> Result<Vec<CertificateVersion>, Failure> {
    let page = client.certificate_versions(NAME, Query::new().per_page(50)).await;
    Ok(newest_first(page.map_err(call_failed("issue", "the versions"))?.data))
}

fn newest_first(mut versions: Vec<CertificateVersion>) -> Vec<CertificateVersion> {
    versions.sort_by(|one, other| other.created_at.cmp(&one.created_at));
    versions
}

/// Whether this version was made after the end of an earlier one, to the second.
fn has_expired_before(earlier: &CertificateVersion, version: &CertificateVersion) -> bool {
    // All times of the wire are UTC in one form, which differs only in what comes behind the seconds.
    let second = |time: &str| time.get(..SECOND_LEN).unwrap_or(time).to_owned();
    earlier.id != version.id && second(&earlier.not_after) < second(&version.created_at)
}

/// The last issuance and the last deployment.
async fn jobs_of(client: &Client) -> Result<Vec<String>, Failure> {
    let jobs = jobs(client).await?;
    let newest = |wanted: &[JobType]| jobs.iter().find(|job| wanted.contains(&job.r#type)).map(|job| job.id.clone());
    let made = newest(&[JobType::Issuance, JobType::Renewal]);
    Ok(made.into_iter().chain(newest(&[JobType::Deployment])).collect())
}

/// The jobs of the certificate, newest first.
async fn jobs(client: &Client) -> Result<Vec<Job>, Failure> {
    let query = Query::new().filter("certificate_id", Some(NAME)).per_page(50);
    let mut jobs = client.job_list(query).await.map_err(call_failed("issue", "the jobs"))?.data;
    jobs.sort_by(|one, other| other.created_at.cmp(&one.created_at));
    Ok(jobs)
}

async fn job_failure(client: &Client, step: &'static str) -> Failure {
    let jobs = match jobs(client).await {
        Ok(jobs) => jobs,
        Err(failure) => return failure,
    };
    let failed = jobs.into_iter().find(|job| job.last_error.is_some());
    let (code, message) = match failed {
        Some(job) => (job.error_class, job.last_error),
        None => (None, None),
    };
    let code = code.unwrap_or_else(|| "issuance_failed".to_owned());
    Failure::new(step, code, message.unwrap_or_else(|| "the issuance failed".to_owned())).hint("see logs/server.log")
}

fn late(step: &'static str, what: &'static str) -> Failure {
    Failure::new(step, "late", format!("the certificate was not {what} in time"))
        .hint("see logs/agent.log and logs/server.log")
}

/// Of `2027-01-15T08:00:00`.
const SECOND_LEN: usize = 19;
const PATIENCE: Duration = Duration::from_secs(60);
const HANDSHAKE: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_secs(3);
