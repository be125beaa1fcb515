//! What one deployment did: rows of `deployment_runs`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deployment_runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: String,
    pub certificate_id: String,
    pub target_id: String,
    pub version_id: String,
    pub expected_fingerprint: String,
    pub outcome: Option<String>,
    pub served_fingerprint: Option<String>,
    pub previous_fingerprint: Option<String>,
    pub deployed_fingerprint: Option<String>,
    pub steps: String,
    pub duration_ms: Option<i64>,
    pub rolled_back: Option<bool>,
    pub verify_status: String,
    pub verified_at: Option<i64>,
    pub verify_error: Option<String>,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
