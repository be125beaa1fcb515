//! Editing a certificate. What is not named stays as it is; dates, status and provenance are the server's.

use std::collections::BTreeMap;

use certctl_db::{DbError, Unit};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Certificate;
use certctl_domain::ids::{CertificateId, IssuerId, OwnerId, PolicyId, ProfileId, TeamId};
use certctl_domain::ownership::check_name;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_domain::renewal;
use certctl_domain::spec::check_names;
use certctl_pki::San;

use super::create::{check_environment, optional_id, parse_sans, with_common_name};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// What is to change.
#[derive(Debug, Clone, Default)]
pub struct CertificateChange {
    /// Unique display name.
    pub name: Option<String>,
    /// Subject common name.
    pub common_name: Option<String>,
    /// Subject alternative names, all of them.
    pub sans: Option<Vec<String>>,
    /// Free text.
    pub environment: Option<String>,
    /// Owner.
    pub owner_id: Option<String>,
    /// Team.
    pub team_id: Option<String>,
    /// Issuer.
    pub issuer_id: Option<String>,
    /// Renewal policy.
    pub renewal_policy_id: Option<String>,
    /// Profile; `Some(None)` removes it.
    pub certificate_profile_id: Option<Option<String>>,
    /// Labels, all of them.
    pub tags: Option<BTreeMap<String, String>>,
    /// A status named by the caller: it may only be the present one.
    pub status: Option<String>,
}

impl App {
    /// Edits a certificate.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Stale`] when `if_match` is not its revision; [`Error::Refused`] with every field at
    /// fault; [`Error::Conflict`] when the name is taken.
    pub async fn certificate_update(
        &self,
        caller: &Caller,
        id: &CertificateId,
        change: CertificateChange,
        if_match: Option<i64>,
    ) -> Result<Certificate> {
        caller.require(Permission::CertEdit)?;
        let before = self.certificate_known(id).await?;
        if if_match.is_some_and(|revision| revision != before.revision) {
            return Err(Error::Stale { current: before.revision });
        }
        let mut refusals = Refusals::new();
        self.status_unchanged(&before, change.status.as_deref(), &mut refusals).await?;
        let count = change.sans.as_ref().map_or(0, Vec::len);
        let sent = change.sans.as_ref().map(|texts| parse_sans(texts, &mut refusals));
        let mut after = edited(&before, change, sent.as_deref(), &mut refusals);
        // With one that cannot be read the others would have other places.
        let names = match sent {
            Some(sent) => (sent.len() == count).then_some(sent),
            None => Some(after.sans.clone()),
        };
        self.certificate_references(&before, &after, names.as_deref(), &mut refusals).await?;
        refusals.into_result()?;
        if after == before {
            return Ok(before);
        }
        self.ungated_refused(caller, &before, &after).await?;
        after.last_editor = caller.person.0.clone();
        after.updated_at = self.now();
        after.revision += 1;
        let mut unit = Unit::new();
        certctl_store::certificates::update(&mut unit, &before, &after);
        if before.renewal_policy_id != after.renewal_policy_id {
            self.replan(&mut unit, &after).await?;
        }
        self.audit(&mut unit, caller, changes(&before, &after));
        match self.db().commit(unit).await {
            Ok(()) => Ok(after),
            Err(DbError::Unique { .. }) => Err(Error::conflict(
                "name_taken",
                format!("a certificate is named {:?}; choose another name", after.name),
            )),
            Err(DbError::Moved { .. }) => Err(Error::Stale { current: self.certificate_known(id).await?.revision }),
            Err(error) => Err(error.into()),
        }
    }

    /// A status in a body is accepted when it says nothing new (rulings §4).
    async fn status_unchanged(
        &self,
        certificate: &Certificate,
        status: Option<&str>,
        refusals: &mut Refusals,
    ) -> Result<()> {
        let Some(status) = status else { return Ok(()) };
        let view = self.certificate_view(certificate.clone()).await?;
        if view.status.as_str() != status {
            let message =
                format!("is {} and computed; renew, archive or revoke it instead of setting it", view.status.as_str());
            refusals.push(Refusal::denied("status", message));
        }
        Ok(())
    }

    async fn certificate_references(
        &self,
        before: &Certificate,
        after: &Certificate,
        sans: Option<&[San]>,
        refusals: &mut Refusals,
    ) -> Result<()> {
        if before.owner_id != after.owner_id && certctl_store::owners::get(self.db(), &after.owner_id).await?.is_none()
        {
            refusals.push(Refusal::invalid("owner_id", format!("owner {} does not exist", after.owner_id)));
        }
        if before.team_id != after.team_id && certctl_store::teams::get(self.db(), &after.team_id).await?.is_none() {
            refusals.push(Refusal::invalid("team_id", format!("team {} does not exist", after.team_id)));
        }
        if before.issuer_id != after.issuer_id {
            self.checked(self.engine_selectable(&after.issuer_id).await, refusals)?;
        }
        if before.renewal_policy_id != after.renewal_policy_id {
            self.checked(self.policy_for_issue(&after.renewal_policy_id).await, refusals)?;
        }
        if let Some(id) = &after.certificate_profile_id {
            let profile = self.checked(self.profile_for_issue(Some(id)).await, refusals)?;
            let names = before.common_name != after.common_name
                || before.sans != after.sans
                || before.certificate_profile_id != after.certificate_profile_id;
            if let (Some(profile), Some(sans)) = (profile.filter(|_| names), sans) {
                check_names(&after.common_name, sans, &profile, refusals);
            }
        }
        Ok(())
    }

