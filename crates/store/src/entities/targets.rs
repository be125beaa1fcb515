//! Deployment targets: rows of `targets`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "targets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub kind: String,
    pub agent_id: String,
    pub config: String,
    pub sealed_config: Option<Vec<u8>>,
    pub enabled: bool,
    pub source: String,
    pub test_status: String,
    pub last_tested_at: Option<i64>,
    pub retired_at: Option<i64>,
    pub retired_reason: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
