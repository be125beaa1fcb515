//! An issuer is edited.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::IssuerId;
use certctl_domain::issuer::Issuer;
use certctl_domain::ownership;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;

use super::{ISSUER, event, place};
use crate::caller::Caller;
use crate::configuration::{self, ConfigInput};
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

/// What a person says about an issuer; what is left out keeps its value, secrets inside the configuration too.
#[derive(Debug, Clone, Default)]
pub struct IssuerInput {
    /// Unique name.
    pub name: Option<String>,
    /// Its settings.
    pub config: Option<ConfigInput>,
    /// Whether it signs.
    pub enabled: Option<bool>,
}

impl App {
    /// Changes what the input names and keeps the rest. The next issuance uses it.
    ///
    /// # Errors
    /// Missing; stale; all malformed fields and everything wrong with the configuration; `name_taken`.
    pub async fn issuer_update(
        &self,
        caller: &Caller,
        id: &IssuerId,
        expected: Option<i64>,
        input: IssuerInput,
    ) -> Result<Issuer> {
        caller.require(Permission::IssuerEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.issuer(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut issuer = self.issuer_edited(&stored, &input)?;
            if issuer == stored {
                return Ok(stored);
            }
            issuer.revision += 1;
            issuer.updated_at = self.now();
            let mut unit = Unit::new();
            certctl_store::issuers::update(&mut unit, &issuer);
            self.audit(&mut unit, caller, event(Action::IssuerUpdated, &issuer));
            unit.wake(crate::cache::CONFIG);
            if self.commit_edit(ISSUER, unit).await? == Committed::Done {
                self.config_changed();
                self.issuer_ready(&issuer).await?;
                return Ok(issuer);
            }
        }
        Err(edit::busy(ISSUER.what))
    }

    /// The issuer as the input wants it, judged.
    fn issuer_edited(&self, stored: &Issuer, input: &IssuerInput) -> Result<Issuer> {
        let mut refusals = Refusals::new();
        let mut issuer = stored.clone();
        issuer.name = input.name.clone().unwrap_or(issuer.name);
        ownership::check_name("name", &issuer.name, &mut refusals);
        issuer.enabled = input.enabled.unwrap_or(issuer.enabled);
        let schema = self.issuer_schema(&stored.kind, &mut refusals);
        let mut judged = None;
        if let (Some(schema), Some(input)) = (schema, &input.config) {
            let before = self.config_open(place(stored), &stored.config, stored.sealed_config.as_deref())?;
            let after = configuration::edit(&schema, &before, input, &mut refusals);
            judged = (before != after).then_some((schema, after));
        }
        refusals.into_result()?;
        if let Some((schema, config)) = judged {
            let sealed = self.config_store(&schema, place(stored), &config)?;
            (issuer.config, issuer.sealed_config) = (sealed.shown, sealed.sealed);
            (issuer.test_status, issuer.last_tested_at) = ("untested".to_owned(), None);
        }
        Ok(issuer)
    }
}