    /// Taking a certificate away from a profile that asks for two persons would open the gate: only somebody who could edit
    /// that profile may do it.
    async fn ungated_refused(&self, caller: &Caller, before: &Certificate, after: &Certificate) -> Result<()> {
        if before.certificate_profile_id == after.certificate_profile_id && before.issuer_id == after.issuer_id {
            return Ok(());
        }
        let Some(id) = &before.certificate_profile_id else { return Ok(()) };
        let gated =
            certctl_store::profiles::get(self.db(), id).await?.is_none_or(|profile| profile.rules.requires_approval);
        if gated && !caller.holds(Permission::ProfileDelete) {
            let message =
                format!("profile {id} asks for two persons; an administrator must move the certificate away from it");
            return Err(Error::Forbidden { code: "gated_profile", message });
        }
        Ok(())
    }

    /// Computes anew when the identities of a certificate are renewed.
    async fn replan(&self, unit: &mut Unit, certificate: &Certificate) -> Result<()> {
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        for identity in certctl_store::identities::of_certificate(self.db(), &certificate.id).await? {
            if let (Some(start), Some(end)) = (identity.not_before, identity.not_after) {
                let at = renewal::planned(&certificate.id, start, end, &policy);
                certctl_store::identities::replan(unit, &identity, at);
            }
        }
        Ok(())
    }
}

fn edited(
    before: &Certificate,
    change: CertificateChange,
    sans: Option<&[San]>,
    refusals: &mut Refusals,
) -> Certificate {
    let mut after = before.clone();
    if let Some(name) = change.name {
        check_name("name", &name, refusals);
        after.name = name.trim().to_owned();
    }
    let common_name = change.common_name.is_some();
    if let Some(text) = change.common_name {
        match San::parse(&text) {
            Ok(san) => after.common_name = san.to_string(),
            Err(error) => refusals.push(Refusal::invalid("common_name", error.to_string())),
        }
    }
    if let Some(sans) = sans {
        after.sans = with_common_name(sans.to_vec(), &after.common_name);
    } else if common_name {
        after.sans = with_common_name(after.sans, &after.common_name);
    }
    after.environment = change.environment.unwrap_or(after.environment);
    after.tags = change.tags.unwrap_or(after.tags);
    check_environment(&after.environment, &after.tags, refusals);
    let set = |field, text: Option<String>| text.map(|text| (field, text));
    if let Some((field, text)) = set("owner_id", change.owner_id) {
        after.owner_id = optional_id(field, Some(&text), OwnerId::parse, refusals).unwrap_or(after.owner_id);
    }
    if let Some((field, text)) = set("team_id", change.team_id) {
        after.team_id = optional_id(field, Some(&text), TeamId::parse, refusals).unwrap_or(after.team_id);
    }
    if let Some((field, text)) = set("issuer_id", change.issuer_id) {
        after.issuer_id = optional_id(field, Some(&text), IssuerId::parse, refusals).unwrap_or(after.issuer_id);
    }
    if let Some((field, text)) = set("renewal_policy_id", change.renewal_policy_id) {
        after.renewal_policy_id =
            optional_id(field, Some(&text), PolicyId::parse, refusals).unwrap_or(after.renewal_policy_id);
    }
    if let Some(profile) = change.certificate_profile_id {
        after.certificate_profile_id =
            optional_id("certificate_profile_id", profile.as_deref(), ProfileId::parse, refusals);
    }
    after
}

fn changes(before: &Certificate, after: &Certificate) -> Event {
    let texts = |certificate: &Certificate| certificate.sans.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut event = Event::new(Action::CertificateUpdated, &after.id).with("revision", after.revision);
    if before.name != after.name {
        event = event.with("name", after.name.as_str());
    }
    if before.common_name != after.common_name {
        event = event.with("common_name", after.common_name.as_str());
    }
    if before.sans != after.sans {
        event = event.with("sans", texts(after));
    }
    if before.environment != after.environment {
        event = event.with("environment", after.environment.as_str());
    }
    if before.owner_id != after.owner_id {
        event = event.with("owner_id", after.owner_id.as_str());
    }
    if before.team_id != after.team_id {
        event = event.with("team_id", after.team_id.as_str());
    }
    if before.issuer_id != after.issuer_id {
        event = event.with("issuer_id", after.issuer_id.as_str());
    }
    if before.renewal_policy_id != after.renewal_policy_id {
        event = event.with("renewal_policy_id", after.renewal_policy_id.as_str());
    }
    if before.certificate_profile_id != after.certificate_profile_id {
        event =
            event.with("certificate_profile_id", after.certificate_profile_id.as_ref().map_or("", |id| id.as_str()));
    }
    if before.tags != after.tags {
        let tags: Vec<String> = after.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        event = event.with("tags", tags);
    }
    event
}
