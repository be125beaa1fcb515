//! Jobs.

use certctl_client::Query;
use certctl_wire::Job;

use crate::args::JobVerb;
use crate::confirm::{Deed, confirm};
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::{self, Show, maybe, maybe_time, time};
use crate::session::Session;
use crate::wait;

pub(crate) async fn run(session: &mut Session<'_>, verb: JobVerb) -> Result<Exit> {
    match verb {
        JobVerb::List { status, kind, rows } => {
            let client = session.client.clone();
            let query = Query::new().filter("status", status).filter("type", kind);
            output::list(session, &rows, query, |query| client.job_list(query)).await?;
        }
        JobVerb::Get { id } => {
            let job = session.client.job(&id).await?;
            output::one(session, &job);
        }
        JobVerb::Cancel { id } => {
            let job = session.client.job(&id).await?;
            let about = if job.certificate_id.is_empty() { maybe(job.target_id.as_ref()) } else { job.certificate_id };
            let what = format!("Cancel {} job {id} of {about}", job.r#type);
            confirm(session, &Deed { what, consequences: Vec::new(), name: &id, grave: false })?;
            session.client.job_cancel(&id).await?;
            session.say(&format!("job {id} is cancelled"));
        }
    }
    Ok(Exit::Ok)
}

impl Show for Job {
    const COLUMNS: &'static [&'static str] = &["ID", "TYPE", "CERTIFICATE", "STATUS", "ATTEMPTS", "CREATED", "ERROR"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.r#type.to_string(),
            self.certificate_id.clone(),
            self.status.to_string(),
            format!("{}/{}", self.attempts, self.max_attempts),
            time(&self.created_at),
            maybe(self.last_error.as_ref()),
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("Id", self.id.clone()),
            ("Type", self.r#type.to_string()),
            ("Status", wait::standing(self)),
            ("Certificate", self.certificate_id.clone()),
            ("Target", maybe(self.target_id.as_ref())),
            ("Agent", maybe(self.agent_id.as_ref())),
            ("Attempts", format!("{}/{}", self.attempts, self.max_attempts)),
            ("Error class", maybe(self.error_class.as_ref())),
            ("Not before", time(&self.scheduled_at)),
            ("Created", time(&self.created_at)),
            ("Started", maybe_time(self.started_at.as_ref())),
            ("Completed", maybe_time(self.completed_at.as_ref())),
            ("Because of", maybe(self.parent_job_id.as_ref())),
            ("Verification", self.verification_status.to_string()),
            ("Verified", maybe_time(self.verified_at.as_ref())),
            ("Served", maybe(self.verification_fingerprint.as_ref())),
            ("Not verified", maybe(self.verification_error.as_ref())),
        ];
        for step in self.result.iter().flat_map(|result| &result.steps) {
            let detail = step.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            pairs.push(("Step", format!("{} {} in {} ms{detail}", step.name, step.outcome, step.ms)));
        }
        pairs
    }
}
