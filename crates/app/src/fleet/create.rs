//! A place is made for an agent before its program runs; the token that comes with it lets that program take the place.

use certctl_db::Unit;
use certctl_domain::agent::{AGENT_NAME_MAX, Agent};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::AgentId;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};

use super::AGENT;
use crate::caller::Caller;
use crate::error::Result;
use crate::tokens::{TokenAsk, TokenCreated};
use crate::world::App;

/// What a person says of a new agent.
#[derive(Debug, Clone, Default)]
pub struct NewAgent {
    /// Unique name.
    pub name: String,
    /// Host name.
    pub hostname: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub architecture: String,
    /// Address.
    pub ip_address: String,
    /// Version.
    pub version: String,
}

/// The agent, and what admits its program.
#[derive(Debug)]
pub struct AgentCreated {
    /// The agent; offline until its program enrols.
    pub agent: Agent,
    /// The token bound to it.
    pub token: TokenCreated,
}

impl App {
    /// Creates an agent that has no credential yet, with a token bound to it.
    ///
    /// # Errors
    /// All malformed fields; `name_taken`.
    pub async fn agent_create(&self, caller: &Caller, new: NewAgent) -> Result<AgentCreated> {
        caller.require(Permission::AgentEdit)?;
        check(&new).into_result()?;
        let now = self.now();
        let agent = Agent {
            id: AgentId::new(self.ids().ulid()),
            name: new.name,
            hostname: new.hostname,
            os: new.os,
            architecture: new.architecture,
            ip_address: new.ip_address,
            version: new.version,
            enrolled: false,
            last_heartbeat_at: None,
            registered_at: now,
            retired_at: None,
            retired_reason: None,
            updated_at: now,
            revision: 1,
        };
        let mut unit = Unit::new();
        certctl_store::agents::insert(&mut unit, &agent);
        let event = Event::new(Action::AgentCreated, &agent.id)
            .with("name", agent.name.as_str())
            .with("hostname", agent.hostname.as_str());
        self.audit(&mut unit, caller, event);
        let token = self.token_declare(&mut unit, caller, TokenAsk::for_agent(agent.id.clone()));
        self.commit_new(AGENT, unit).await?;
        Ok(AgentCreated { agent, token })
    }
}

fn check(new: &NewAgent) -> Refusals {
    let mut refusals = Refusals::new();
    let texts = [
        ("name", &new.name, AGENT_NAME_MAX),
        ("hostname", &new.hostname, 255),
        ("os", &new.os, 64),
        ("architecture", &new.architecture, 64),
        ("ip_address", &new.ip_address, 45),
        ("version", &new.version, 50),
    ];
    for (field, text, most) in texts {
        let required = matches!(field, "name" | "hostname");
        if required && text.trim().is_empty() {
            refusals.push(Refusal::invalid(field, "is required"));
        } else if text.chars().count() > most || text.chars().any(char::is_control) {
            refusals.push(Refusal::invalid(field, format!("has at most {most} characters and no control character")));
        }
    }
    refusals
}
