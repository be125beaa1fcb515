//! What an attempt leaves behind: the version, everything that follows from it, and the end of the job, in one unit of work.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Holder, Identity, Version, VersionState};
use certctl_domain::ids::{JobId, TargetId};
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::renewal;
use certctl_domain::target::{Mapping, MappingState};
use certctl_domain::work::JobKind;
use certctl_jobs::lease::{self, Failure as JobFailure};
use certctl_jobs::{Executor, Lease, NewJob, State};
use certctl_pki::{Certificate as Certificate509, Timestamp};

use super::{Failure, Plan};
use crate::caller::Caller;
use crate::certificates::issued_topic;
use crate::payload::DeployPayload;
use crate::world::App;

/// A signed certificate and what is served behind it.
pub(crate) struct Signed {
    pub(crate) certificate: certctl_pki::Certificate,
    pub(crate) chain_pem: String,
}

impl App {
    /// The unit that records a signed certificate: version issued, identity and certificate moved on, deployments due, job
    /// done, audit, outbox. `mappings` are those of the holder's agent.
    pub(crate) fn settle_issued(
        &self,
        caller: &Caller,
        plan: &Plan,
        signed: &Signed,
        job: &Lease,
        mappings: &[Mapping],
    ) -> (Unit, Version) {
        let now = self.now();
        let mut unit = Unit::new();
        let version = issued(plan.version.clone(), &signed.certificate, &signed.chain_pem, now);
        certctl_store::versions::record_issued(&mut unit, &version);
        let ask = &plan.ask;
        let (start, end) = (signed.certificate.not_before(), signed.certificate.not_after());
        certctl_store::identities::record_issued(
            &mut unit,
            &Identity {
                certificate_id: ask.certificate.id.clone(),
                holder: ask.holder.clone(),
                current_version_id: Some(version.id.clone()),
                not_before: Some(start),
                not_after: Some(end),
                renew_at: renewal::planned(&ask.certificate.id, start, end, &ask.policy),
                failures: 0,
            },
        );
        if ask.only_holder {
            certctl_store::certificates::record_first_issued(&mut unit, &ask.certificate.id, start, end, now);
        } else {
            certctl_store::certificates::record_issued(&mut unit, &ask.certificate.id, now);
        }
        for mapping in mappings {
            let desired = Mapping { desired_version_id: Some(version.id.clone()), failures: 0, ..mapping.clone() };
            self.deployment_enqueue(&mut unit, &desired, &ask.holder, &ask.policy, Some(&ask.job_id), now);
        }
        lease::succeed(&mut unit, job, now.unix_micros());
        // Nobody waits for a wake where the request itself signs.
        if ask.engine.own().is_none() {
            unit.wake(issued_topic(&ask.job_id));
        }
        let event = Event::new(Action::CertificateIssued, &ask.certificate.id)
            .with("version_id", version.id.as_str())
            .with("serial", signed.certificate.serial().to_hex())
            .with("not_after", signed.certificate.not_after().to_rfc3339())
            .with("holder", ask.holder.as_str())
            .with("job_id", ask.job_id.as_str())
            .with("issuer_id", ask.certificate.issuer_id.as_str())
            .with("profile_id", ask.profile.id.as_str())
            .with("profile_revision", ask.profile.revision)
            .with("spki_sha256", version.spki_sha256.as_str());
        self.audit(&mut unit, caller, event);
        self.announce(&mut unit, "certificate.issued", ask.certificate.id.as_str());
        (unit, version)
    }

    /// Makes a mapping want `mapping.desired_version_id` and adds the job that installs it.
    pub(crate) fn deployment_enqueue(
        &self,
        unit: &mut Unit,
        mapping: &Mapping,
        holder: &Holder,
        policy: &RenewalPolicy,
        parent: Option<&JobId>,
        now: Timestamp,
    ) -> Option<JobId> {
        let (Holder::Agent(agent), Some(version)) = (holder, &mapping.desired_version_id) else { return None };
        let id = JobId::new(self.ids().ulid());
        let wanted = Mapping {
            state: MappingState::Pending,
            last_error: None,
            next_attempt_at: Some(now + crate::reconcile::deploy::LOOK_AGAIN),
            ..mapping.clone()
        };
        certctl_store::mappings::want(unit, &wanted);
        certctl_jobs::enqueue(
            unit,
            NewJob {
                id: id.to_string(),
                kind: JobKind::Deployment.as_str(),
                executor: Executor::Agent,
                agent_id: Some(agent.to_string()),
                certificate_id: Some(mapping.certificate_id.to_string()),
                target_id: Some(mapping.target_id.to_string()),
                state: State::Pending,
                payload: DeployPayload { version_id: version.clone() }.to_text(),
                max_attempts: i64::from(policy.max_retries) + 1,
                retry_seconds: i64::from(policy.retry_interval_seconds),
                priority: 0,
                not_before: now.unix_micros(),
                idempotency_key: deployment_key(mapping, &mapping.target_id),
                parent_job_id: parent.map(ToString::to_string),
            },
            now.unix_micros(),
        );
        Some(id)
    }

