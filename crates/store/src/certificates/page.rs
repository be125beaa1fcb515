//! Lists of certificates: filters, sorts and totals, and what else a row of a list shows.

use std::collections::HashMap;

use certctl_db::{Db, DbError};
use certctl_domain::certificate::{Certificate, OpenWork, Status};
use certctl_domain::ids::{AgentId, CertificateId, TargetId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::status;
use crate::convert::{id, micros, time_opt};
use crate::entities::certificates::{Column, Entity};
use crate::entities::{certificate_identities, target_mappings, targets};

/// Which certificates. All that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Computed status.
    pub status: Option<Status>,
    /// Environment.
    pub environment: Option<String>,
    /// Owner.
    pub owner_id: Option<String>,
    /// Team.
    pub team_id: Option<String>,
    /// Issuer.
    pub issuer_id: Option<String>,
    /// Profile.
    pub profile_id: Option<String>,
    /// Agent of a mapped target.
    pub agent_id: Option<AgentId>,
    /// Part of the name or the common name.
    pub search: Option<String>,
    /// Ends before.
    pub expires_before: Option<Timestamp>,
    /// Ends after.
    pub expires_after: Option<Timestamp>,
    /// Created after.
    pub created_after: Option<Timestamp>,
    /// Changed after.
    pub updated_after: Option<Timestamp>,
}

/// By what a list is ordered; ids break ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// When it was created.
    #[default]
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// When it ends; never-issued ones last.
    NotAfter,
    /// Name.
    Name,
    /// Common name.
    CommonName,
    /// Environment.
    Environment,
    /// Status, in the order of [`Status::ALL`].
    Status,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// By what it is ordered.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
    /// Rows to skip, in page mode.
    pub offset: u64,
    /// Where the last page ended: the sort value and the id.
    pub after: Option<(Option<After>, CertificateId)>,
    /// Most rows.
    pub limit: u64,
}

/// A sort value in a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Microseconds or a rank.
    Number(i64),
    /// Text.
    Text(String),
}

/// How many there are, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub count: u64,
    /// Counting stopped there: there are at least so many.
    pub at_least: bool,
}

/// Counting stops here where no counter answers (rulings §8).
pub const COUNT_LIMIT: u64 = 10_000;
/// The counter of all certificates.
pub(super) const ALL: &str = "certificates";
/// Year 9999: where a missing end sorts.
pub(super) const NEVER: i64 = 253_402_300_800_000_000;

/// One page, and one row more if there is one.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn page(db: &Db, filter: &Filter, page: &Page, now: Timestamp) -> Result<Vec<Certificate>, DbError> {
    let Some(key) = sort_key(page.sort) else { return status::page(db, filter, page, now).await };
    let among = match filter.status {
        Some(status) if status::are_few(db, status, now).await? => Some(status),
        Some(_) | None => None,
    };
    let rows = select(filter, page, key, among, now).all(db.read()).await.map_err(DbError::from)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// One page in the order of `key`, read from the few that can be of the status `among`, or else from all.
pub(super) fn select(
    filter: &Filter,
    page: &Page,
    key: SimpleExpr,
    among: Option<Status>,
    now: Timestamp,
) -> Select<Entity> {
    let order = if page.descending { Order::Desc } else { Order::Asc };
    let mut find = Entity::find().filter(condition(filter, now));
    match (filter.status, among) {
        (_, Some(status)) => status::among_few(QuerySelect::query(&mut find), status, now),
        // Where all of a status end before or after all others, the walk begins there.
        (Some(status), None) if page.sort == Sort::NotAfter => find = find.filter(status::near(status, now)),
        (Some(_) | None, None) => {}
    }
    if let Some((value, id)) = &page.after {
        find = find.filter(past(&key, value.as_ref(), id, page.descending));
    }
    find.order_by(key, order.clone())
        .order_by(Expr::col((Entity, Column::Id)), order)
        .offset(page.offset)
        .limit(page.limit + 1)
}

/// The sort value of a certificate, for the cursor of the next page.
#[must_use]
pub fn sort_value(sort: Sort, certificate: &Certificate, status: Status) -> After {
    match sort {
        Sort::CreatedAt => After::Number(micros(certificate.created_at)),
        Sort::UpdatedAt => After::Number(micros(certificate.updated_at)),
        Sort::NotAfter => After::Number(certificate.not_after.map_or(NEVER, micros)),
        Sort::Name => After::Text(certificate.name.clone()),
        Sort::CommonName => After::Text(certificate.common_name.clone()),
        Sort::Environment => After::Text(certificate.environment.clone()),
        Sort::Status => After::Number(status::place(status)),
    }
}

