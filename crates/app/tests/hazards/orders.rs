//! Orders at issuers outside that nobody here waits for any more.

use std::sync::Arc;
use std::time::Duration;

use certctl_app::certificates::NewCertificate;
use certctl_app::jobs::Cancelled;
use certctl_app::{App, Clock};
use certctl_connector::ErrorClass;
use certctl_domain::certificate::{Version, VersionState};
use certctl_domain::ids::JobId;
use certctl_testkit::issuer::SlowIssuer;
use certctl_testkit::wait;
use certctl_testkit::world::TestWorld;

use crate::support::{csr, damage};

/// More than are asked for at a time.
const MANY: usize = 7;
const LONG: Duration = Duration::from_secs(30);
/// Whoever waits for an issuance looks once a second.
const SEVERAL_LOOKS: Duration = Duration::from_millis(2_500);

async fn outside(world: &TestWorld, id: &'static str) -> Arc<SlowIssuer> {
    outside_after(world, id, u32::MAX).await
}

/// An issuer that signs after so many polls.
async fn outside_after(world: &TestWorld, id: &'static str, polls: u32) -> Arc<SlowIssuer> {
    let issuer = Arc::new(SlowIssuer::new(polls, Clock::now(world.clock.as_ref())));
    world.outside_issuer(id, issuer.clone()).await;
    issuer
}

/// The intent of an order that was placed there, and whose job was called off then.
async fn called_off(world: &TestWorld, issuer: &str, name: &str) -> Version {
    let new = NewCertificate {
        issuer_id: issuer.into(),
        csr_pem: Some(csr(&format!("{name}.example"))),
        ..TestWorld::wanted(name)
    };
    let created = world.app.certificate_create_and_issue(&world.admin(), new).await.expect("it is created");
    let job: JobId = created.job_id.expect("a job");
    world.app.run_due().await.expect("jobs run");
    let version = certctl_store::versions::reserved_of_job(&world.db.db, &job).await.expect("read").expect("an intent");
    assert!(version.order_ref.is_some(), "the order is on record");
    assert_eq!(world.app.job_cancel(&world.admin(), &job).await.expect("called off"), Cancelled::Now);
    version
}

async fn stored(world: &TestWorld, version: &Version) -> Version {
    certctl_store::versions::get(&world.db.db, &version.id).await.expect("read").expect("there")
}

async fn passed(app: &App) -> (usize, usize) {
    let report = app.reserved_pass().await.expect("the pass goes on");
    (report.seen, report.moved)
}

pub(crate) async fn a_silent_issuer_is_in_nobodys_way(world: &TestWorld) {
    let (silent, good) = (outside(world, "iss-a-silent").await, outside(world, "iss-good").await);
    outside(world, "iss-closed").await;
    let mut waiting = Vec::new();
    for n in 0..MANY {
        waiting.push(called_off(world, "iss-a-silent", &format!("silent{n}")).await);
    }
    let closed = called_off(world, "iss-closed", "closed").await;
    let unreadable = called_off(world, "iss-good", "unreadable").await;
    let answered = called_off(world, "iss-good", "answered").await;
    let bare = called_off(world, "iss-good", "bare").await;
    damage(world, "UPDATE issuers SET enabled = FALSE WHERE id = 'iss-closed'").await;
    damage(world, &format!("UPDATE certificate_versions SET key_size = -1 WHERE id = '{}'", unreadable.id)).await;
    damage(
        world,
        &format!("UPDATE certificate_versions SET order_ref = NULL, poll_at = NULL WHERE id = '{}'", bare.id),
    )
    .await;
    world.clock.advance(Duration::from_secs(300));
    silent.hold(true);
    good.fail(Some(ErrorClass::Rejected));
    // It has no engine yet of the issuer that was switched off.
    let app = world.replica("server-b").await;
    let ended = async {
        wait::until("the others have their end", LONG, async || {
            let states = [stored(world, &bare).await.state, stored(world, &answered).await.state];
            (states == [VersionState::Void; 2] && silent.waiting() > 0).then_some(())
        })
        .await;
        assert_eq!(silent.polls(), 0, "it is still held");
        assert!(silent.waiting() < MANY, "a few of its orders are asked for at a time");
        silent.hold(false);
    };
    let (report, ()) = tokio::join!(app.reserved_pass(), ended);
    let report = report.expect("the pass goes on");
    assert_eq!((report.seen, report.moved, report.failed), (MANY + 4, 2, 2), "{report:?}");
    assert_eq!(usize::try_from(silent.polls()).expect("few"), MANY, "each was asked for in the end");
    for version in waiting.iter().chain([&closed]) {
        let later = stored(world, version).await;
        assert_eq!(later.state, VersionState::Reserved);
        assert!(later.poll_at > Some(world.app.now()), "put back");
    }
    assert_eq!(passed(&app).await, (0, 0), "also what cannot be read is put back");
}

pub(crate) async fn an_issuer_is_asked_when_it_wishes(world: &TestWorld) {
    let issuer = outside(world, "iss-slow").await;
    called_off(world, "iss-slow", "a").await;
    issuer.ask_again_after(Duration::from_secs(1_200));
    let before = issuer.polls();
    world.clock.advance(Duration::from_secs(300));
    assert_eq!((passed(&world.app).await, issuer.polls()), ((1, 0), before + 1));
    world.clock.advance(Duration::from_secs(1_199));
    assert_eq!((passed(&world.app).await, issuer.polls()), ((0, 0), before + 1), "not before");
    let replica = world.replica("server-b").await;
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((passed(&replica).await, issuer.polls()), ((1, 0), before + 2), "it is on record");
}

