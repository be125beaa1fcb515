//! Why a certificate is as it is, and what happens next.

use certctl_domain::certificate::{Certificate, Holder, RenewalState, Status};
use certctl_domain::ids::{AgentId, CertificateId};
use certctl_domain::permission::Permission;
use certctl_domain::target::{Mapping, MappingState, Target};
use certctl_domain::why::WhyCode;
use certctl_jobs::{Job, State};
use certctl_pki::Timestamp;

use crate::caller::Caller;
use crate::error::Result;
use crate::payload::IssuePayload;
use crate::world::App;

/// The answer.
#[derive(Debug, Clone)]
pub struct Why {
    /// What the certificate is.
    pub state: Status,
    /// How its next issuance stands.
    pub renewal_state: RenewalState,
    /// The facts, the weightiest first.
    pub because: Vec<Because>,
    /// What happens next.
    pub next: Next,
}

/// One fact.
#[derive(Debug, Clone)]
pub struct Because {
    /// Stable code.
    pub code: WhyCode,
    /// What a person reads.
    pub message: String,
    /// Since when.
    pub at: Option<Timestamp>,
    /// The job it comes from.
    pub job_id: Option<String>,
}

/// What happens next.
#[derive(Debug, Clone)]
pub struct Next {
    /// What.
    pub action: String,
    /// When, where that is known.
    pub at: Option<Timestamp>,
    /// Who does it.
    pub who: String,
}

impl App {
    /// Why a certificate is as it is.
    ///
    /// # Errors
    /// [`crate::Error::Missing`].
    pub async fn certificate_why(&self, caller: &Caller, id: &CertificateId) -> Result<Why> {
        caller.require(Permission::CertRead)?;
        let view = self.certificate_get(caller, id).await?;
        let certificate = &view.certificate;
        let mut because = Vec::new();
        if let Some(at) = certificate.archived_at {
            because.push(fact(WhyCode::Archived, &at.to_rfc3339(), Some(at), None));
        } else {
            if let Some(at) = certificate.revoked_at {
                because.push(fact(WhyCode::Revoked, &at.to_rfc3339(), Some(at), None));
            }
            let open = certctl_jobs::open_of_certificates(self.db(), &[id.to_string()]).await?;
            self.why_issuance(certificate, &open, &mut because).await?;
            self.why_deployment(caller, certificate, &mut because).await?;
            self.why_dates(&view, &mut because).await?;
        }
        let first = because.first().map_or(WhyCode::NotRequested, |fact| fact.code);
        let (action, who) = first.next();
        let at = open_time(first, &because).or(view
            .renew_at
            .filter(|_| matches!(first, WhyCode::Served | WhyCode::IssuedNoTarget | WhyCode::RenewalPlanned)));
        let next = Next { action: action.replace("ID", id.as_str()), at, who: who.to_owned() };
        Ok(Why { state: view.status, renewal_state: view.renewal_state, because, next })
    }

    async fn why_issuance(&self, certificate: &Certificate, open: &[Job], because: &mut Vec<Because>) -> Result<()> {
        let mut any = false;
        for job in open.iter().filter(|job| job.kind != "Deployment") {
            any = true;
            let holder = IssuePayload::read(job)?.holder()?;
            because.push(self.why_job(certificate, job, &holder).await?);
        }
        if any {
            return Ok(());
        }
        if certificate.renewal_failures > 0 {
            let error = certificate.last_renewal_error.as_deref().unwrap_or("unknown");
            because.push(fact(WhyCode::Failing, error, Some(certificate.updated_at), None));
        } else if certificate.not_after.is_none() {
            because.push(fact(WhyCode::NotRequested, "", Some(certificate.created_at), None));
        }
        Ok(())
    }

