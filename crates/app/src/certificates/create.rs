//! Creating a certificate, and asking for it in the same breath.

use std::collections::BTreeMap;
use std::sync::Arc;

use certctl_db::{DbError, Unit};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Holder, Version};
use certctl_domain::ids::{CertificateId, IssuerId, JobId, OwnerId, PolicyId, ProfileId, TargetId, TeamId};
use certctl_domain::ownership::check_name;
use certctl_domain::permission::Permission;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::Profile;
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_domain::renewal;
use certctl_domain::spec::check_names;
use certctl_domain::target::{Mapping, Target};
use certctl_jobs::State;
use certctl_pki::{Csr, San, Timestamp};

use super::renew::{Start, job_key, new_job};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::{Ask, Plan};
use crate::payload::IssuePayload;
use crate::world::App;

/// What a caller says of a new certificate.
#[derive(Debug, Clone, Default)]
pub struct NewCertificate {
    /// Its own id, if it brings one.
    pub id: Option<CertificateId>,
    /// Unique display name.
    pub name: String,
    /// Subject common name.
    pub common_name: String,
    /// Subject alternative names as written.
    pub sans: Vec<String>,
    /// Free text.
    pub environment: String,
    /// Owner.
    pub owner_id: String,
    /// Team.
    pub team_id: String,
    /// Issuer.
    pub issuer_id: String,
    /// Renewal policy.
    pub renewal_policy_id: String,
    /// Profile.
    pub certificate_profile_id: Option<String>,
    /// Targets to install to.
    pub target_ids: Vec<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// The request of whoever holds the key.
    pub csr_pem: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Created {
    /// The certificate as it stands now.
    pub certificate: Certificate,
    /// The version, when the issuer answered in time.
    pub version: Option<Version>,
    /// The job that makes it, when one was asked for.
    pub job_id: Option<JobId>,
    /// When it is renewed by itself.
    pub renew_at: Option<Timestamp>,
}

/// A new certificate whose references exist and whose names are allowed.
struct Checked {
    certificate: Certificate,
    targets: Vec<Target>,
    policy: Arc<RenewalPolicy>,
    profile: Option<Arc<Profile>>,
    csr: Option<Csr>,
}

impl App {
    /// Creates the record. Nothing is requested; `why` says so.
    ///
    /// # Errors
    /// [`Error::Refused`] with every field at fault; [`Error::Conflict`] when id or name is taken.
    pub async fn certificate_create(&self, caller: &Caller, new: NewCertificate) -> Result<Created> {
        caller.require(Permission::CertIssue)?;
        if new.csr_pem.is_some() {
            return Err(Error::invalid(
                "csr_pem",
                "a request is used when the certificate is asked for; add ?issue=true",
            ));
        }
        let checked = self.certificate_check(caller, new).await?;
        let mut unit = self.certificate_unit(caller, &checked);
        for target in &checked.targets {
            certctl_store::mappings::insert(
                &mut unit,
                &Mapping::new(checked.certificate.id.clone(), target.id.clone()),
            );
        }
        self.certificate_commit(&checked, unit).await?;
        Ok(Created { certificate: checked.certificate, version: None, job_id: None, renew_at: None })
    }

    /// Creates the record and asks for the certificate in one unit of work. With a CSR it is signed before this returns,
    /// unless the issuer takes longer than the settings allow.
    ///
    /// # Errors
    /// As [`App::certificate_create`]; nothing is stored when the request is refused.
    pub async fn certificate_create_and_issue(&self, caller: &Caller, new: NewCertificate) -> Result<Created> {
        caller.require(Permission::CertIssue)?;
        let checked = self.certificate_check(caller, new).await?;
        if checked.csr.is_some() {
            return self.certificate_issue_external(caller, checked).await;
        }
        if checked.targets.is_empty() {
            let message = "give a CSR, or map a target whose agent will make the key";
            return Err(Error::invalid("csr_pem", message));
        }
        self.certificate_issue_agents(caller, checked).await
    }

    async fn certificate_issue_agents(&self, caller: &Caller, checked: Checked) -> Result<Created> {
        let mut unit = self.certificate_unit(caller, &checked);
        let mut holders: Vec<Holder> =
            checked.targets.iter().map(|target| Holder::Agent(target.agent_id.clone())).collect();
        holders.sort();
        holders.dedup();
        for target in &checked.targets {
            certctl_store::mappings::insert(
                &mut unit,
                &Mapping::new(checked.certificate.id.clone(), target.id.clone()),
            );
        }
        let profile = self.profile_for_issue(checked.certificate.certificate_profile_id.as_ref()).await?;
        let mut first = None;
        for holder in holders {
            let identity = super::identity(&checked.certificate.id, holder);
            certctl_store::identities::insert(&mut unit, &identity);
            let start = Start {
                certificate: &checked.certificate,
                identity: &identity,
                policy: &checked.policy,
                profile: &profile,
                csr: None,
            };
            let job = self.issuance_enqueue(&mut unit, caller, &start);
            first.get_or_insert(job);
        }
        self.certificate_commit(&checked, unit).await?;
        Ok(Created { certificate: checked.certificate, version: None, job_id: first, renew_at: None })
    }