pub(crate) async fn only_its_issuer_ends_an_order(world: &TestWorld) {
    let issuer = outside(world, "iss-slow").await;
    let version = called_off(world, "iss-slow", "a").await;
    world.clock.advance(Duration::from_secs(300));
    for class in [ErrorClass::Auth, ErrorClass::Network] {
        issuer.fail(Some(class));
        assert_eq!(passed(&world.app).await, (1, 0), "{class:?}");
        let kept = stored(world, &version).await;
        assert_eq!((kept.state, &kept.order_ref), (VersionState::Reserved, &version.order_ref), "{class:?}");
        world.clock.advance(Duration::from_secs(60));
    }
    issuer.fail(Some(ErrorClass::Rejected));
    assert_eq!(passed(&world.app).await, (1, 1));
    let void = stored(world, &version).await;
    assert_eq!(void.state, VersionState::Void);
    assert!(void.void_reason.expect("why").contains("told to fail"));
}

pub(crate) async fn an_order_is_asked_for_once_more_when_its_time_is_over(world: &TestWorld) {
    let (signs, waits) = (outside_after(world, "iss-signs", 2).await, outside(world, "iss-waits").await);
    let (signed, waiting) = (called_off(world, "iss-signs", "a").await, called_off(world, "iss-waits", "b").await);
    for issuer in [&signs, &waits] {
        issuer.ask_again_after(Duration::from_secs(3_600));
    }
    let over = signed.created_at + Duration::from_secs(7 * 86_400);
    world.clock.set(over - Duration::from_secs(60));
    assert_eq!(passed(&world.app).await, (2, 0));
    for version in [&signed, &waiting] {
        assert_eq!(stored(world, version).await.poll_at, Some(version.created_at + Duration::from_secs(7 * 86_400)));
    }
    world.clock.set(over + Duration::from_secs(2));
    let polls = (signs.polls(), waits.polls());
    assert_eq!(passed(&world.app).await, (2, 2));
    assert_eq!((signs.polls(), waits.polls()), (polls.0 + 1, polls.1 + 1), "asked once more");
    let (signed, waiting) = (stored(world, &signed).await, stored(world, &waiting).await);
    assert_eq!((signed.state, waiting.state), (VersionState::Void, VersionState::Void));
    assert!(signed.certificate.is_some(), "what the issuer signed is on record");
    assert_eq!(waiting.certificate, None);
    assert!(waiting.void_reason.expect("why").contains("was not answered in its time"));
}

pub(crate) async fn whoever_asks_waits_for_an_issuer_that_soon_answers(world: &TestWorld) {
    let issuer = outside_after(world, "iss-slow", 2).await;
    let app = world.replica_with("server-b", |settings| settings.answer_within = LONG).await;
    let ask = async |name: &str, pause: Duration| {
        issuer.ask_again_after(pause);
        let new = NewCertificate {
            issuer_id: "iss-slow".into(),
            csr_pem: Some(csr(&format!("{name}.example"))),
            ..TestWorld::wanted(name)
        };
        let (caller, ended, before) = (world.admin(), std::cell::Cell::new(false), issuer.orders().len());
        let asked = async {
            let created = app.certificate_create_and_issue(&caller, new).await;
            ended.set(true);
            created.expect("created").version
        };
        let served = async {
            // The order is placed, and whoever asks looks at it while it lies at the issuer.
            wait::until("it is placed", LONG, async || {
                world.app.run_due().await.expect("jobs run");
                (ended.get() || issuer.orders().len() > before).then_some(())
            })
            .await;
            tokio::time::sleep(SEVERAL_LOOKS).await;
            wait::until("it is answered", LONG * 2, async || {
                world.app.run_due().await.expect("jobs run");
                world.clock.advance(Duration::from_secs(1));
                ended.get().then_some(())
            })
            .await;
        };
        tokio::join!(asked, served).0
    };
    assert!(ask("soon", Duration::from_secs(2)).await.is_some(), "it is answered within the time");
    assert!(ask("late", LONG * 2).await.is_none(), "it wishes to be asked later");
}

pub(crate) async fn a_stop_of_the_server_waits_for_no_issuer(world: &TestWorld) {
    let issuer = outside(world, "iss-slow").await;
    let version = called_off(world, "iss-slow", "a").await;
    world.clock.advance(Duration::from_secs(300));
    issuer.hold(true);
    let app = world.replica("server-b").await;
    let stop = async {
        wait::until("it is asked", LONG, async || (issuer.waiting() > 0).then_some(())).await;
        app.leave();
    };
    // Less than an issuer is given to answer.
    let within = Duration::from_secs(8);
    let (report, ()) = tokio::join!(tokio::time::timeout(within, app.reserved_pass()), stop);
    assert_eq!(report.expect("the pass ends").expect("without an error").moved, 0);
    assert_eq!(stored(world, &version).await.state, VersionState::Reserved);
    issuer.hold(false);
    assert_eq!(passed(&world.app).await, (1, 0), "the next server asks again");
}