/// How many match. Counters answer for no filter and for one of the counted ones; the rest is counted up to
/// [`COUNT_LIMIT`], or to the end when `exact`.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn total(db: &Db, filter: &Filter, exact: bool, now: Timestamp) -> Result<Total, DbError> {
    if let Some(name) = counter(filter) {
        let count = certctl_db::counter(db, &name).await?;
        return Ok(Total { count: u64::try_from(count).unwrap_or(0), at_least: false });
    }
    let near = filter.status.map(|status| status::near(status, now));
    let find = Entity::find().filter(condition(filter, now)).filter(Condition::all().add_option(near));
    if exact {
        return Ok(Total { count: find.count(db.read()).await.map_err(DbError::from)?, at_least: false });
    }
    let rows = find.limit(COUNT_LIMIT + 1).count(db.read()).await.map_err(DbError::from)?;
    Ok(Total { count: Ord::min(rows, COUNT_LIMIT), at_least: rows > COUNT_LIMIT })
}

/// What a row of a list shows besides the certificate itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Its open and last work.
    pub work: OpenWork,
    /// No unrevoked, unexpired version is left.
    pub all_revoked: bool,
    /// The earliest planned renewal of its identities.
    pub renew_at: Option<Timestamp>,
    /// Its targets, in order.
    pub target_ids: Vec<TargetId>,
}

/// The facts of several certificates, by id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn work_of(db: &Db, ids: &[CertificateId], now: Timestamp) -> Result<HashMap<CertificateId, Facts>, DbError> {
    let mut facts: HashMap<CertificateId, Facts> = ids.iter().map(|id| (id.clone(), Facts::default())).collect();
    if ids.is_empty() {
        return Ok(facts);
    }
    let texts: Vec<&str> = ids.iter().map(CertificateId::as_str).collect();
    let renewals = certificate_identities::Entity::find()
        .filter(certificate_identities::Column::CertificateId.is_in(texts.clone()));
    for row in renewals.all(db.read()).await.map_err(DbError::from)? {
        let id = id("certificate_identities", "certificate_id", &row.certificate_id, CertificateId::parse)?;
        if let (Some(fact), Some(at)) = (facts.get_mut(&id), time_opt(row.renew_at)) {
            fact.renew_at = Some(fact.renew_at.map_or(at, |known| known.min(at)));
        }
    }
    let mappings = target_mappings::Entity::find()
        .filter(target_mappings::Column::CertificateId.is_in(texts.clone()))
        .order_by_asc(target_mappings::Column::TargetId);
    for row in mappings.all(db.read()).await.map_err(DbError::from)? {
        let certificate = id("target_mappings", "certificate_id", &row.certificate_id, CertificateId::parse)?;
        let target = id("target_mappings", "target_id", &row.target_id, TargetId::parse)?;
        if let Some(fact) = facts.get_mut(&certificate) {
            fact.target_ids.push(target);
        }
    }
    for row in work_rows(db, &texts, now).await? {
        let id = id("certificates", "id", &row.id, CertificateId::parse)?;
        if let Some(fact) = facts.get_mut(&id) {
            fact.work = OpenWork {
                open: row.open > 0,
                awaiting_approval: row.approval > 0,
                awaiting_external_csr: row.external_csr > 0,
                last_failed: row.last.as_deref().is_some_and(|state| matches!(state, "failed" | "expired")),
            };
            fact.all_revoked = row.valid == 0;
        }
    }
    Ok(facts)
}

#[derive(FromQueryResult)]
struct Work {
    id: String,
    open: i64,
    approval: i64,
    external_csr: i64,
    last: Option<String>,
    valid: i64,
}

async fn work_rows(db: &Db, ids: &[&str], now: Timestamp) -> Result<Vec<Work>, DbError> {
    let open = "(SELECT COUNT(*) FROM jobs j WHERE j.certificate_id = certificates.id AND j.kind IN ('Issuance', 'Renewal') AND j.completed_at IS NULL";
    let find = Entity::find()
        .select_only()
        .column(Column::Id)
        .expr_as(Expr::cust(format!("{open})")), "open")
        .expr_as(Expr::cust(format!("{open} AND j.state = 'awaiting_approval')")), "approval")
        .expr_as(Expr::cust(format!("{open} AND j.state = 'awaiting_csr' AND j.agent_id IS NULL)")), "external_csr")
        .expr_as(Expr::cust(status::LAST_STATE), "last")
        .expr_as(
            Expr::cust(format!("(SELECT COUNT(*) FROM certificate_versions v WHERE {})", status::valid(now))),
            "valid",
        )
        .filter(Column::Id.is_in(ids.iter().copied()));
    find.into_model().all(db.read()).await.map_err(DbError::from)
}

