//! Targets.

use certctl_client::Query;
use certctl_wire::{Job, JobStatus, Target, TargetUpdate as Change, TestAnswer};
use serde_json::{Map, Value};

use crate::args::{TargetCreate, TargetUpdate, TargetVerb, Waiting};
use crate::confirm::{Deed, confirm};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::output::{self, Show, maybe_time, time};
use crate::session::Session;
use crate::wait::{self, Patience};

pub(crate) async fn run(session: &mut Session<'_>, verb: TargetVerb) -> Result<Exit> {
    match verb {
        TargetVerb::List { rows } => {
            let client = session.client.clone();
            output::list(session, &rows, Query::new(), |query| client.target_list(query)).await?;
        }
        TargetVerb::Get { id } => {
            let target = session.client.target(&id).await?;
            output::one(session, &target);
        }
        TargetVerb::Create(ask) => create(session, ask).await?,
        TargetVerb::Update(ask) => update(session, ask).await?,
        TargetVerb::Delete { id } => delete(session, &id).await?,
        TargetVerb::Test { id, waiting } => return test(session, &id, &waiting).await,
    }
    Ok(Exit::Ok)
}

async fn create(session: &mut Session<'_>, ask: TargetCreate) -> Result<()> {
    let mut config = from_file(session, ask.settings.config_file.as_deref())?.unwrap_or_default();
    config.extend(ask.settings.set);
    let body = certctl_wire::TargetCreate {
        id: ask.id,
        name: ask.name,
        r#type: ask.kind,
        agent_id: ask.agent,
        config: Some(Value::Object(config)),
        enabled: None,
    };
    let target = session.client.target_create(&body).await?;
    output::one(session, &target);
    Ok(())
}

/// Settings named one by one are laid over the stored ones; the revision makes sure that nobody changed them meanwhile.
async fn update(session: &mut Session<'_>, ask: TargetUpdate) -> Result<()> {
    let given = from_file(session, ask.settings.config_file.as_deref())?;
    let enabled = (ask.enable || ask.disable).then_some(ask.enable);
    let mut change = Change { name: ask.name, agent_id: ask.agent, config: given.map(Value::Object), enabled };
    let mut revision = None;
    if !ask.settings.set.is_empty() {
        let stored = session.client.target(&ask.id).await?;
        let mut config = match change.config {
            Some(Value::Object(config)) => config,
            Some(_) | None => without_secrets(stored.config),
        };
        config.extend(ask.settings.set);
        change.config = Some(Value::Object(config));
        revision = Some(stored.revision);
    }
    if change == Change::default() {
        return Err(Failure::usage("nothing to change").hint("certctl target update --help lists what can change"));
    }
    let target = session.client.target_update(&ask.id, &change, revision).await?;
    output::one(session, &target);
    Ok(())
}

async fn delete(session: &mut Session<'_>, id: &str) -> Result<()> {
    let target = session.client.target(id).await?;
    let what = format!("Delete target {} ({id})", target.name);
    let consequences = vec!["what is installed there stays and is no longer renewed".to_owned()];
    confirm(session, &Deed { what, consequences, name: &target.name, grave: false })?;
    session.client.target_delete(id).await?;
    session.say(&format!("target {} is deleted", target.name));
    Ok(())
}

async fn test(session: &mut Session<'_>, id: &str, waiting: &Waiting) -> Result<Exit> {
    let mut answer = session.client.target_test(id).await?;
    if let Some(job) = answer.job_id.clone().filter(|_| waiting.wait && answer.status == PENDING) {
        answer = ended(wait::job_ended(session, &job, &mut Patience::new(waiting.timeout)).await?);
    }
    let mut pairs = vec![("Result", answer.status.clone()), ("Message", answer.message.clone().unwrap_or_default())];
    for check in &answer.checks {
        let detail = check.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        pairs.push(("Check", format!("{} {}{detail}", check.name, check.outcome)));
    }
    output::one_as(session, &answer, id, &pairs);
    Ok(match answer.status.as_str() {
        "success" => Exit::Ok,
        PENDING => Exit::TimedOut,
        _ => Exit::Finding,
    })
}

const PENDING: &str = "pending";

/// The answer that the server would have given.
fn ended(job: Job) -> TestAnswer {
    let well = job.status == JobStatus::Completed;
    TestAnswer {
        status: if well { "success" } else { "failed" }.to_owned(),
        message: job.last_error,
        job_id: Some(job.id),
        checks: job.result.map(|result| result.steps).unwrap_or_default(),
    }
}

fn from_file(session: &mut Session<'_>, path: Option<&std::path::Path>) -> Result<Option<Map<String, Value>>> {
    let Some(path) = path else { return Ok(None) };
    let text = files::read_text(session.console, "--config-file", path)?;
    let read: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("--config-file: {} is no JSON object: {error}", path.display())))?;
    Ok(Some(read))
}

/// Secrets are never shown; what is absent is kept, so what stands for one is left out.
fn without_secrets(config: Value) -> Map<String, Value> {
    let Value::Object(mut config) = config else { return Map::new() };
    config.retain(|_, value| value.get("$secret").is_none());
    config
}

impl Show for Target {
    const COLUMNS: &'static [&'static str] = &["ID", "NAME", "TYPE", "AGENT", "ENABLED", "TEST"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        let test = self.test_status.map(|status| status.to_string()).unwrap_or_default();
        vec![
            self.id.clone(),
            self.name.clone(),
            self.r#type.clone(),
            self.agent_id.clone(),
            if self.enabled { "yes" } else { "no" }.to_owned(),
            test,
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Id", self.id.clone()),
            ("Name", self.name.clone()),
            ("Type", self.r#type.clone()),
            ("Agent", self.agent_id.clone()),
            ("Enabled", if self.enabled { "yes" } else { "no" }.to_owned()),
            ("Config", self.config.to_string()),
            ("Test", self.test_status.map(|status| status.to_string()).unwrap_or_default()),
            ("Tested", maybe_time(self.last_tested_at.as_ref())),
            ("Retired", maybe_time(self.retired_at.as_ref())),
            ("Created", time(&self.created_at)),
            ("Updated", time(&self.updated_at)),
            ("Revision", self.revision.to_string()),
        ]
    }
}
