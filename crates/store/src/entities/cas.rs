//! Certificate authorities of ours: rows of `cas`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cas")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub issuer_id: String,
    pub role: String,
    pub parent_id: Option<String>,
    pub certificate: Vec<u8>,
    pub sealed_key: Option<Vec<u8>>,
    pub key_ref: Option<String>,
    pub not_before: i64,
    pub not_after: i64,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
