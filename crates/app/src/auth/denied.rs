//! Refusals that leave a trace: sampled, so that a broken client cannot fill the log.

use certctl_db::Unit;
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::{Action, Event, Origin};
use certctl_domain::permission::Permission;

use super::Auth;
use crate::caller::Caller;

impl Auth {
    /// Notes that a caller lacked a permission; once a minute per actor and route.
    pub async fn note_denied(&self, caller: &Caller, permission: Option<Permission>, route: &str) {
        let event = Event::new(Action::PermissionDenied, route)
            .with("route", route)
            .with_some("permission", permission.map(Permission::as_str));
        self.note(format!("denied {} {route}", caller.actor.key()), caller, event).await;
    }

    /// Notes that an agent asked for what belongs to another. Every time: no honest agent does.
    pub async fn note_mismatch(&self, caller: &Caller, asked_for: &str, route: &str) {
        let event = Event::new(Action::AgentIdentityMismatch, asked_for).with("route", route);
        self.write(caller, event).await;
    }

    /// Notes that a credential was not accepted; once a minute per address.
    pub async fn note_failed(&self, origin: Origin, code: &str) {
        let address = origin.source_ip.clone().unwrap_or_default();
        let actor = Actor { id: "anonymous".to_owned(), kind: ActorType::Anonymous };
        let caller = Caller::new(actor, Person::none(), Vec::new(), origin);
        let event = Event::new(Action::KeyFailed, "unknown").with("reason", code);
        self.note(format!("failed {address}"), &caller, event).await;
    }

    async fn note(&self, once: String, caller: &Caller, event: Event) {
        if self.inner.noted.contains_key(&once) {
            return;
        }
        self.inner.noted.insert(once, ());
        self.write(caller, event).await;
    }

    async fn write(&self, caller: &Caller, event: Event) {
        let mut unit = Unit::new();
        certctl_store::audit::append(&mut unit, &caller.record(self.app(), event));
        if let Err(error) = self.app().db().commit(unit).await {
            tracing::warn!(%error, "a refusal was not written to the audit log: {error}");
        }
    }
}
