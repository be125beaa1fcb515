//! Rows of the queue's tables.

pub(crate) mod job {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub kind: String,
        pub executor: String,
        pub agent_id: Option<String>,
        pub certificate_id: Option<String>,
        pub target_id: Option<String>,
        pub state: String,
        pub payload: String,
        pub attempt: i64,
        pub max_attempts: i64,
        pub retry_seconds: i64,
        pub priority: i64,
        pub not_before: i64,
        pub lease_owner: Option<String>,
        pub lease_until: Option<i64>,
        pub lease_epoch: i64,
        pub idempotency_key: String,
        pub parent_job_id: Option<String>,
        pub cancel_requested: bool,
        pub last_error: Option<String>,
        pub error_class: Option<String>,
        pub state_changed_at: i64,
        pub created_at: i64,
        pub started_at: Option<i64>,
        pub completed_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod attempt {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub job_id: String,
        pub attempt: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub lease_epoch: i64,
        pub worker: String,
        pub started_at: i64,
        pub finished_at: i64,
        pub outcome: String,
        pub error_class: Option<String>,
        pub error: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod scheduler_lease {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "scheduler_leases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub holder: String,
        pub epoch: i64,
        pub expires_at: i64,
        pub last_started_at: Option<i64>,
        pub last_finished_at: Option<i64>,
        pub last_error: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
