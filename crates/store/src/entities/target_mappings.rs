//! What should be served where, and what is: rows of `target_mappings`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "target_mappings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub target_id: String,
    pub desired_version_id: Option<String>,
    pub deployed_version_id: Option<String>,
    pub deployed_at: Option<i64>,
    pub served_fingerprint: Option<String>,
    pub state: String,
    pub last_error: Option<String>,
    pub verify_status: String,
    pub verified_at: Option<i64>,
    pub next_attempt_at: Option<i64>,
    pub failures: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
