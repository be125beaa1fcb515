//! Managed certificates: rows of `certificates`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub common_name: String,
    pub sans: String,
    pub environment: String,
    pub owner_id: String,
    pub team_id: String,
    pub issuer_id: String,
    pub renewal_policy_id: String,
    pub certificate_profile_id: Option<String>,
    pub tags: String,
    pub source: String,
    pub not_before: Option<i64>,
    pub not_after: Option<i64>,
    pub last_renewal_at: Option<i64>,
    pub last_deployment_at: Option<i64>,
    pub renewal_failures: i64,
    pub last_renewal_error: Option<String>,
    pub last_editor: String,
    pub archived_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub revocation_reason: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
