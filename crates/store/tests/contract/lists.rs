//! Lists and totals of certificates.

use std::collections::BTreeSet;

use certctl_db::{Db, Unit};
use certctl_domain::certificate::{Certificate, Holder, OpenWork, Status};
use certctl_domain::ids::TeamId;
use certctl_jobs::lease::{self, Failure};
use certctl_jobs::{Executor, NewJob, State, enqueue, enqueue_claimed};
use certctl_pki::Timestamp;
use certctl_store::certificates::{self, Filter, Page, Sort};
use certctl_store::{identities, versions};

use crate::fixtures::{certificate, identity, issued, reserved};
use crate::foundation::{day, now};
use crate::stored;

pub(crate) async fn counters_follow_creation_moves_and_archiving(db: &Db) {
    stored(db, |unit| certctl_store::teams::insert(unit, &crate::foundation::team("team_2"))).await;
    let before = certificate("cert_1");
    stored(db, |unit| {
        certificates::insert(unit, &before);
        certificates::insert(unit, &certificate("cert_2"));
    })
    .await;
    let total = |team: &'static str| async move {
        let filter = Filter { team_id: Some(team.to_owned()), ..Filter::default() };
        let total = certificates::total(db, &filter, false, now()).await.expect("read").count;
        assert_eq!(total, page(db, &filter, Sort::CreatedAt, false, 9).await.len() as u64, "counter and list differ");
        total
    };
    assert_eq!((total("team_1").await, total("team_2").await), (2, 0));
    let after = Certificate { team_id: TeamId::fixed("team_2"), revision: 2, ..before.clone() };
    stored(db, |unit| certificates::update(unit, &before, &after)).await;
    assert_eq!((total("team_1").await, total("team_2").await), (1, 1));
    let archived = Certificate { archived_at: Some(now()), revision: 3, ..after.clone() };
    stored(db, |unit| certificates::update(unit, &after, &archived)).await;
    assert_eq!((total("team_1").await, total("team_2").await), (1, 0));
    let all = certificates::total(db, &Filter::default(), false, now()).await.expect("read");
    assert_eq!(all.count, page(db, &Filter::default(), Sort::CreatedAt, false, 9).await.len() as u64);
}

pub(crate) async fn pages_in_every_order_show_every_certificate_once(db: &Db) {
    let ids: BTreeSet<String> = every_status(db).await.into_iter().map(|id| id.to_string()).collect();
    let sorts = [
        Sort::CreatedAt,
        Sort::UpdatedAt,
        Sort::NotAfter,
        Sort::Name,
        Sort::CommonName,
        Sort::Environment,
        Sort::Status,
    ];
    for sort in sorts {
        for descending in [false, true] {
            let seen = page(db, &Filter::default(), sort, descending, 2).await;
            let distinct: BTreeSet<String> = seen.iter().map(|certificate| certificate.id.to_string()).collect();
            assert_eq!((seen.len(), &distinct), (ids.len(), &ids), "{sort:?} {descending}");
        }
    }
}

pub(crate) async fn status_in_sql_is_status_in_rust(db: &Db) {
    let ids = every_status(db).await;
    let facts = certificates::work_of(db, &ids, now()).await.expect("read");
    let mut seen = BTreeSet::new();
    for status in Status::ALL {
        let filter = Filter { status: Some(status), ..Filter::default() };
        for certificate in page(db, &filter, Sort::CreatedAt, false, 9).await {
            let fact = &facts[&certificate.id];
            assert_eq!(certificate.status(now(), fact.all_revoked, fact.work), status, "{}", certificate.id);
            assert!(seen.insert(certificate.id.to_string()), "{} has two states", certificate.id);
        }
        let total = certificates::total(db, &filter, true, now()).await.expect("read").count;
        let groups = certificates::statuses(db, now()).await.expect("read");
        assert_eq!(groups.get(&status).copied().unwrap_or(0), total, "{status:?}");
        assert!(total > 0, "no example of {status:?}");
    }
    assert_eq!(seen.len(), ids.len());
    assert_eq!(facts.values().filter(|fact| fact.work == OpenWork { open: true, ..OpenWork::default() }).count(), 1);
}

pub(crate) async fn other_totals_stop_at_their_limit_or_count_exactly(db: &Db) {
    let mut unit = Unit::new();
    for n in 0..40 {
        certificates::insert(&mut unit, &certificate(&format!("cert_{n}")));
    }
    db.commit(unit).await.expect("stored");
    let filter = Filter { search: Some("CERT_1".to_owned()), ..Filter::default() };
    for exact in [false, true] {
        let total = certificates::total(db, &filter, exact, now()).await.expect("read");
        assert_eq!((total.count, total.at_least), (11, false), "an underscore is no wildcard");
    }
}

