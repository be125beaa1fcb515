//! Certificates, their versions, identities and mappings, the audit log and the outbox.

use certctl_db::{Db, DbError, Due};
use certctl_domain::audit::{Action, Category};
use certctl_domain::certificate::{Certificate, Version};
use certctl_domain::ids::{JobId, OutboxId};
use certctl_domain::target::{Mapping, MappingState};
use certctl_pki::Timestamp;
use certctl_store::list::{Count, Start, Window};
use certctl_store::{audit, certificates, identities, mappings, outbox, versions};

use crate::fixtures::{certificate, event, identity, issued, renewed, reserved};
use crate::foundation::{day, now};
use crate::{inventory, moved, stored, write};

pub(crate) async fn a_certificate_reads_back(db: &Db) {
    let mut written = certificate("cert_1");
    written.tags.insert("tier".to_owned(), "gold".to_owned());
    written.not_after = Some(day(30));
    stored(db, |unit| certificates::insert(unit, &written)).await;
    assert_eq!(certificates::get(db, &written.id).await.expect("read"), Some(written.clone()));
    let twin = Certificate { name: written.name.clone(), ..certificate("cert_2") };
    let error = write(db, |unit| certificates::insert(unit, &twin)).await.expect_err("the name is taken");
    assert!(error.is_unique("certificates", &["name"]), "{error:?}");
}

pub(crate) async fn an_edit_needs_the_revision_it_was_made_from(db: &Db) {
    let before = certificate("cert_1");
    stored(db, |unit| certificates::insert(unit, &before)).await;
    let after = Certificate { environment: "staging".to_owned(), revision: 2, ..before.clone() };
    stored(db, |unit| certificates::update(unit, &before, &after)).await;
    moved(write(db, |unit| certificates::update(unit, &before, &after)).await);
    assert_eq!(certificates::get(db, &before.id).await.expect("read"), Some(after));
}

pub(crate) async fn an_issuance_moves_version_identity_and_certificate(db: &Db) {
    let (certificate, version) = intent(db, "cert_1", 1).await;
    let identity = identity(&certificate);
    let made = issued(&version);
    let record = |unit: &mut certctl_db::Unit| {
        versions::record_issued(unit, &made);
        identities::record_issued(unit, &renewed(&identity, &made));
        certificates::record_issued(unit, &certificate.id, now());
    };
    stored(db, record).await;
    assert_eq!(versions::get(db, &version.id).await.expect("read"), Some(made.clone()));
    let job = JobId::parse("job_ver_1").expect("an id");
    assert_eq!(versions::issued_of_job(db, &job).await.expect("read"), Some(made.clone()));
    let read = certificates::get(db, &certificate.id).await.expect("read").expect("there");
    assert_eq!(read, certificates::after_issue(certificate.clone(), &made, now()));
    let identity = identities::get(db, &certificate.id, &identity.holder).await.expect("read").expect("there");
    assert_eq!(identity.current_version_id, Some(version.id.clone()));
    moved(write(db, record).await);
    let (page, total) = versions::page(db, &certificate.id, 0, 10).await.expect("read");
    assert_eq!((page, total), (vec![made], 1));
}

pub(crate) async fn a_serial_is_used_once_per_ca(db: &Db) {
    let (certificate, _) = intent(db, "cert_1", 1).await;
    let twin = reserved(&certificate, "ver_2", 1);
    let error = write(db, |unit| versions::insert(unit, &twin)).await.expect_err("the serial is used");
    assert!(error.is_unique("certificate_versions", &["ca_id", "serial"]), "{error:?}");
}

pub(crate) async fn intents_left_behind_are_found(db: &Db) {
    let (_, version) = intent(db, "cert_1", 1).await;
    let orphans = |before| async move { rows(versions::reserved_orphans(db, before, None, 10).await) };
    assert_eq!(orphans(now()).await, []);
    assert_eq!(orphans(day(1)).await, std::slice::from_ref(&version));
    stored(db, |unit| versions::void(unit, &version.id, "never signed")).await;
    assert_eq!(orphans(day(1)).await, []);
    moved(write(db, |unit| versions::record_issued(unit, &issued(&version))).await);
}

pub(crate) async fn identities_are_found_when_due(db: &Db) {
    for (id, serial) in [("cert_a", 1), ("cert_b", 2)] {
        let (certificate, _) = intent(db, id, serial).await;
        let planned = identity(&certificate);
        stored(db, |unit| identities::plan(unit, &planned, Some(day(i64::try_from(serial).expect("small"))))).await;
        moved(write(db, |unit| identities::plan(unit, &planned, Some(day(9)))).await);
    }
    let due = |at: Timestamp| async move { identities::due(db, at, None, 10).await.expect("read").len() };
    assert_eq!((due(now()).await, due(day(1)).await, due(day(2)).await), (0, 1, 2));
    assert_eq!(identities::next_due(db).await.expect("read"), Some(day(1)));
}

