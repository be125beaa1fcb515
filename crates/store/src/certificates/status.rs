//! Status as SQL. It is decided anew for each row, so for each status there is a condition beside it that an index answers and
//! that every certificate of that status meets: where few do, they are read and sorted; where many do, a walk in the order
//! asked for soon finds enough of them.

use std::collections::HashMap;

use certctl_db::{Db, DbError};
use certctl_domain::certificate::{Certificate, EXPIRING_MAX, Status};
use certctl_domain::ids::CertificateId;
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Asterisk, Expr, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};

use super::page::{ALL, After, Filter, NEVER, Page, condition, hides_archived};
use crate::convert::micros;
use crate::entities::certificates::{Column, Entity};

/// Up to so many certificates are read and sorted.
const FEW: u64 = 5_000;

/// The statuses that a list under `filter` may show, each with its place.
fn shown(filter: &Filter) -> Vec<(i64, Status)> {
    let (only, hides_archived) = (filter.status, hides_archived(filter));
    (0..)
        .zip(Status::ALL)
        .filter(|(_, status)| only.is_none_or(|only| only == *status))
        .filter(|(_, status)| !(hides_archived && *status == Status::Archived))
        .collect()
}

/// The place of a status in [`Status::ALL`].
pub(super) fn place(status: Status) -> i64 {
    (0..).zip(Status::ALL).find(|(_, known)| *known == status).map_or(0, |(place, _)| place)
}

/// One page in the order of statuses, each by id, and one row more if there is one: status by status, until there are enough.
pub(super) async fn page(db: &Db, filter: &Filter, page: &Page, now: Timestamp) -> Result<Vec<Certificate>, DbError> {
    let mut groups = shown(filter);
    if page.descending {
        groups.reverse();
    }
    let mut after = None;
    if let Some((value, id)) = &page.after {
        let reached = |place: i64| match value {
            Some(After::Number(known)) => {
                if page.descending {
                    place <= *known
                } else {
                    place >= *known
                }
            }
            Some(After::Text(_)) | None => false,
        };
        groups.retain(|(place, _)| reached(*place));
        let goes_on = groups.first().is_some_and(|(place, _)| *value == Some(After::Number(*place)));
        after = Some(id).filter(|_| goes_on);
    }
    let wanted = page.offset + page.limit + 1;
    let mut ids: Vec<String> = Vec::new();
    for (_, status) in groups {
        let left = wanted - ids.len() as u64;
        if left == 0 {
            break;
        }
        let group = Filter { status: Some(status), ..filter.clone() };
        ids.extend(ids_of(db, &group, status, after.take(), page.descending, left, now).await?);
    }
    let ids = ids.split_off(usize::try_from(page.offset).unwrap_or(usize::MAX).min(ids.len()));
    let rows = Entity::find().filter(Column::Id.is_in(ids.clone())).all(db.read()).await.map_err(DbError::from)?;
    let mut rows: HashMap<String, _> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    ids.iter().filter_map(|id| rows.remove(id)).map(TryInto::try_into).collect()
}

async fn ids_of(
    db: &Db,
    filter: &Filter,
    status: Status,
    after: Option<&CertificateId>,
    descending: bool,
    limit: u64,
    now: Timestamp,
) -> Result<Vec<String>, DbError> {
    let mut find = Entity::find().select_only().column(Column::Id).filter(condition(filter, now));
    if are_few(db, status, now).await? {
        among_few(QuerySelect::query(&mut find), status, now);
    }
    if let Some(id) = after {
        let past = if descending { Column::Id.lt(id.as_str()) } else { Column::Id.gt(id.as_str()) };
        find = find.filter(past);
    }
    let order = if descending { Order::Desc } else { Order::Asc };
    find.order_by(Column::Id, order).limit(limit).into_tuple().all(db.read()).await.map_err(DbError::from)
}

/// Whether at most [`FEW`] certificates can be of this status.
pub(super) async fn are_few(db: &Db, status: Status, now: Timestamp) -> Result<bool, DbError> {
    let find = Entity::find().select_only().column(Column::Id).filter(near(status, now)).limit(FEW + 1);
    Ok(find.count(db.read()).await.map_err(DbError::from)? <= FEW)
}

/// Reads from the few that can be of this status. Their limit keeps either database from looking for them another way.
pub(super) fn among_few(select: &mut SelectStatement, status: Status, now: Timestamp) {
    select.from_clear().from_subquery(few(status, now), Entity);
}

fn few(status: Status, now: Timestamp) -> SelectStatement {
    let mut few = Query::select();
    few.column(Asterisk).from(Entity).and_where(near(status, now)).limit(FEW + 1);
    few
}

/// What every certificate of this status meets, and an index answers. Only numbers of ours are written into the text.
pub(super) fn near(status: Status, now: Timestamp) -> SimpleExpr {
    Expr::cust(near_text(status, now))
}

fn near_text(status: Status, now: Timestamp) -> String {
    let at = micros(now);
    let (end, turn) = (end(), turn());
    let met = match status {
        Status::Archived => return "certificates.archived_at IS NOT NULL".to_owned(),
        Status::Revoked => "certificates.revoked_at IS NOT NULL".to_owned(),
        Status::Expired => format!("{end} <= {at}"),
        Status::RenewalInProgress => format!("certificates.id IN (SELECT j.certificate_id FROM jobs j WHERE {OPEN})"),
        Status::Failed => "certificates.not_after IS NULL AND certificates.id IN (SELECT j.certificate_id FROM jobs j \
             WHERE j.state IN ('failed', 'expired') AND j.kind IN ('Issuance', 'Renewal'))"
            .to_owned(),
        Status::Pending => format!("{end} >= {NEVER}"),
        Status::Expiring => format!("{turn} > {} AND {turn} < {}", 3 * (at - month()), 3 * at),
        Status::Active => format!("{turn} >= {}", 3 * at),
    };
    format!("certificates.archived_at IS NULL AND {met}")
}

