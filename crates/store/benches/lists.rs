//! How long a page of certificates takes among very many: each order, each filter, first page and a page in the middle.
//!
//! `cargo bench -p certctl-store --bench lists -- sqlite:FILE|postgres://… [ROWS]`; an empty database is filled first.

#[path = "../tests/support/foundation.rs"]
mod foundation;

use std::time::Instant;

use certctl_db::migrate::Migrator;
use certctl_db::{Backend, Db, DbConfig, DbError};
use certctl_domain::certificate::Status;
use certctl_store::certificates::{self, Filter, Page, Sort};
use sea_orm::ConnectionTrait;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return };
    let rows = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&url, rows)).expect("the database answers");
}

async fn run(url: &str, rows: u64) -> Result<(), DbError> {
    let db = Db::connect(&DbConfig::new(url.parse().expect("a database URL"))).await?;
    Migrator::embedded(db.backend()).up(&db, 1, "bench").await.expect("migrations apply");
    if certificates::total(&db, &Filter::default(), false, foundation::now()).await?.count == 0 {
        fill(&db, rows).await?;
    }
    for sort in [
        Sort::CreatedAt,
        Sort::UpdatedAt,
        Sort::NotAfter,
        Sort::Name,
        Sort::CommonName,
        Sort::Environment,
        Sort::Status,
    ] {
        for descending in [false, true] {
            time(&db, &format!("{sort:?} {descending}"), &Filter::default(), sort, descending).await?;
        }
    }
    for (name, filter) in filters() {
        time(&db, name, &filter, Sort::CreatedAt, true).await?;
        let begun = Instant::now();
        let total = certificates::total(&db, &filter, false, foundation::now()).await?;
        report(&format!("total {name} = {}", total.count), begun.elapsed().as_secs_f64(), 0.0);
    }
    let begun = Instant::now();
    certificates::statuses(&db, foundation::now()).await?;
    report("statuses", begun.elapsed().as_secs_f64(), 0.0);
    db.close().await;
    Ok(())
}

fn filters() -> Vec<(&'static str, Filter)> {
    let by = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let mut filters = vec![
        ("environment", by(|filter| filter.environment = Some("staging".to_owned()))),
        ("team", by(|filter| filter.team_id = Some("team_1".to_owned()))),
        ("owner", by(|filter| filter.owner_id = Some("own_1".to_owned()))),
        ("issuer", by(|filter| filter.issuer_id = Some("iss-local".to_owned()))),
        ("expires before", by(|filter| filter.expires_before = Some(foundation::day(1)))),
        ("search", by(|filter| filter.search = Some("cert_00000000000000000000777".to_owned()))),
    ];
    let of = |status: Status| (status.as_str(), Filter { status: Some(status), ..Filter::default() });
    filters.extend(Status::ALL.map(of));
    filters
}

/// First page, then the page that follows it.
async fn time(db: &Db, name: &str, filter: &Filter, sort: Sort, descending: bool) -> Result<(), DbError> {
    let mut ask = Page { sort, descending, offset: 0, after: None, limit: 50 };
    let begun = Instant::now();
    let page = certificates::page(db, filter, &ask, foundation::now()).await?;
    let first = begun.elapsed().as_secs_f64();
    let Some(last) = page.last() else {
        report(name, first, 0.0);
        return Ok(());
    };
    ask.after = Some((Some(certificates::sort_value(sort, last, Status::Active)), last.id.clone()));
    let begun = Instant::now();
    certificates::page(db, filter, &ask, foundation::now()).await?;
    report(name, first, begun.elapsed().as_secs_f64());
    Ok(())
}

/// Certificates with spread dates, one identity and one version each, made by the database itself.
async fn fill(db: &Db, rows: u64) -> Result<(), DbError> {
    db.commit(foundation::foundation()).await?;
    let (numbers, pad) = match db.backend() {
        Backend::Sqlite => (
            format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"),
            "printf('%026d', i)",
        ),
        Backend::Postgres => {
            (format!("WITH n AS (SELECT i FROM generate_series(1::bigint, {rows}) AS i)"), "lpad(i::text, 26, '0')")
        }
    };
    let (now, day) = (foundation::now().unix_micros(), 86_400_000_000_i64);
    let certificates = format!(
        "INSERT INTO certificates (id, name, common_name, sans, environment, owner_id, team_id, issuer_id, renewal_policy_id, tags, \
         source, not_before, not_after, renewal_failures, last_editor, created_at, updated_at, revision) {numbers} \
         SELECT 'cert_' || {pad}, 'name of cert_' || {pad}, 'host' || ((i * 7919) % {rows}) || '.example.org', '[]', \
         CASE i % 10 WHEN 0 THEN 'staging' ELSE 'production' END, 'own_1', 'team_1', 'iss-local', 'rp-default', '{{}}', '', \
         {now} - (i % 90) * {day}, {now} + (90 - i % 90) * {day} - {day} / 2 * (i % 3), 0, 'ada', {now} - i * 1000, {now} - i * 500, 1 FROM n"
    );
    let versions = "INSERT INTO certificate_versions (id, certificate_id, purpose, holder, ca_id, serial, state, not_before, not_after, \
         spki_sha256, fingerprint_sha256, certificate, chain_pem, key_algorithm, key_size, requested_by, created_at, issued_at) \
         SELECT 'ver_' || id, id, 'leaf', 'external', 'ca_issuing', CAST(id AS {BYTES}), 'issued', not_before, not_after, id, id, \
         CAST(id AS {BYTES}), '', 'ecdsa', 256, 'ada', created_at, created_at FROM certificates"
        .replace("{BYTES}", if db.backend() == Backend::Sqlite { "BLOB" } else { "BYTEA" });
    let jobs = "INSERT INTO jobs (id, kind, executor, certificate_id, state, payload, attempt, max_attempts, retry_seconds, priority, \
         not_before, lease_epoch, idempotency_key, cancel_requested, state_changed_at, created_at, completed_at) \
         SELECT 'job_' || id, 'Issuance', 'server', id, 'succeeded', '{}', 1, 3, 60, 0, 1, 1, id, false, created_at, created_at, \
         created_at FROM certificates";
    let txn = db.begin().await?;
    for sql in ["SET LOCAL statement_timeout = 0"].into_iter().filter(|_| db.backend() == Backend::Postgres) {
        txn.connection().execute_unprepared(sql).await?;
    }
    for sql in [certificates.as_str(), versions.as_str(), jobs] {
        txn.connection().execute_unprepared(sql).await?;
    }
    let count = format!("INSERT INTO counters (name, shard, value) VALUES ('certificates', 0, {rows})");
    txn.connection().execute_unprepared(&count).await?;
    if db.backend() == Backend::Postgres {
        txn.connection().execute_unprepared("ANALYZE").await?;
    }
    txn.commit().await
}

#[expect(clippy::print_stdout, reason = "the figures are what a benchmark is for")]
fn report(name: &str, first: f64, next: f64) {
    println!("{name:<40} {:>9.1} ms {:>9.1} ms", first * 1e3, next * 1e3);
}