pub(crate) async fn a_mapping_moves_only_from_the_state_it_was_read_in(db: &Db) {
    let (certificate, version) = intent(db, "cert_1", 1).await;
    stored(db, |unit| {
        certctl_store::agents::insert(unit, &inventory::agent("agt_1"));
        certctl_store::targets::insert(unit, &inventory::target("tgt_1", "agt_1"));
    })
    .await;
    let waiting = Mapping::new(certificate.id.clone(), inventory::target("tgt_1", "agt_1").id);
    stored(db, |unit| mappings::insert(unit, &waiting)).await;
    let wanted = Mapping {
        desired_version_id: Some(version.id.clone()),
        state: MappingState::Pending,
        next_attempt_at: Some(now()),
        ..waiting.clone()
    };
    stored(db, |unit| mappings::want(unit, &wanted)).await;
    assert_eq!(rows(mappings::due(db, now(), None, 10).await), std::slice::from_ref(&wanted));
    assert_eq!(mappings::agents_of(db, &certificate.id).await.expect("read"), [inventory::agent("agt_1").id]);
    let working = Mapping { state: MappingState::Deploying, next_attempt_at: None, ..wanted.clone() };
    stored(db, |unit| mappings::advance(unit, &wanted, &working)).await;
    moved(write(db, |unit| mappings::advance(unit, &wanted, &working)).await);
    assert_eq!(mappings::of_certificate(db, &certificate.id).await.expect("read"), std::slice::from_ref(&working));
    stored(db, |unit| mappings::delete(unit, &working)).await;
    assert_eq!(mappings::of_certificate(db, &certificate.id).await.expect("read"), []);
}

pub(crate) async fn events_are_read_newest_first(db: &Db) {
    for n in 0..5 {
        let mut record = event(&format!("evt_{n}"), Action::CertificateCreated, "cert_1");
        if n == 2 {
            record.event = certctl_domain::audit::Event::new(Action::TeamCreated, "team_1").with("name", "x");
        }
        record.occurred_at = day(n / 2);
        stored(db, |unit| audit::append(unit, &record)).await;
    }
    let window = Window { start: Start::Offset(0), limit: 2, count: Count::Bounded };
    let page = audit::list(db, &audit::Filter::default(), &window).await.expect("read");
    assert_eq!(page.items.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["evt_4", "evt_3"]);
    assert_eq!(page.total.rows, 5);
    let window = Window { start: Start::After(page.next.expect("more")), ..window };
    let page = audit::list(db, &audit::Filter::default(), &window).await.expect("read");
    assert_eq!(page.items.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["evt_2", "evt_1"]);
    let filter = audit::Filter { category: Some(Category::Config), since: Some(day(1)), until: Some(day(2)) };
    let window = Window { start: Start::Offset(0), limit: 10, count: Count::Exact };
    let page = audit::list(db, &filter, &window).await.expect("read");
    assert_eq!(page.items.iter().map(|event| event.details.as_str()).collect::<Vec<_>>(), [r#"{"name":"x"}"#]);
    let one = audit::get(db, &page.items[0].id).await.expect("read");
    assert_eq!(one.as_ref(), page.items.first());
}

pub(crate) async fn the_outbox_is_told_in_order(db: &Db) {
    let ids: Vec<OutboxId> = (0..4).map(|n| OutboxId::parse(&format!("out_{n}")).expect("an id")).collect();
    for id in ids.iter().rev() {
        stored(db, |unit| outbox::insert(unit, id, "certificate.issued", "cert_1", now())).await;
    }
    let oldest = outbox::oldest(db, 2).await.expect("read");
    assert_eq!(oldest.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), [ids[0].as_str(), ids[1].as_str()]);
    stored(db, |unit| outbox::delete(unit, &[ids[0].as_str(), ids[1].as_str()])).await;
    assert_eq!(outbox::oldest(db, 9).await.expect("read").len(), 2);
}

/// Due rows, all of which can be read.
fn rows<T>(due: Result<Vec<Due<T>>, DbError>) -> Vec<T> {
    due.expect("read").into_iter().map(|due| due.row.expect("a row")).collect()
}

/// A certificate with its identity and a reserved version `ver_<serial>`.
async fn intent(db: &Db, id: &str, serial: u64) -> (Certificate, Version) {
    let certificate = certificate(id);
    let version = reserved(&certificate, &format!("ver_{serial}"), serial);
    let declared: Result<(), DbError> = write(db, |unit| {
        certificates::insert(unit, &certificate);
        identities::insert(unit, &identity(&certificate));
        versions::insert(unit, &version);
    })
    .await;
    declared.expect("stored");
    (certificate, version)
}