    async fn certificate_issue_external(&self, caller: &Caller, checked: Checked) -> Result<Created> {
        let profile = self.profile_for_issue(checked.certificate.certificate_profile_id.as_ref()).await?;
        let engine = self.engine_selectable(&checked.certificate.issuer_id).await?;
        let csr = checked.csr.clone().ok_or_else(|| Error::internal("the request was checked before"))?;
        let mut unit = self.certificate_unit(caller, &checked);
        for target in &checked.targets {
            certctl_store::mappings::insert(
                &mut unit,
                &Mapping::new(checked.certificate.id.clone(), target.id.clone()),
            );
        }
        let identity = super::identity(&checked.certificate.id, Holder::External);
        certctl_store::identities::insert(&mut unit, &identity);
        let ask = Ask {
            certificate: checked.certificate.clone(),
            policy: Arc::clone(&checked.policy),
            profile: Arc::clone(&profile),
            engine: Arc::clone(&engine),
            holder: Holder::External,
            csr: csr.clone(),
            requested_by: caller.actor.id.clone(),
            job_id: JobId::new(self.ids().ulid()),
            only_holder: true,
        };
        let start = Start {
            certificate: &checked.certificate,
            identity: &identity,
            policy: &checked.policy,
            profile: &profile,
            csr: Some(&csr),
        };
        let plan = Plan::make(self, ask, self.now()).map_err(Error::Refused)?;
        if engine.own().is_none() || certctl_domain::approval::required(Some(&profile)) {
            let job = self.issuance_enqueue(&mut unit, caller, &start);
            self.certificate_commit(&checked, unit).await?;
            return self.created_within(checked.certificate, job).await;
        }
        let payload = IssuePayload {
            holder: Holder::External.as_str().to_owned(),
            requested_by: caller.actor.id.clone(),
            base_version: None,
            csr: None,
            version_id: None,
        };
        let job =
            new_job(self, &start, plan.ask.job_id.clone(), State::Running, payload.with_csr(&csr), job_key(&identity));
        let lease = certctl_jobs::enqueue_claimed(
            &mut unit,
            job,
            &self.settings().worker,
            self.lease_until(),
            self.now().unix_micros(),
        );
        certctl_store::versions::insert(&mut unit, &plan.version);
        self.certificate_commit(&checked, unit).await?;
        match self.issuance_sign(&plan, &lease, caller).await {
            Ok(version) => {
                let certificate = certctl_store::certificates::after_issue(
                    checked.certificate,
                    &version,
                    version.issued_at.unwrap_or_else(|| self.now()),
                );
                let dates = version.not_before.zip(version.not_after);
                let renew_at =
                    dates.and_then(|(start, end)| renewal::planned(&certificate.id, start, end, &checked.policy));
                Ok(Created { certificate, version: Some(version), job_id: Some(plan.ask.job_id), renew_at })
            }
            // The intent is on record and leased: the runner takes over when the lease ends.
            Err(failure) => {
                tracing::warn!(job.id = %plan.ask.job_id, "signing {} was postponed: {}", checked.certificate.id, failure.message);
                Ok(Created {
                    certificate: checked.certificate,
                    version: None,
                    job_id: Some(plan.ask.job_id),
                    renew_at: None,
                })
            }
        }
    }

