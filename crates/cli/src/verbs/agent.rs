//! Agents and the tokens that admit them.

use certctl_client::Query;
use certctl_wire::{Agent, EnrollmentToken, EnrollmentTokenCreate};

use crate::args::{AgentVerb, Retire, TokenCreate, TokenVerb};
use crate::confirm::{Deed, confirm};
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::{self, Show, maybe, maybe_time, time};
use crate::session::Session;

pub(crate) async fn run(session: &mut Session<'_>, verb: AgentVerb) -> Result<Exit> {
    match verb {
        AgentVerb::List { retired, rows } => {
            let client = session.client.clone();
            if retired {
                output::list(session, &rows, Query::new(), |query| client.agent_list_retired(query)).await?;
            } else {
                output::list(session, &rows, Query::new(), |query| client.agent_list(query)).await?;
            }
        }
        AgentVerb::Get { id } => {
            let agent = session.client.agent(&id).await?;
            output::one(session, &agent);
        }
        AgentVerb::Retire(ask) => retire(session, ask).await?,
        AgentVerb::EnrollToken(TokenVerb::Create(ask)) => token_create(session, ask).await?,
        AgentVerb::EnrollToken(TokenVerb::List { rows }) => {
            let client = session.client.clone();
            output::list(session, &rows, Query::new(), |query| client.enrollment_token_list(query)).await?;
        }
        AgentVerb::EnrollToken(TokenVerb::Revoke { id }) => {
            let what = format!("Withdraw enrolment token {id}");
            confirm(session, &Deed { what, consequences: Vec::new(), name: &id, grave: false })?;
            session.client.enrollment_token_revoke(&id).await?;
            session.say(&format!("enrolment token {id} is withdrawn"));
        }
    }
    Ok(Exit::Ok)
}

async fn retire(session: &mut Session<'_>, ask: Retire) -> Result<()> {
    let agent = session.client.agent(&ask.id).await?;
    let consequences =
        if ask.force { "its credentials and its targets are gone at once" } else { "its credentials are dead at once" };
    let what = format!("Retire agent {} ({})", agent.name, agent.id);
    confirm(session, &Deed { what, consequences: vec![consequences.to_owned()], name: &agent.name, grave: ask.force })?;
    let reason = ask.reason.as_deref().filter(|_| ask.force);
    let Some(answer) = session.client.agent_retire(&ask.id, reason).await? else {
        session.say(&format!("agent {} was retired before", agent.name));
        return Ok(());
    };
    let pairs = [
        ("Agent", agent.id.clone()),
        ("Retired", time(&answer.retired_at)),
        ("Targets", answer.counts.active_targets.to_string()),
        ("Certificates", answer.counts.active_certificates.to_string()),
        ("Open jobs", answer.counts.pending_jobs.to_string()),
        ("Without target", answer.certificate_ids.join(", ")),
    ];
    output::one_as(session, &answer, &agent.id, &pairs);
    Ok(())
}

async fn token_create(session: &mut Session<'_>, ask: TokenCreate) -> Result<()> {
    let body = EnrollmentTokenCreate {
        ttl_seconds: Some(ask.ttl.as_secs()),
        max_uses: Some(ask.uses),
        name_pattern: ask.name_pattern,
        agent_id: ask.agent,
    };
    let token = session.client.enrollment_token_create(&body).await?;
    let pairs = [("Id", token.id.clone()), ("Token", token.token.clone()), ("Expires", time(&token.expires_at))];
    output::one_as(session, &token, &token.id, &pairs);
    session.say("the token is shown once; put it into a file and start the agent with");
    let server = session.client.server().to_owned();
    session.say(&format!("  CERTCTL_SERVER_URL={server} CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE=FILE certctl-agent"));
    Ok(())
}

impl Show for Agent {
    const COLUMNS: &'static [&'static str] = &["ID", "NAME", "HOSTNAME", "STATUS", "LAST SEEN", "OS", "VERSION"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        let status = if self.retired_at.is_some() { "Retired".to_owned() } else { self.status.to_string() };
        vec![
            self.id.clone(),
            self.name.clone(),
            self.hostname.clone(),
            status,
            self.last_heartbeat_at.as_ref().map_or_else(|| "never".to_owned(), |at| time(at)),
            self.os.clone(),
            self.version.clone(),
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Id", self.id.clone()),
            ("Name", self.name.clone()),
            ("Hostname", self.hostname.clone()),
            ("Status", self.status.to_string()),
            ("Last seen", maybe_time(self.last_heartbeat_at.as_ref())),
            ("Address", self.ip_address.clone()),
            ("System", format!("{} {}", self.os, self.architecture).trim().to_owned()),
            ("Version", self.version.clone()),
            ("Registered", time(&self.registered_at)),
            ("Retired", maybe_time(self.retired_at.as_ref())),
            ("Reason", maybe(self.retired_reason.as_ref())),
        ]
    }
}

impl Show for EnrollmentToken {
    const COLUMNS: &'static [&'static str] = &["ID", "ADMITS", "USES", "EXPIRES", "CREATED BY", "REVOKED"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        let admits = self.agent_id.clone().or_else(|| self.name_pattern.clone()).unwrap_or_else(|| "*".to_owned());
        vec![
            self.id.clone(),
            admits,
            format!("{}/{}", self.uses, self.max_uses),
            time(&self.expires_at),
            self.created_by.clone(),
            maybe_time(self.revoked_at.as_ref()),
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}