pub(crate) async fn many_of_a_status_are_listed_as_few_are(db: &Db) {
    const MANY: usize = 5_200;
    let mut unit = Unit::new();
    for n in 0..MANY {
        let days = if n % 100 == 0 { -1 } else { 89 };
        let id = format!("cert_{:05}", n * 7919 % MANY);
        let dated = Certificate { not_before: Some(day(days - 90)), not_after: Some(day(days)), ..certificate(&id) };
        certificates::insert(&mut unit, &dated);
    }
    db.commit(unit).await.expect("stored");
    for (status, count) in [(Status::Expired, MANY / 100), (Status::Active, MANY - MANY / 100)] {
        for sort in [Sort::Status, Sort::Name] {
            let filter = Filter { status: Some(status), ..Filter::default() };
            let rows = page(db, &filter, sort, false, 2_000).await;
            assert_eq!(rows.len(), count, "{status:?} by {sort:?}");
            assert!(rows.is_sorted_by(|one, next| one.id < next.id), "{status:?} by {sort:?}");
        }
    }
    for descending in [false, true] {
        let mut rows = page(db, &Filter::default(), Sort::Status, descending, 3_000).await;
        if descending {
            rows.reverse();
        }
        let ends = |certificate: &Certificate| (certificate.not_after, certificate.id.clone());
        assert_eq!(rows.len(), MANY);
        assert!(rows.is_sorted_by_key(ends), "expired ones come first");
        let ask = Page { sort: Sort::Status, descending, offset: MANY as u64 - 3, after: None, limit: 9 };
        assert_eq!(certificates::page(db, &Filter::default(), &ask, now()).await.expect("read").len(), 3);
    }
}

/// All rows of a list, read page by page.
async fn page(db: &Db, filter: &Filter, sort: Sort, descending: bool, limit: u64) -> Vec<Certificate> {
    let mut seen: Vec<Certificate> = Vec::new();
    let mut after = None;
    loop {
        let ask = Page { sort, descending, offset: 0, after: after.clone(), limit };
        let mut rows = certificates::page(db, filter, &ask, now()).await.expect("read");
        let more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).expect("small"));
        let last = rows.last().cloned();
        seen.extend(rows);
        let Some(last) = last.filter(|_| more) else { return seen };
        let facts = certificates::work_of(db, std::slice::from_ref(&last.id), now()).await.expect("read");
        let fact = &facts[&last.id];
        let status = last.status(now(), fact.all_revoked, fact.work);
        after = Some((Some(certificates::sort_value(sort, &last, status)), last.id));
    }
}

/// One certificate of each status, under ids that sort otherwise.
async fn every_status(db: &Db) -> Vec<certctl_domain::ids::CertificateId> {
    let dated = |id: &str, from: i64, to: i64| Certificate {
        not_before: Some(day(from)),
        not_after: Some(day(to)),
        created_at: day(from),
        ..certificate(id)
    };
    let examples = [
        Certificate { archived_at: Some(now()), ..dated("cert_h", -1, 89) },
        Certificate { revoked_at: Some(now()), ..dated("cert_g", -1, 89) },
        dated("cert_f", -90, -1),
        dated("cert_e", -1, 89),
        certificate("cert_d"),
        Certificate { environment: "staging".to_owned(), ..certificate("cert_c") },
        dated("cert_b", -80, 10),
        dated("cert_a", -1, 89),
    ];
    let mut unit = Unit::new();
    for (serial, example) in examples.iter().enumerate() {
        certificates::insert(&mut unit, example);
        identities::insert(&mut unit, &identity(example));
        if example.not_after.is_some() {
            let mut version = issued(&reserved(example, &format!("ver_{serial}"), serial as u64));
            version.not_after = example.not_after;
            version.revoked_at = example.revoked_at;
            versions::insert(&mut unit, &version);
        }
    }
    enqueue(&mut unit, job("cert_e", "job_open"), now().unix_micros());
    let lost = enqueue_claimed(&mut unit, job("cert_d", "job_lost"), "w", i64::MAX, now().unix_micros());
    db.commit(unit).await.expect("stored");
    let failure = Failure { class: "rejected".to_owned(), error: "no".to_owned() };
    stored(db, |unit| lease::fail(unit, &lost, &failure, now().unix_micros())).await;
    examples.into_iter().map(|example| example.id).collect()
}

fn job(certificate: &str, id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "Renewal",
        executor: Executor::Server,
        agent_id: None,
        certificate_id: Some(certificate.to_owned()),
        target_id: None,
        state: State::Pending,
        payload: "{}".to_owned(),
        max_attempts: 3,
        retry_seconds: 60,
        priority: 0,
        not_before: Timestamp::unix_micros(now()),
        idempotency_key: format!("renew:{certificate}:{}", Holder::External.as_str()),
        parent_job_id: None,
    }
}
