//! Renewal policies: rows of `renewal_policies`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "renewal_policies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub renewal_window_days: i64,
    pub auto_renew: bool,
    pub max_retries: i64,
    pub retry_interval_seconds: i64,
    pub alert_thresholds_days: String,
    pub alert_channels: String,
    pub alert_severity_map: String,
    pub certificate_profile_id: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
