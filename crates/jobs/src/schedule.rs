//! One replica at a time runs a loop: a lease by name, with a fencing epoch, and the record of the last run.

use certctl_db::{Change, Db, DbError, Unit};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, Statement};

use crate::entity::scheduler_lease as row;

/// The right to run a loop until `expires_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopLease {
    /// The loop.
    pub name: String,
    /// Who runs it.
    pub holder: String,
    /// Grows with every change of holder.
    pub epoch: i64,
    /// End of the lease, microseconds since 1970.
    pub expires_at: i64,
    /// When its last run began, by whichever holder.
    pub last_started_at: Option<i64>,
    /// When its last run ended.
    pub last_finished_at: Option<i64>,
    /// Why its last run failed.
    pub last_error: Option<String>,
}

/// Takes the lease, or keeps it where `holder` has it already; `None` while another one holds it.
///
/// # Errors
/// Those of the connection.
pub async fn acquire(
    db: &Db,
    name: &str,
    holder: &str,
    now: i64,
    expires_at: i64,
) -> Result<Option<LoopLease>, DbError> {
    // Looked at first by a reader: the replicas that do not hold the lease ask often.
    if let Some(lease) = find(db, name).await?
        && lease.holder != holder
        && lease.expires_at > now
    {
        return Ok(None);
    }
    let txn = db.begin().await?;
    let statement = Statement::from_sql_and_values(
        txn.connection().get_database_backend(),
        "INSERT INTO scheduler_leases (name, holder, epoch, expires_at) VALUES ($1, $2, 1, $3) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
         epoch = scheduler_leases.epoch + CASE WHEN scheduler_leases.holder = excluded.holder THEN 0 ELSE 1 END \
         WHERE scheduler_leases.holder = excluded.holder OR scheduler_leases.expires_at <= $4 RETURNING *",
        [name.into(), holder.into(), expires_at.into(), now.into()],
    );
    let taken = row::Model::find_by_statement(statement).one(txn.connection()).await?;
    txn.commit().await?;
    Ok(taken.map(LoopLease::from))
}

/// The lease as it stands, whoever holds it.
///
/// # Errors
/// Those of the connection.
pub async fn find(db: &Db, name: &str) -> Result<Option<LoopLease>, DbError> {
    Ok(row::Entity::find_by_id(name).one(db.read()).await?.map(LoopLease::from))
}

/// All leases, for the status page.
///
/// # Errors
/// Those of the connection.
pub async fn all(db: &Db) -> Result<Vec<LoopLease>, DbError> {
    Ok(row::Entity::find().all(db.read()).await?.into_iter().map(LoopLease::from).collect())
}

/// The lease lasts until `expires_at`; the unit fails when it is lost.
pub fn renew(unit: &mut Unit, lease: &LoopLease, expires_at: i64) {
    unit.change(held(lease).set(row::Column::ExpiresAt, expires_at));
}

/// Gives the lease back: any replica may take it at once.
pub fn release(unit: &mut Unit, lease: &LoopLease) {
    unit.change(held(lease).set(row::Column::ExpiresAt, 0_i64));
}

/// Records a run, so that a restart neither skips nor repeats it; the unit fails when the lease is lost.
pub fn record_run(unit: &mut Unit, lease: &LoopLease, started_at: i64, finished_at: i64, error: Option<&str>) {
    unit.change(
        held(lease)
            .set(row::Column::LastStartedAt, Some(started_at))
            .set(row::Column::LastFinishedAt, Some(finished_at))
            .set(row::Column::LastError, error.map(str::to_owned)),
    );
}

fn held(lease: &LoopLease) -> Change {
    Change::of::<row::Entity>("loop", &lease.name)
        .key(row::Column::Name, &lease.name)
        .expect(row::Column::Epoch, lease.epoch)
        .expect(row::Column::Holder, &lease.holder)
}

impl From<row::Model> for LoopLease {
    fn from(row: row::Model) -> Self {
        Self {
            name: row.name,
            holder: row.holder,
            epoch: row.epoch,
            expires_at: row.expires_at,
            last_started_at: row.last_started_at,
            last_finished_at: row.last_finished_at,
            last_error: row.last_error,
        }
    }
}