    async fn certificate_check(&self, caller: &Caller, new: NewCertificate) -> Result<Checked> {
        let mut refusals = Refusals::new();
        check_name("name", &new.name, &mut refusals);
        let sans = parse_sans(&new.sans, &mut refusals);
        let csr = parse_csr(new.csr_pem.as_deref(), &mut refusals);
        let owner_id = required_id("owner_id", &new.owner_id, OwnerId::parse, &mut refusals);
        let team_id = required_id("team_id", &new.team_id, TeamId::parse, &mut refusals);
        let issuer_id = required_id("issuer_id", &new.issuer_id, IssuerId::parse, &mut refusals);
        let policy_id = required_id("renewal_policy_id", &new.renewal_policy_id, PolicyId::parse, &mut refusals);
        let profile_id = optional_id(
            "certificate_profile_id",
            new.certificate_profile_id.as_deref(),
            ProfileId::parse,
            &mut refusals,
        );
        let target_ids = parse_targets(&new.target_ids, &mut refusals);
        check_environment(&new.environment, &new.tags, &mut refusals);
        let profile = self.checked(self.profile_optional(profile_id.as_ref()).await, &mut refusals)?.flatten();
        match &profile {
            // With one that cannot be read the others would have other places.
            Some(profile) if sans.len() == new.sans.len() => {
                check_names(&new.common_name, &sans, profile, &mut refusals)
            }
            _ => {
                if let Err(error) = San::parse(&new.common_name) {
                    refusals.push(Refusal::invalid("common_name", error.to_string()));
                }
            }
        }
        let policy = match &policy_id {
            Some(id) => self.checked(self.policy_for_issue(id).await, &mut refusals)?,
            None => None,
        };
        if let Some(id) = &issuer_id {
            self.checked(self.engine_selectable(id).await, &mut refusals)?;
        }
        let targets = self.targets_checked(&target_ids, &mut refusals).await?;
        refusals.into_result()?;
        let now = self.now();
        let invariant = "refused above when absent";
        let common_name = San::parse(&new.common_name).map_or(new.common_name, |san| san.to_string());
        let certificate = Certificate {
            id: new.id.unwrap_or_else(|| CertificateId::new(self.ids().ulid())),
            name: new.name.trim().to_owned(),
            sans: with_common_name(sans, &common_name),
            common_name,
            environment: new.environment,
            owner_id: owner_id.expect(invariant),
            team_id: team_id.expect(invariant),
            issuer_id: issuer_id.expect(invariant),
            renewal_policy_id: policy_id.expect(invariant),
            certificate_profile_id: profile_id,
            tags: new.tags,
            source: String::new(),
            not_before: None,
            not_after: None,
            last_renewal_at: None,
            last_deployment_at: None,
            renewal_failures: 0,
            last_renewal_error: None,
            last_editor: caller.person.0.clone(),
            archived_at: None,
            revoked_at: None,
            revocation_reason: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        Ok(Checked { certificate, targets, policy: policy.expect(invariant), profile, csr })
    }

    fn certificate_unit(&self, caller: &Caller, checked: &Checked) -> Unit {
        let mut unit = Unit::new();
        let certificate = &checked.certificate;
        certctl_store::certificates::insert(&mut unit, certificate);
        let targets: Vec<String> = checked.targets.iter().map(|target| target.id.to_string()).collect();
        let sans: Vec<String> = certificate.sans.iter().map(ToString::to_string).collect();
        let event = Event::new(Action::CertificateCreated, &certificate.id)
            .with("name", certificate.name.as_str())
            .with("common_name", certificate.common_name.as_str())
            .with("sans", sans)
            .with("owner_id", certificate.owner_id.as_str())
            .with("team_id", certificate.team_id.as_str())
            .with("issuer_id", certificate.issuer_id.as_str())
            .with("renewal_policy_id", certificate.renewal_policy_id.as_str())
            .with_some("certificate_profile_id", checked.profile.as_ref().map(|profile| profile.id.as_str()))
            .with("target_ids", targets);
        self.audit(&mut unit, caller, event);
        unit
    }

    /// Commits a creation, and says which field is at fault when a reference or a unique name is in the way.
    async fn certificate_commit(&self, checked: &Checked, unit: Unit) -> Result<()> {
        let Err(error) = self.db().commit(unit).await else { return Ok(()) };
        if matches!(error, DbError::Unique { .. }) {
            let by_id = certctl_store::certificates::get(self.db(), &checked.certificate.id).await?;
            return Err(match by_id {
                Some(_) => Error::conflict(
                    "id_taken",
                    format!("a certificate {} exists; choose another id", checked.certificate.id),
                ),
                None => Error::conflict(
                    "name_taken",
                    format!("a certificate is named {:?}; choose another name", checked.certificate.name),
                ),
            });
        }
        if matches!(error, DbError::Reference { .. }) {
            return Err(self.certificate_dangling(&checked.certificate).await?);
        }
        Err(error.into())
    }

    async fn certificate_dangling(&self, certificate: &Certificate) -> Result<Error> {
        let mut refusals = Refusals::new();
        if certctl_store::owners::get(self.db(), &certificate.owner_id).await?.is_none() {
            refusals.push(Refusal::invalid("owner_id", format!("owner {} does not exist", certificate.owner_id)));
        }
        if certctl_store::teams::get(self.db(), &certificate.team_id).await?.is_none() {
            refusals.push(Refusal::invalid("team_id", format!("team {} does not exist", certificate.team_id)));
        }
        if refusals.0.is_empty() {
            refusals.push(Refusal::invalid(
                "renewal_policy_id",
                "a thing it refers to was deleted at this moment; try again",
            ));
        }
        Ok(refusals.into())
    }

    async fn profile_optional(&self, id: Option<&ProfileId>) -> Result<Option<Arc<Profile>>> {
        match id {
            Some(id) => self.profile_for_issue(Some(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Collects refusals; passes on everything else.
    pub(super) fn checked<T>(&self, result: Result<T>, refusals: &mut Refusals) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Refused(more)) => {
                refusals.0.extend(more.0);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Loads targets that exist and are active, and refuses the others by name.
    pub(crate) async fn targets_checked(&self, ids: &[TargetId], refusals: &mut Refusals) -> Result<Vec<Target>> {
        let mut targets = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            let field = format!("target_ids[{index}]");
            match certctl_store::targets::get(self.db(), id).await? {
                Some(target) if target.is_active() => targets.push(target),
                Some(_) => refusals.push(Refusal::denied(field, format!("target {id} is retired or switched off"))),
                None => refusals.push(Refusal::invalid(field, format!("target {id} does not exist"))),
            }
        }
        Ok(targets)
    }
}

/// A common name that can be a SAN is one (RFC 9525: only SANs are looked at).
pub(super) fn with_common_name(mut sans: Vec<San>, common_name: &str) -> Vec<San> {
    if let Ok(san) = San::parse(common_name) {
        sans.push(san);
    }
    San::normalize(sans)
}

/// The names that can be read, in the order in which they were sent.
pub(super) fn parse_sans(texts: &[String], refusals: &mut Refusals) -> Vec<San> {
    let mut sans = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match San::parse(text) {
            Ok(san) => sans.push(san),
            Err(error) => refusals.push(Refusal::invalid(format!("sans[{index}]"), error.to_string())),
        }
    }
    sans
}

pub(super) fn parse_csr(pem: Option<&str>, refusals: &mut Refusals) -> Option<Csr> {
    match Csr::parse_pem(pem?) {
        Ok(csr) => Some(csr),
        Err(error) => {
            refusals.push(Refusal::invalid("csr_pem", error.to_string()));
            None
        }
    }
}

fn parse_targets(texts: &[String], refusals: &mut Refusals) -> Vec<TargetId> {
    let mut ids = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match TargetId::parse(text) {
            Ok(id) if ids.contains(&id) => {
                refusals.push(Refusal::invalid(format!("target_ids[{index}]"), "is named twice"))
            }
            Ok(id) => ids.push(id),
            Err(error) => refusals.push(Refusal::invalid(format!("target_ids[{index}]"), error.to_string())),
        }
    }
    ids
}

pub(super) fn required_id<T>(
    field: &str,
    text: &str,
    parse: impl Fn(&str) -> std::result::Result<T, certctl_domain::ids::IdError>,
    refusals: &mut Refusals,
) -> Option<T> {
    if text.is_empty() {
        refusals.push(Refusal::invalid(field, "is required"));
        return None;
    }
    optional_id(field, Some(text), parse, refusals)
}

pub(super) fn optional_id<T>(
    field: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> std::result::Result<T, certctl_domain::ids::IdError>,
    refusals: &mut Refusals,
) -> Option<T> {
    match parse(text?) {
        Ok(id) => Some(id),
        Err(error) => {
            refusals.push(Refusal::invalid(field, error.to_string()));
            None
        }
    }
}

/// Longest environment, tag name and tag value, in characters.
const LABEL_MAX: usize = 255;
const ENVIRONMENT_MAX: usize = 50;
const TAGS_MAX: usize = 64;

pub(super) fn check_environment(environment: &str, tags: &BTreeMap<String, String>, refusals: &mut Refusals) {
    if environment.chars().count() > ENVIRONMENT_MAX || environment.chars().any(char::is_control) {
        refusals.push(Refusal::invalid(
            "environment",
            format!("has at most {ENVIRONMENT_MAX} characters and no control character"),
        ));
    }
    if tags.len() > TAGS_MAX {
        refusals.push(Refusal::invalid("tags", format!("has at most {TAGS_MAX} entries")));
    }
    for (name, value) in tags {
        let fits = !name.is_empty() && name.chars().count() <= LABEL_MAX && value.chars().count() <= LABEL_MAX;
        if !fits || name.chars().chain(value.chars()).any(char::is_control) {
            refusals.push(Refusal::invalid(
                "tags",
                format!("names and values have 1 to {LABEL_MAX} characters and no control character"),
            ));
        }
    }
}