    /// The unit that ends or postpones a job after an attempt that failed.
    pub(crate) fn settle_failed(&self, failed: &FailedAttempt<'_>, failure: &Failure) -> Unit {
        let now = self.now();
        let mut unit = Unit::new();
        let again = failure.class.is_retryable()
            && match (failed.back_to, failed.reserved) {
                (BackTo::Issuer, Some(version)) => self.order_time_left(version).is_some(),
                (BackTo::Issuer | BackTo::Work | BackTo::Request, _) => failed.attempt < failed.max_attempts,
            };
        // An external issuer may have the order: the next attempt repeats it under the same id instead of placing another.
        // What becomes of an order that lies outside when its job ends, the reconciler finds out.
        let over = |version: &&Version| {
            version.ca_id.is_some() || failure.refused.is_some() || (!again && version.order_ref.is_none())
        };
        if let Some(version) = failed.reserved.filter(over) {
            match &failure.refused {
                Some(refused) => self.refuse_into(&mut unit, version, &failure.message, refused),
                None => self.void_into(&mut unit, version, &failure.message),
            }
        }
        let ended = JobFailure { class: failure.class.as_str().to_owned(), error: failure.message.clone() };
        if again {
            let remaining = failed.identity.and_then(|identity| identity.not_after).map(|end| end.duration_since(now));
            let interval = Duration::from_secs(u64::from(failed.policy.retry_interval_seconds));
            let attempt = u32::try_from(failed.attempt).unwrap_or(u32::MAX);
            let pause = renewal::backoff(attempt, interval, remaining, self.spread());
            let at = now + pause.max(failure.retry_after.unwrap_or_default());
            match failed.back_to {
                BackTo::Issuer => {
                    lease::retry_poll(&mut unit, failed.lease, &ended, at.unix_micros(), now.unix_micros())
                }
                BackTo::Work => lease::retry(&mut unit, failed.lease, &ended, at.unix_micros(), now.unix_micros()),
                BackTo::Request => {
                    lease::retry_request(&mut unit, failed.lease, &ended, at.unix_micros(), now.unix_micros())
                }
            }
            return unit;
        }
        lease::fail(&mut unit, failed.lease, &ended, now.unix_micros());
        let exhausted = Exhausted {
            certificate: failed.certificate,
            identity: failed.identity,
            policy: failed.policy,
            job_id: &failed.lease.job_id,
        };
        self.settle_exhausted(&mut unit, &exhausted, failure, now);
        unit
    }

    /// What follows when a job of a certificate ended for good without success.
    pub(crate) fn settle_exhausted(&self, unit: &mut Unit, failed: &Exhausted<'_>, failure: &Failure, now: Timestamp) {
        let certificate = failed.certificate;
        certctl_store::certificates::record_failure(unit, &certificate.id, &failure.message, now);
        if let Some(identity) = failed.identity {
            let again = failed.policy.auto_renew && identity.current_version_id.is_some();
            let renew_at = again.then(|| now + renewal::slow_retry(identity, now));
            certctl_store::identities::record_failure(unit, identity, renew_at);
        }
        let event = Event::new(Action::RenewalFailed, &certificate.id)
            .with("job_id", failed.job_id)
            .with("error_class", failure.class.as_str())
            .with("error", failure.message.as_str());
        self.audit(unit, &Caller::system("issue"), event);
        self.announce(unit, "renewal.failing", certificate.id.as_str());
    }
}

/// What the next attempt begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackTo {
    /// The request is there: the work.
    Work,
    /// A new request of the agent.
    Request,
    /// The order is placed: the next poll.
    Issuer,
}

/// What is known of a failed attempt.
pub(crate) struct FailedAttempt<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) policy: &'a RenewalPolicy,
    pub(crate) lease: &'a Lease,
    pub(crate) attempt: i64,
    pub(crate) max_attempts: i64,
    /// What the next attempt begins with.
    pub(crate) back_to: BackTo,
    /// The version that was reserved and not signed.
    pub(crate) reserved: Option<&'a Version>,
}

/// A job of a certificate that ended for good without success.
pub(crate) struct Exhausted<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) policy: &'a RenewalPolicy,
    pub(crate) job_id: &'a str,
}

pub(super) fn issued(mut version: Version, certificate: &Certificate509, chain_pem: &str, now: Timestamp) -> Version {
    version.state = VersionState::Issued;
    version.serial = Some(certificate.serial().clone());
    version.not_before = Some(certificate.not_before());
    version.not_after = Some(certificate.not_after());
    version.fingerprint_sha256 = Some(certificate.fingerprint_sha256());
    version.certificate = Some(certificate.der().to_vec());
    version.chain_pem = Some(chain_pem.to_owned());
    version.issued_at = Some(now);
    version
}

fn deployment_key(mapping: &Mapping, target: &TargetId) -> String {
    let version = mapping.desired_version_id.as_ref().map_or("", |id| id.as_str());
    format!("deploy:{}:{target}:{version}", mapping.certificate_id)
}
