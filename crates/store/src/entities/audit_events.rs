//! What happened: rows of `audit_events`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub seq: Option<i64>,
    pub occurred_at: i64,
    pub actor: String,
    pub actor_type: String,
    pub credential_id: Option<String>,
    pub action: String,
    pub resource_type: String,
    pub resource_id: String,
    pub category: String,
    pub request_id: Option<String>,
    pub source_ip: Option<String>,
    pub details: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
