//! Each X.509 made, or meant to be made: rows of `certificate_versions`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub certificate_id: Option<String>,
    pub purpose: String,
    pub holder: String,
    pub ca_id: Option<String>,
    pub issuer_id: Option<String>,
    pub job_id: Option<String>,
    pub order_ref: Option<String>,
    pub poll_at: Option<i64>,
    pub serial: Option<Vec<u8>>,
    pub state: String,
    pub not_before: Option<i64>,
    pub not_after: Option<i64>,
    pub spki_sha256: String,
    pub fingerprint_sha256: Option<String>,
    pub certificate: Option<Vec<u8>>,
    pub chain_pem: Option<String>,
    pub csr: Option<Vec<u8>>,
    pub key_algorithm: String,
    pub key_size: i64,
    pub profile_id: Option<String>,
    pub profile_revision: Option<i64>,
    pub requested_by: String,
    pub void_reason: Option<String>,
    pub revoked_at: Option<i64>,
    pub created_at: i64,
    pub issued_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