    async fn why_job(&self, certificate: &Certificate, job: &Job, holder: &Holder) -> Result<Because> {
        let since = Some(Timestamp::from_unix_micros(job.state_changed_at));
        let with = |code: WhyCode, about: &str| fact(code, about, since, Some(job.id.clone()));
        Ok(match (job.state, holder) {
            (State::AwaitingApproval, _) => {
                let job_id = certctl_domain::ids::JobId::parse(&job.id)
                    .map_err(|error| crate::Error::bug("reading a job id", error))?;
                let approval = certctl_store::approvals::of_job(self.db(), &job_id).await?;
                with(WhyCode::AwaitingApproval, &approval.map_or(job.id.clone(), |approval| approval.id.to_string()))
            }
            (State::AwaitingCsr, Holder::External) => with(WhyCode::AwaitingExternalCsr, ""),
            (State::AwaitingCsr, Holder::Agent(agent)) => match self.agent_silent(agent).await? {
                Some(name) => with(WhyCode::AgentOffline, &name),
                None => with(WhyCode::AwaitingAgentCsr, agent.as_str()),
            },
            (State::AwaitingIssuer, _) => with(WhyCode::AwaitingIssuer, certificate.issuer_id.as_str()),
            (State::Pending, _) if job.last_error.is_some() => {
                let mut fact = with(WhyCode::Retrying, job.last_error.as_deref().unwrap_or_default());
                fact.at = Some(Timestamp::from_unix_micros(job.not_before));
                fact
            }
            (State::Pending | State::Claimed | State::Running, _) => with(WhyCode::Queued, ""),
            (State::Succeeded | State::Failed | State::Expired | State::Cancelled, _) => with(WhyCode::Queued, ""),
        })
    }

    /// The name of an agent that is not heard of.
    async fn agent_silent(&self, id: &AgentId) -> Result<Option<String>> {
        let agent = certctl_store::agents::get(self.db(), id).await?;
        Ok(match agent {
            Some(agent) if agent.status(self.now()) == "Online" => None,
            Some(agent) => Some(agent.name),
            None => Some(id.to_string()),
        })
    }

    async fn why_deployment(
        &self,
        caller: &Caller,
        certificate: &Certificate,
        because: &mut Vec<Because>,
    ) -> Result<()> {
        if certificate.not_after.is_none() {
            return Ok(());
        }
        let mappings = self.certificate_targets(caller, &certificate.id).await?;
        if mappings.is_empty() {
            because.push(fact(WhyCode::IssuedNoTarget, "", certificate.last_renewal_at, None));
        }
        let mut facts: Vec<Because> = mappings.iter().map(|(mapping, target)| why_mapping(mapping, target)).collect();
        facts.sort_by_key(|fact| usize::from(fact.code == WhyCode::Served));
        because.extend(facts);
        Ok(())
    }

    async fn why_dates(&self, view: &super::CertificateView, because: &mut Vec<Because>) -> Result<()> {
        let Some(end) = view.certificate.not_after else { return Ok(()) };
        if end <= self.now() {
            because.insert(0, fact(WhyCode::Expired, &end.to_rfc3339(), Some(end), None));
        }
        match view.renew_at {
            Some(at) => because.push(fact(WhyCode::RenewalPlanned, &at.to_rfc3339(), Some(at), None)),
            None => {
                let policy = self.policy_for_issue(&view.certificate.renewal_policy_id).await?;
                if !policy.auto_renew {
                    because.push(fact(WhyCode::ManualRenewal, "", None, None));
                }
            }
        }
        Ok(())
    }
}

fn why_mapping(mapping: &Mapping, target: &Target) -> Because {
    let name = &target.name;
    match mapping.state {
        MappingState::Waiting | MappingState::Pending => fact(WhyCode::DeploymentPending, name, None, None),
        MappingState::Deploying => fact(WhyCode::Deploying, name, None, None),
        MappingState::Verified => fact(WhyCode::Served, name, mapping.verified_at, None),
        MappingState::NotVerified => fact(WhyCode::NotVerified, name, mapping.deployed_at, None),
        MappingState::Failed => {
            let error = mapping.last_error.as_deref().unwrap_or("unknown");
            fact(WhyCode::DeploymentFailed, &format!("{name}: {error}"), mapping.next_attempt_at, None)
        }
        MappingState::Orphaned => fact(WhyCode::TargetOrphaned, name, target.retired_at, None),
    }
}

fn open_time(code: WhyCode, because: &[Because]) -> Option<Timestamp> {
    because.first().filter(|_| matches!(code, WhyCode::Retrying | WhyCode::DeploymentFailed)).and_then(|fact| fact.at)
}

fn fact(code: WhyCode, about: &str, at: Option<Timestamp>, job_id: Option<String>) -> Because {
    Because { code, message: code.message(about), at, job_id }
}
