//! A token is made. Its text is shown once; only its hash is kept.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::agent::{AGENT_NAME_MAX, EnrollmentToken};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{AgentId, TokenId};
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};
use secrecy::SecretString;

use super::TOKEN;
use crate::auth::NewSecret;
use crate::caller::Caller;
use crate::edit;
use crate::error::Result;
use crate::world::App;

/// What a person says about a new token; what is left out gets its default.
#[derive(Debug, Clone, Default)]
pub struct TokenInput {
    /// Seconds until it ends, 60 to 30 days; an hour when left out.
    pub ttl_seconds: Option<u64>,
    /// How many agents it admits, 1 to 10 000; one when left out.
    pub max_uses: Option<u32>,
    /// Names it admits; `*` stands for any run of characters.
    pub name_pattern: Option<String>,
    /// The agent it re-enrols.
    pub agent_id: Option<String>,
}

/// A token, and the one time its text is seen.
#[derive(Debug)]
pub struct TokenCreated {
    /// What is kept.
    pub token: EnrollmentToken,
    /// The text an agent presents.
    pub secret: SecretString,
}

const TTL_DEFAULT: Duration = Duration::from_secs(3_600);
const TTL_LEAST: u64 = 60;
const TTL_MOST: u64 = 30 * 86_400;
const USES_MOST: u32 = 10_000;

impl App {
    /// Makes an enrolment token.
    ///
    /// # Errors
    /// All malformed fields; an agent that does not exist or is retired.
    pub async fn enrollment_token_create(&self, caller: &Caller, input: TokenInput) -> Result<TokenCreated> {
        caller.require(Permission::AgentEdit)?;
        let mut refusals = Refusals::new();
        let ttl = input.ttl_seconds.unwrap_or(TTL_DEFAULT.as_secs());
        if !(TTL_LEAST..=TTL_MOST).contains(&ttl) {
            refusals.push(Refusal::invalid("ttl_seconds", format!("{ttl} is outside {TTL_LEAST} to {TTL_MOST}")));
        }
        let max_uses = input.max_uses.unwrap_or(1);
        if !(1..=USES_MOST).contains(&max_uses) {
            refusals.push(Refusal::invalid("max_uses", format!("{max_uses} is outside 1 to {USES_MOST}")));
        }
        check_pattern(input.name_pattern.as_deref(), &mut refusals);
        let agent = self.token_agent(input.agent_id.as_deref(), &mut refusals).await?;
        if agent.is_some() && max_uses != 1 {
            refusals.push(Refusal::invalid("max_uses", "a token that re-enrols one agent is used once; leave it out"));
        }
        refusals.into_result()?;
        let mut unit = Unit::new();
        let ask =
            TokenAsk { ttl: Duration::from_secs(ttl), max_uses, name_pattern: input.name_pattern, agent_id: agent };
        let created = self.token_declare(&mut unit, caller, ask);
        self.commit_new(TOKEN, unit).await?;
        Ok(created)
    }

    /// Declares a token on a unit.
    pub(crate) fn token_declare(&self, unit: &mut Unit, caller: &Caller, ask: TokenAsk) -> TokenCreated {
        let now = self.now();
        let secret = NewSecret::generate(self, PREFIX);
        let token = EnrollmentToken {
            id: TokenId::new(self.ids().ulid()),
            token_hash: secret.digest.to_hex(),
            name_pattern: ask.name_pattern,
            agent_id: ask.agent_id,
            max_uses: ask.max_uses,
            uses: 0,
            created_by: caller.actor.id.clone(),
            created_at: now,
            expires_at: now + ask.ttl,
            revoked_at: None,
        };
        certctl_store::tokens::insert(unit, &token);
        let event = Event::new(Action::EnrollmentTokenCreated, &token.id)
            .with("max_uses", token.max_uses)
            .with("expires_at", token.expires_at.to_rfc3339())
            .with_some("name_pattern", token.name_pattern.as_deref())
            .with_some("agent_id", token.agent_id.as_ref().map(|id| id.as_str()));
        self.audit(unit, caller, event);
        TokenCreated { token, secret: secret.value }
    }

    async fn token_agent(&self, text: Option<&str>, refusals: &mut Refusals) -> Result<Option<AgentId>> {
        let Some(text) = text else { return Ok(None) };
        let Some(id) = edit::reference::<AgentId>("agent_id", text, refusals) else { return Ok(None) };
        match certctl_store::agents::get(self.db(), &id).await? {
            None => refusals.push(edit::unknown("agent_id", "agent", &id)),
            Some(agent) if agent.retired_at.is_some() => {
                refusals
                    .push(Refusal::denied("agent_id", format!("agent {} is retired; create a new one", agent.name)));
            }
            Some(_) => return Ok(Some(id)),
        }
        Ok(None)
    }
}

/// A token about which nothing is left to decide.
pub(crate) struct TokenAsk {
    pub(crate) ttl: Duration,
    pub(crate) max_uses: u32,
    pub(crate) name_pattern: Option<String>,
    pub(crate) agent_id: Option<AgentId>,
}

impl TokenAsk {
    /// One use, an hour, for one agent.
    pub(crate) fn for_agent(id: AgentId) -> Self {
        Self { ttl: TTL_DEFAULT, max_uses: 1, name_pattern: None, agent_id: Some(id) }
    }
}

/// What every token begins with, so that a leaked one is recognised.
const PREFIX: &str = "cce";

fn check_pattern(pattern: Option<&str>, refusals: &mut Refusals) {
    let Some(pattern) = pattern else { return };
    if pattern.is_empty() || pattern.chars().count() > AGENT_NAME_MAX || pattern.chars().any(char::is_control) {
        let message = format!("has 1 to {AGENT_NAME_MAX} characters; write * for every name, or web-* for some");
        refusals.push(Refusal::invalid("name_pattern", message));
    }
}
