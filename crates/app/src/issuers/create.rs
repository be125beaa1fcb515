//! An issuer is created.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::IssuerId;
use certctl_domain::issuer::Issuer;
use certctl_domain::ownership;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};
use serde_json::Value;

use super::{ISSUER, event};
use crate::caller::Caller;
use crate::configuration::{self, Place};
use crate::edit;
use crate::error::Result;
use crate::world::App;

/// What a person says of a new issuer.
#[derive(Debug, Clone, Default)]
pub struct NewIssuer {
    /// Its own id, if they bring one.
    pub id: Option<String>,
    /// Unique name.
    pub name: String,
    /// Its type, or an alias of it.
    pub kind: String,
    /// Its settings.
    pub config: Option<Value>,
    /// Switched on unless false.
    pub enabled: Option<bool>,
    /// `single`, the only mode there is.
    pub hierarchy_mode: Option<String>,
}

impl App {
    /// Creates an issuer. A local CA gets its own root and issuing CA at once, unless its configuration names files.
    ///
    /// # Errors
    /// All malformed fields, an unknown type, everything wrong with the configuration; `id_taken` or `name_taken`.
    pub async fn issuer_create(&self, caller: &Caller, new: NewIssuer) -> Result<Issuer> {
        caller.require(Permission::IssuerEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(new.id.as_deref(), || IssuerId::new(self.ids().ulid()), &mut refusals);
        ownership::check_name("name", &new.name, &mut refusals);
        if let Some(mode) = new.hierarchy_mode.as_deref().filter(|mode| *mode != "single") {
            refusals
                .push(Refusal::invalid("hierarchy_mode", format!("{mode:?} is unknown; leave it out, or use single")));
        }
        let schema = self.issuer_schema(&new.kind, &mut refusals);
        let judged = schema.map(|schema| (schema, configuration::accept(&schema, new.config, &mut refusals)));
        refusals.into_result()?;
        let (schema, config) = judged.expect("refused above when absent");
        let stored = self.config_store(&schema, Place { table: ISSUER.table, row: id.as_str() }, &config)?;
        let now = self.now();
        let issuer = Issuer {
            id,
            name: new.name,
            kind: schema.connector.to_owned(),
            config: stored.shown,
            sealed_config: stored.sealed,
            enabled: new.enabled.unwrap_or(true),
            internal: false,
            source: "database".to_owned(),
            test_status: "untested".to_owned(),
            last_tested_at: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let mut unit = Unit::new();
        certctl_store::issuers::insert(&mut unit, &issuer);
        self.audit(&mut unit, caller, event(Action::IssuerCreated, &issuer));
        self.commit_new(ISSUER, unit).await?;
        self.issuer_ready(&issuer).await?;
        Ok(issuer)
    }
}
