//! An issuer is tested: its engine is built from the stored configuration, and an external one is asked whether it would
//! answer.

use std::time::Duration;

use certctl_connector::{Cx, Engine};
use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::IssuerId;
use certctl_domain::issuer::Issuer;
use certctl_domain::permission::Permission;

use super::ISSUER;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// How long an external issuer may take to answer a test.
const BUDGET: Duration = Duration::from_secs(30);

impl App {
    /// Tests an issuer and keeps the result with it.
    ///
    /// # Errors
    /// Missing; [`Error::Connector`] with what is in the way, after it was noted.
    pub async fn issuer_test(&self, caller: &Caller, id: &IssuerId) -> Result<()> {
        caller.require(Permission::IssuerEdit)?;
        let issuer = self.issuer(id).await?;
        let tested = self.issuer_probe(&issuer).await;
        let (status, detail) = match &tested {
            Ok(()) => ("success", None),
            Err(error @ (Error::Connector(_) | Error::Refused(_))) => ("failed", Some(error.to_string())),
            Err(_) => return tested,
        };
        let mut unit = Unit::new();
        certctl_store::issuers::record_test(&mut unit, &issuer, status, self.now());
        let event = Event::new(Action::IssuerTested, id).with("status", status).with_some("detail", detail);
        self.audit(&mut unit, caller, event);
        self.commit_new(ISSUER, unit).await?;
        tested
    }

    async fn issuer_probe(&self, issuer: &Issuer) -> Result<()> {
        self.issuer_ready(issuer).await?;
        self.config_changed();
        match self.engine_build(issuer).await? {
            Engine::Own(_) => Ok(()),
            Engine::External { issuer: external, .. } => {
                let cx = Cx { idempotency_key: format!("test:{}", issuer.id), now: self.now(), budget: BUDGET };
                let report = external.test(&cx).await?;
                if report.ok() { Ok(()) } else { Err(Error::refused("config", report.findings())) }
            }
        }
    }
}