/// What a list is ordered by; `None` where no expression is: statuses are listed one after the other.
pub(super) fn sort_key(sort: Sort) -> Option<SimpleExpr> {
    let column = |column: Column| Expr::col((Entity, column));
    Some(match sort {
        Sort::CreatedAt => column(Column::CreatedAt),
        Sort::UpdatedAt => column(Column::UpdatedAt),
        Sort::NotAfter => end(),
        Sort::Name => column(Column::Name),
        Sort::CommonName => column(Column::CommonName),
        Sort::Environment => column(Column::Environment),
        Sort::Status => return None,
    })
}

fn end() -> SimpleExpr {
    Expr::cust(format!("COALESCE(certificates.not_after, {NEVER})"))
}

fn past(key: &SimpleExpr, value: Option<&After>, id: &CertificateId, descending: bool) -> Condition {
    let column = Expr::col((Entity, Column::Id));
    let value: SimpleExpr = match value {
        Some(After::Number(number)) => Expr::val(*number),
        Some(After::Text(text)) => Expr::val(text.clone()),
        None => Expr::val(0_i64),
    };
    let (beyond, tie) = if descending {
        (key.clone().lt(value.clone()), column.lt(id.as_str()))
    } else {
        (key.clone().gt(value.clone()), column.gt(id.as_str()))
    };
    Condition::any().add(beyond).add(Condition::all().add(key.clone().eq(value)).add(tie))
}

pub(super) fn condition(filter: &Filter, now: Timestamp) -> Condition {
    let mut all = Condition::all();
    let equal = [
        (Column::Environment, &filter.environment),
        (Column::OwnerId, &filter.owner_id),
        (Column::TeamId, &filter.team_id),
        (Column::IssuerId, &filter.issuer_id),
        (Column::CertificateProfileId, &filter.profile_id),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            all = all.add(column.eq(value.as_str()));
        }
    }
    // Archived certificates are shown only to those who ask for them, or who filter by nothing that excludes them.
    match filter.status {
        Some(status) => {
            all = all.add(status::rank(now).eq(status::place(status)));
        }
        None if hides_archived(filter) => all = all.add(Column::ArchivedAt.is_null()),
        None => {}
    }
    if let Some(at) = filter.expires_before {
        all = all.add(end().lt(micros(at)));
    }
    if let Some(at) = filter.expires_after {
        // Those that were never issued end at no time.
        all = all.add(Column::NotAfter.is_not_null()).add(end().gt(micros(at)));
    }
    if let Some(at) = filter.created_after {
        all = all.add(Column::CreatedAt.gt(micros(at)));
    }
    if let Some(at) = filter.updated_after {
        all = all.add(Column::UpdatedAt.gt(micros(at)));
    }
    if let Some(text) = &filter.search {
        let pattern = format!("%{}%", text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_"));
        let like = |column: Column| {
            Expr::expr(Func::lower(Expr::col((Entity, column)))).like(LikeExpr::new(pattern.clone()).escape('!'))
        };
        all = all.add(Condition::any().add(like(Column::Name)).add(like(Column::CommonName)));
    }
    if let Some(agent) = &filter.agent_id {
        let mut mapped = Query::select();
        mapped
            .column((target_mappings::Entity, target_mappings::Column::CertificateId))
            .from(target_mappings::Entity)
            .inner_join(
                targets::Entity,
                Expr::col((targets::Entity, targets::Column::Id))
                    .equals((target_mappings::Entity, target_mappings::Column::TargetId)),
            )
            .and_where(Expr::col((targets::Entity, targets::Column::AgentId)).eq(agent.as_str()));
        all = all.add(Expr::col((Entity, Column::Id)).in_subquery(mapped));
    }
    all
}

/// Whether exactly one of the filters that have counters is given, and nothing else.
pub(super) fn hides_archived(filter: &Filter) -> bool {
    given(filter) == 1 && others(filter) == 0
}

fn given(filter: &Filter) -> usize {
    [&filter.environment, &filter.owner_id, &filter.team_id, &filter.issuer_id, &filter.profile_id]
        .iter()
        .filter(|value| value.is_some())
        .count()
}

fn others(filter: &Filter) -> usize {
    let times = [filter.expires_before, filter.expires_after, filter.created_after, filter.updated_after];
    usize::from(filter.status.is_some())
        + usize::from(filter.agent_id.is_some())
        + usize::from(filter.search.is_some())
        + times.iter().filter(|time| time.is_some()).count()
}

fn counter(filter: &Filter) -> Option<String> {
    if others(filter) > 0 {
        return None;
    }
    if given(filter) == 0 {
        return Some(ALL.to_owned());
    }
    if given(filter) > 1 {
        return None;
    }
    let named = [
        ("environment", &filter.environment),
        ("owner_id", &filter.owner_id),
        ("team_id", &filter.team_id),
        ("issuer_id", &filter.issuer_id),
        ("profile_id", &filter.profile_id),
    ];
    named.into_iter().find_map(|(name, value)| value.as_ref().map(|value| format!("certificates:{name}:{value}")))
}
