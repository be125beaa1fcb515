//! Approvals.

use certctl_client::Query;
use certctl_wire::{Approval, ApprovalDecided, ApprovalDecision};

use crate::args::{ApprovalVerb, Decide};
use crate::exit::Exit;
use crate::failure::Result;
use crate::output::{self, Show, maybe, maybe_time, time};
use crate::session::Session;

pub(crate) async fn run(session: &mut Session<'_>, verb: ApprovalVerb) -> Result<Exit> {
    match verb {
        ApprovalVerb::List { state, certificate, requested_by, rows } => {
            let client = session.client.clone();
            let query = Query::new()
                .filter("state", state)
                .filter("certificate_id", certificate)
                .filter("requested_by", requested_by);
            output::list(session, &rows, query, |query| client.approval_list(query)).await?;
        }
        ApprovalVerb::Get { id } => {
            let approval = session.client.approval(&id).await?;
            output::one(session, &approval);
        }
        ApprovalVerb::Approve(Decide { id, note }) => {
            let decided = session.client.approval_approve(&id, &ApprovalDecision { note }).await?;
            show(session, &decided);
        }
        ApprovalVerb::Reject(Decide { id, note }) => {
            let decided = session.client.approval_reject(&id, &ApprovalDecision { note }).await?;
            show(session, &decided);
        }
    }
    Ok(Exit::Ok)
}

fn show(session: &mut Session<'_>, decided: &ApprovalDecided) {
    let pairs = [
        ("Id", decided.id.clone()),
        ("Decision", decided.action.to_string()),
        ("Decided by", decided.decided_by.clone()),
    ];
    output::one_as(session, decided, &decided.id, &pairs);
}

impl Show for Approval {
    const COLUMNS: &'static [&'static str] = &["ID", "KIND", "STATE", "REQUESTED BY", "FOR", "CREATED", "EXPIRES"];

    fn id(&self) -> &str {
        &self.id
    }

    fn row(&self) -> Vec<String> {
        let subject = self.metadata.get("common_name").or(self.certificate_id.as_ref()).unwrap_or(&self.profile_id);
        vec![
            self.id.clone(),
            self.kind.to_string(),
            self.state.to_string(),
            self.requested_by.clone(),
            subject.clone(),
            time(&self.created_at),
            maybe_time(self.expires_at.as_ref()),
        ]
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("Id", self.id.clone()),
            ("Kind", self.kind.to_string()),
            ("State", self.state.to_string()),
            ("Requested by", self.requested_by.clone()),
            ("Certificate", maybe(self.certificate_id.as_ref())),
            ("Job", maybe(self.job_id.as_ref())),
            ("Profile", self.profile_id.clone()),
            ("Decided by", maybe(self.decided_by.as_ref())),
            ("Decided", maybe_time(self.decided_at.as_ref())),
            ("Note", maybe(self.decision_note.as_ref())),
            ("Created", time(&self.created_at)),
            ("Expires", maybe_time(self.expires_at.as_ref())),
        ];
        pairs.extend(self.metadata.iter().map(|(name, value)| ("With", format!("{name}={value}"))));
        pairs
    }
}
