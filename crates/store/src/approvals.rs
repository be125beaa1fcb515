//! Approval requests. Every decision is guarded by the state it leaves, so that of two deciders one wins.

use certctl_db::{Change, Db, DbError, Due, Place, Unit};
use certctl_domain::actor::Person;
use certctl_domain::approval::{Approval, ApprovalKind, ApprovalState};
use certctl_domain::ids::{ApprovalId, CertificateId, JobId, ProfileId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::convert::{self, to_json};
use crate::entities::approvals::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};

/// The request with this id.
pub async fn get(db: &Db, id: &ApprovalId) -> Result<Option<Approval>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// The newest request for a job.
pub async fn of_job(db: &Db, job: &JobId) -> Result<Option<Approval>, DbError> {
    let query = Entity::find()
        .filter(Column::JobId.eq(job.as_str()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id);
    query.one(db.read()).await?.map(read).transpose()
}

/// The open request for a certificate's issuance, if any.
pub async fn open_of_certificate(db: &Db, certificate: &CertificateId) -> Result<Option<Approval>, DbError> {
    let query = Entity::find()
        .filter(Column::CertificateId.eq(certificate.as_str()))
        .filter(Column::State.eq(ApprovalState::Pending.as_str()))
        .order_by_desc(Column::CreatedAt);
    query.one(db.read()).await?.map(read).transpose()
}

/// Which requests a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<ApprovalState>,
    /// Only those for this certificate.
    pub certificate_id: Option<CertificateId>,
    /// Only those this actor asked for.
    pub requested_by: Option<String>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.state.is_none() && self.certificate_id.is_none() && self.requested_by.is_none()
    }
}

/// Requests, newest first.
pub async fn list(db: &Db, filter: &Filter, window: &Window) -> Result<Listed<Approval>, DbError> {
    let mut query = Entity::find();
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    if let Some(certificate) = &filter.certificate_id {
        query = query.filter(Column::CertificateId.eq(certificate.as_str()));
    }
    if let Some(actor) = &filter.requested_by {
        query = query.filter(Column::RequestedBy.eq(actor.as_str()));
    }
    let by = ByTime::newest_first(Column::CreatedAt, Column::Id);
    let position = |row: &Model| (row.created_at, row.id.clone());
    if filter.is_empty() {
        list::page(db, query, by, window, position, read).await
    } else {
        list::filtered(db, query, by, window, position, read).await
    }
}

/// Undecided requests whose time is over, longest over first. Reads `approvals_expiry_idx`.
pub async fn expired(
    db: &Db,
    now: Timestamp,
    after: Option<&Place>,
    limit: u16,
) -> Result<Vec<Due<Approval>>, DbError> {
    let find = Entity::find()
        // Word for word the condition of the partial index, which a parameter would hide from the planner.
        .filter(Expr::cust("state = 'pending'"))
        .filter(Column::ExpiresAt.lte(now.unix_micros()));
    let due = certctl_db::due(db, find, Column::ExpiresAt, &[Column::Id], after, u64::from(limit)).await?;
    Ok(due.into_iter().map(|due| due.and_then(read)).collect())
}

/// Adds a request.
pub fn insert(unit: &mut Unit, approval: &Approval) {
    unit.insert(&row(approval));
}

/// Writes the decision on a request that must still be pending.
pub fn decide(unit: &mut Unit, approval: &Approval) {
    let row = row(approval);
    unit.change(
        Change::of::<Entity>("approval", &approval.id)
            .key(Column::Id, row.id)
            .expect(Column::State, ApprovalState::Pending.as_str())
            .set(Column::State, row.state)
            .set(Column::DecidedBy, row.decided_by)
            .set(Column::DeciderPerson, row.decider_person)
            .set(Column::DecidedAt, row.decided_at)
            .set(Column::DecisionNote, row.decision_note)
            .set(Column::UpdatedAt, row.updated_at),
    );
}

/// Uses up an approval; it must be approved and unused.
pub fn consume(unit: &mut Unit, id: &ApprovalId, now: Timestamp) {
    unit.change(
        Change::of::<Entity>("approval", id)
            .key(Column::Id, id.as_str())
            .expect(Column::State, ApprovalState::Approved.as_str())
            .expect_null(Column::ConsumedAt)
            .set(Column::ConsumedAt, now.unix_micros())
            .set(Column::UpdatedAt, now.unix_micros()),
    );
}

fn row(approval: &Approval) -> Model {
    Model {
        id: approval.id.to_string(),
        kind: approval.kind.as_str().to_owned(),
        certificate_id: approval.certificate_id.as_ref().map(ToString::to_string),
        job_id: approval.job_id.as_ref().map(ToString::to_string),
        profile_id: approval.profile_id.to_string(),
        profile_revision: approval.profile_revision,
        requested_by: approval.requested_by.clone(),
        requester_person: approval.requester_person.0.clone(),
        excluded_person: approval.excluded_person.as_ref().map(|person| person.0.clone()),
        state: approval.state.as_str().to_owned(),
        digest: approval.digest.clone(),
        metadata: to_json(&approval.metadata),
        payload: approval.payload.clone(),
        decided_by: approval.decided_by.clone(),
        decider_person: approval.decider_person.as_ref().map(|person| person.0.clone()),
        decided_at: convert::micros_opt(approval.decided_at),
        decision_note: approval.decision_note.clone(),
        consumed_at: convert::micros_opt(approval.consumed_at),
        expires_at: approval.expires_at.unix_micros(),
        created_at: approval.created_at.unix_micros(),
        updated_at: approval.updated_at.unix_micros(),
    }
}

fn read(row: Model) -> Result<Approval, DbError> {
    Ok(Approval {
        id: convert::id("approvals", "id", &row.id, ApprovalId::parse)?,
        kind: convert::word("approvals", "kind", &row.kind, ApprovalKind::parse)?,
        certificate_id: convert::id_opt(
            "approvals",
            "certificate_id",
            row.certificate_id.as_deref(),
            CertificateId::parse,
        )?,
        job_id: convert::id_opt("approvals", "job_id", row.job_id.as_deref(), JobId::parse)?,
        profile_id: convert::id("approvals", "profile_id", &row.profile_id, ProfileId::parse)?,
        profile_revision: row.profile_revision,
        requested_by: row.requested_by,
        requester_person: Person(row.requester_person),
        excluded_person: row.excluded_person.map(Person),
        state: convert::word("approvals", "state", &row.state, ApprovalState::parse)?,
        digest: row.digest,
        metadata: convert::json("approvals", "metadata", &row.metadata)?,
        payload: row.payload,
        decided_by: row.decided_by,
        decider_person: row.decider_person.map(Person),
        decided_at: convert::time_opt(row.decided_at),
        decision_note: row.decision_note,
        consumed_at: convert::time_opt(row.consumed_at),
        expires_at: convert::time(row.expires_at),
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
    })
}