/// When it ends; as `certificates_not_after_idx` has it.
fn end() -> String {
    format!("COALESCE(certificates.not_after, {NEVER})")
}

/// Three times the moment at which a certificate turns from active to expiring; as `certificates_turn_idx` has it.
fn turn() -> String {
    let months = 3 * month();
    format!(
        "CASE WHEN certificates.not_after - COALESCE(certificates.not_before, certificates.created_at) > {months} \
         THEN 3 * certificates.not_after - {months} \
         ELSE 2 * certificates.not_after + COALESCE(certificates.not_before, certificates.created_at) END"
    )
}

fn month() -> i64 {
    i64::try_from(EXPIRING_MAX.as_micros()).unwrap_or(i64::MAX)
}

const OPEN: &str = "j.completed_at IS NULL AND j.kind IN ('Issuance', 'Renewal')";

pub(super) const LAST_STATE: &str = "(SELECT j.state FROM jobs j WHERE j.certificate_id = certificates.id \
    AND j.kind IN ('Issuance', 'Renewal') AND j.completed_at IS NOT NULL ORDER BY j.created_at DESC, j.id DESC LIMIT 1)";

pub(super) fn valid(now: Timestamp) -> String {
    format!(
        "v.certificate_id = certificates.id AND v.state = 'issued' AND v.revoked_at IS NULL AND v.not_after > {}",
        micros(now)
    )
}

/// The place of a certificate's status in [`Status::ALL`]; the same decisions as [`Certificate::status`]. Only numbers of
/// ours are written into the text.
pub(super) fn rank(now: Timestamp) -> SimpleExpr {
    Expr::cust(rank_text(now))
}

fn rank_text(now: Timestamp) -> String {
    let at = micros(now);
    let open = format!("EXISTS (SELECT 1 FROM jobs j WHERE j.certificate_id = certificates.id AND {OPEN})");
    format!(
        "CAST(CASE WHEN certificates.archived_at IS NOT NULL THEN 0 \
         WHEN certificates.revoked_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM certificate_versions v WHERE {valid}) THEN 1 \
         WHEN certificates.not_after <= {at} THEN 2 \
         WHEN certificates.not_after IS NOT NULL AND {open} THEN 3 \
         WHEN certificates.not_after IS NULL AND NOT {open} AND {LAST_STATE} IN ('failed', 'expired') THEN 4 \
         WHEN certificates.not_after IS NULL THEN 5 \
         WHEN {turn} < {three} THEN 6 \
         ELSE 7 END AS BIGINT)",
        valid = valid(now),
        turn = turn(),
        three = 3 * at
    )
}

/// How many certificates have each status, archived ones included. What the dates alone decide is counted in their indexes, and
/// active is what the counter of all holds besides; only the others are looked at one by one.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn statuses(db: &Db, now: Timestamp) -> Result<HashMap<Status, u64>, DbError> {
    #[derive(FromQueryResult)]
    struct Group {
        rank: i64,
        dated: i64,
        count: i64,
    }
    let statement = Statement::from_string(db.read().get_database_backend(), groups(now));
    let rows = Group::find_by_statement(statement).all(db.read()).await.map_err(DbError::from)?;
    let sum = |of: &dyn Fn(&Group) -> bool| rows.iter().filter(|row| of(row)).map(|row| row.count).sum::<i64>();
    let mut counts = HashMap::new();
    for (rank, status) in (0..).zip(Status::ALL) {
        let one_by_one = sum(&|row| row.rank == rank);
        let by_date = sum(&|row| row.rank == BY_DATE && row.dated == rank);
        let twice = sum(&|row| row.rank != BY_DATE && row.dated == rank);
        counts.insert(status, one_by_one + by_date - twice);
    }
    // Rows and counter are read one after the other: what is issued between them is in one only.
    let others: i64 = counts.iter().filter(|(status, _)| **status != Status::Active).map(|(_, count)| count).sum();
    counts.insert(Status::Active, certctl_db::counter(db, ALL).await? - others);
    Ok(counts.into_iter().map(|(status, count)| (status, u64::try_from(count).unwrap_or(0))).collect())
}

/// Stands for the rank of those that were counted in the indexes of dates.
const BY_DATE: i64 = -1;

/// Places and counts. `dated` is the place that the dates alone would give.
fn groups(now: Timestamp) -> String {
    let at = micros(now);
    let (expired, expiring, active) = (place(Status::Expired), place(Status::Expiring), place(Status::Active));
    let (end, turn) = (end(), turn());
    let apart = [Status::Archived, Status::Revoked, Status::RenewalInProgress, Status::Pending]
        .map(|status| format!("SELECT certificates.id FROM certificates WHERE {}", near_text(status, now)))
        .join(" UNION ");
    let ended = format!("SELECT COUNT(*) FROM certificates WHERE {end} <= {at}");
    let turned = format!("SELECT COUNT(*) FROM certificates WHERE {turn} < {}", 3 * at);
    format!(
        "SELECT {rank} AS rank, CAST(CASE WHEN {end} <= {at} THEN {expired} WHEN {turn} < {three} THEN {expiring} \
         ELSE {active} END AS BIGINT) AS dated, COUNT(*) AS count FROM certificates WHERE certificates.id IN ({apart}) GROUP BY 1, 2 \
         UNION ALL SELECT {BY_DATE}, {expired}, ({ended}) UNION ALL SELECT {BY_DATE}, {expiring}, ({turned}) - ({ended})",
        rank = rank_text(now),
        three = 3 * at,
    )
}

#[cfg(test)]
mod tests;
