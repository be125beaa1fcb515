//! Agents: rows of `agents`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub hostname: String,
    pub os: String,
    pub architecture: String,
    pub ip_address: String,
    pub version: String,
    pub enrolled: bool,
    pub last_heartbeat_at: Option<i64>,
    pub registered_at: i64,
    pub retired_at: Option<i64>,
    pub retired_reason: Option<String>,
    pub updated_at: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
