//! A profile is created.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Detail, Event};
use certctl_domain::ids::ProfileId;
use certctl_domain::permission::Permission;
use certctl_domain::profile::{Profile, ProfileRules};
use certctl_domain::refusal::Refusals;

use super::{PROFILE, ProfileInput};
use crate::caller::Caller;
use crate::edit;
use crate::error::Result;
use crate::world::App;

impl App {
    /// Creates a profile under the id the caller brought, or a fresh one. Nothing is issued under it yet, so that no second
    /// person is needed, whatever it says.
    ///
    /// # Errors
    /// All fields that cannot be rules; `id_taken` or `name_taken`.
    pub async fn profile_create(&self, caller: &Caller, id: Option<&str>, input: ProfileInput) -> Result<Profile> {
        caller.require(Permission::ProfileEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(id, || ProfileId::new(self.ids().ulid()), &mut refusals);
        let mut rules = ProfileRules::named("");
        input.apply(&mut rules, &mut refusals);
        edit::add_new(rules.check(), &mut refusals);
        refusals.into_result()?;
        let now = self.now();
        let profile = Profile { id, rules, created_at: now, updated_at: now, revision: 1 };
        let mut unit = Unit::new();
        certctl_store::profiles::insert(&mut unit, &profile);
        self.audit(&mut unit, caller, event(Action::ProfileCreated, &profile));
        self.commit_new(PROFILE, unit).await?;
        Ok(profile)
    }
}

/// The event of a change that is in force, with the whole body.
pub(crate) fn event(action: Action, profile: &Profile) -> Event {
    Event::new(action, &profile.id)
        .with("name", profile.rules.name.as_str())
        .with("revision", profile.revision)
        .with("body", Detail::Json(certctl_store::profiles::rules_to_json(&profile.rules)))
}
