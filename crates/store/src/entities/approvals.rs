//! Requests for a second person: rows of `approvals`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub certificate_id: Option<String>,
    pub job_id: Option<String>,
    pub profile_id: String,
    pub profile_revision: i64,
    pub requested_by: String,
    pub requester_person: String,
    pub excluded_person: Option<String>,
    pub state: String,
    pub digest: String,
    pub metadata: String,
    pub payload: Option<String>,
    pub decided_by: Option<String>,
    pub decider_person: Option<String>,
    pub decided_at: Option<i64>,
    pub decision_note: Option<String>,
    pub consumed_at: Option<i64>,
    pub expires_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
