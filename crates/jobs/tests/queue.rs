//! The queue on both databases.

use certctl_db::sea_orm::ConnectionTrait;
use certctl_db::{Backend, Db, DbError, Unit};
use certctl_jobs::lease::{self, Failure, Wait};
use certctl_jobs::{
    Claim, Cursor, Executor, Filter, Job, JobError, Lease, NewJob, Recovery, State, attempts, claim, claim_for_agent,
    count, enqueue, enqueue_claimed, job, jobs, leases_expired, open_with_key, recover, schedule, stale, unless_open,
};
use certctl_testkit::db::TestDb;

fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "work",
        executor: Executor::Server,
        agent_id: None,
        certificate_id: None,
        target_id: None,
        state: State::Pending,
        payload: "{}".to_owned(),
        max_attempts: 2,
        retry_seconds: 60,
        priority: 0,
        not_before: 0,
        idempotency_key: format!("key of {id}"),
        parent_job_id: None,
    }
}

async fn put(db: &Db, new: NewJob, now: i64) -> Result<(), DbError> {
    let mut unit = Unit::new();
    enqueue(&mut unit, new, now);
    db.commit(unit).await
}

/// Recovers each lease that ran out, as the reconciler does.
async fn recovered(db: &Db, now: i64) -> Vec<(Job, Recovery)> {
    let mut recovered = Vec::new();
    for due in leases_expired(db, now, None, 10).await.expect("listed") {
        let job = due.row.expect("it can be read");
        let mut unit = Unit::new();
        if let Some(recovery) = recover(&mut unit, &job, now) {
            db.commit(unit).await.expect("recovered");
            recovered.push((job, recovery));
        }
    }
    recovered
}

async fn add(db: &Db, id: &str) {
    put(db, new_job(id), 1).await.expect("enqueued");
}

async fn add_for_agent(db: &Db, id: &str, agent: &str, state: State) {
    let new = NewJob { executor: Executor::Agent, agent_id: Some(agent.to_owned()), state, ..new_job(id) };
    put(db, new, 1).await.expect("enqueued");
}

async fn agent(db: &Db, id: &str) {
    let sql = format!(
        "INSERT INTO agents (id, name, hostname, os, architecture, ip_address, version, enrolled, registered_at, updated_at, revision) \
         VALUES ('{id}', '{id}', '', '', '', '', '', true, 1, 1, 1)"
    );
    let txn = db.begin().await.expect("a transaction");
    txn.connection().execute_unprepared(&sql).await.expect("an agent");
    txn.commit().await.expect("committed");
}

fn ask(states: &[State], now: i64) -> Claim<'_> {
    Claim { states, worker: "w", now, lease_until: now + 100, limit: 10 }
}

async fn take(db: &Db, now: i64) -> Vec<Job> {
    claim(db, &ask(&[State::Pending, State::AwaitingIssuer], now)).await.expect("claimed")
}

async fn take_one(db: &Db, now: i64) -> Lease {
    let jobs = take(db, now).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs[0].lease().expect("claimed jobs are leased")
}

async fn apply(db: &Db, writes: impl FnOnce(&mut Unit)) -> Result<(), DbError> {
    let mut unit = Unit::new();
    writes(&mut unit);
    db.commit(unit).await
}

async fn get(db: &Db, id: &str) -> Job {
    job(db, id).await.expect("read").expect("it exists")
}

fn broken() -> Failure {
    Failure { class: "transient".to_owned(), error: "no answer".to_owned() }
}

async fn a_claimed_job_is_claimed_once(db: &Db) {
    add(db, "j").await;
    let job = &take(db, 10).await[0];
    assert_eq!((job.state, job.attempt, job.lease_epoch, job.lease_until), (State::Claimed, 1, 1, Some(110)));
    assert_eq!(take(db, 11).await, []);
}

async fn jobs_are_claimed_by_priority_time_and_id_when_due(db: &Db) {
    for (id, priority, not_before) in [("a", 1, 1), ("b", 0, 5), ("d", 0, 3), ("c", 0, 3), ("later", 0, 50)] {
        put(db, NewJob { priority, not_before, ..new_job(id) }, 1).await.expect("enqueued");
    }
    let ids: Vec<String> = take(db, 10).await.into_iter().map(|job| job.id).collect();
    assert_eq!(ids, ["c", "d", "b", "a"]);
}

async fn many_claimers_get_disjoint_jobs(db: &Db) {
    let mut unit = Unit::new();
    for n in 0..60 {
        enqueue(&mut unit, new_job(&format!("j{n:02}")), 1);
    }
    db.commit(unit).await.expect("enqueued");
    let claimers: Vec<_> = (0..12)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { take(&db, 10).await })
        })
        .collect();
    let mut ids = Vec::new();
    for claimer in claimers {
        ids.extend(claimer.await.expect("ends").into_iter().map(|job| job.id));
    }
    let claimed = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), claimed, "a job was claimed twice");
    while let [_, ..] = take(db, 10).await.as_slice() {}
    assert_eq!(
        count(db, &Filter { states: vec![State::Claimed], ..Filter::default() }, 100).await.expect("counted"),
        60
    );
}

async fn an_open_key_is_taken_until_its_job_ends(db: &Db) {
    add(db, "j").await;
    let twin = || NewJob { id: "twin".to_owned(), ..new_job("j") };
    let error = put(db, twin(), 2).await.expect_err("the key is taken");
    match unless_open(db, "key of j", error).await {
        JobError::Duplicate { existing } => assert_eq!(existing, "j"),
        JobError::Db(error) => panic!("{error}"),
    }
    let lease = take_one(db, 10).await;
    apply(db, |unit| lease::succeed(unit, &lease, 11)).await.expect("done");
    assert_eq!(open_with_key(db, "key of j").await.expect("read"), None);
    put(db, twin(), 12).await.expect("the key is free");
}

async fn a_lost_epoch_changes_nothing(db: &Db) {
    add(db, "j").await;
    let first = take_one(db, 10).await;
    assert_eq!(recovered(db, 109).await, []);
    let recovered = recovered(db, 110).await;
    assert_eq!(recovered[0].1, Recovery::Again);
    let second = take_one(db, 111).await;
    assert_eq!((second.attempt, second.epoch), (2, 2));
    for lost in [
        apply(db, |unit| lease::succeed(unit, &first, 112)).await,
        apply(db, |unit| lease::fail(unit, &first, &broken(), 112)).await,
        apply(db, |unit| lease::retry(unit, &first, &broken(), 1, 112)).await,
        apply(db, |unit| lease::release(unit, &first, 112)).await,
        apply(db, |unit| lease::start(unit, &first, 112)).await,
        lease::extend_lease(db, &first, 999).await.map(drop),
    ] {
        assert!(matches!(lost, Err(DbError::Moved { .. } | DbError::Unique { .. })), "{lost:?}");
    }
    apply(db, |unit| lease::start(unit, &second, 112)).await.expect("started");
    apply(db, |unit| lease::succeed(unit, &second, 113)).await.expect("done");
    let job = get(db, "j").await;
    assert_eq!((job.state, job.completed_at, job.lease_owner), (State::Succeeded, Some(113), None));
    let outcomes: Vec<String> = attempts(db, "j").await.expect("read").into_iter().map(|each| each.outcome).collect();
    assert_eq!(outcomes, ["lost", "succeeded"]);
}

async fn the_last_lost_lease_fails_the_job(db: &Db) {
    put(db, NewJob { max_attempts: 1, ..new_job("j") }, 1).await.expect("enqueued");
    take_one(db, 10).await;
    assert_eq!(recovered(db, 200).await[0].1, Recovery::Failed);
    let job = get(db, "j").await;
    assert_eq!(
        (job.state, job.error_class.as_deref(), job.completed_at),
        (State::Failed, Some("lease_lost"), Some(200))
    );
}

async fn an_extended_lease_is_not_recovered(db: &Db) {
    add(db, "j").await;
    let lease = take_one(db, 10).await;
    lease::extend_lease(db, &lease, 500).await.expect("extended");
    assert_eq!(recovered(db, 200).await, []);
    apply(db, |unit| lease::request_cancel(unit, &lease.fence())).await.expect("asked");
    lease::extend_lease(db, &lease, 600).await.expect("extended");
    let reason = Failure { class: "rejected".to_owned(), error: "called off".to_owned() };
    apply(db, |unit| lease::stop(unit, &lease, &reason, 300)).await.expect("stopped");
    let ended = get(db, "j").await;
    assert_eq!((ended.state, ended.last_error.as_deref()), (State::Cancelled, Some("called off")));
}

async fn a_failure_is_retried_at_its_time(db: &Db) {
    add(db, "j").await;
    let lease = take_one(db, 10).await;
    apply(db, |unit| lease::retry(unit, &lease, &broken(), 500, 20)).await.expect("retried");
    assert_eq!(take(db, 499).await, []);
    let job = get(db, "j").await;
    assert_eq!((job.state, job.last_error.as_deref(), job.attempt), (State::Pending, Some("no answer"), 1));
    let lease = take_one(db, 500).await;
    assert!(get(db, "j").await.is_exhausted());
    apply(db, |unit| lease::fail(unit, &lease, &broken(), 510)).await.expect("failed");
    assert_eq!(get(db, "j").await.state, State::Failed);
}

async fn a_released_attempt_does_not_count(db: &Db) {
    add(db, "j").await;
    let lease = take_one(db, 10).await;
    apply(db, |unit| lease::release(unit, &lease, 11)).await.expect("released");
    let lease = take_one(db, 12).await;
    assert_eq!((lease.attempt, lease.epoch), (1, 2));
}

async fn an_order_is_polled_without_counting_attempts(db: &Db) {
    add(db, "j").await;
    let lease = take_one(db, 10).await;
    apply(db, |unit| lease::start(unit, &lease, 11)).await.expect("started");
    apply(db, |unit| lease::wait_for(unit, &lease, Wait::Issuer, 50, 12)).await.expect("waits");
    assert_eq!(take(db, 49).await, []);
    let poll = take_one(db, 50).await;
    assert_eq!((poll.attempt, poll.epoch), (1, 2));
    apply(db, |unit| lease::wait_on(unit, &poll, 90, 51)).await.expect("waits on");
    assert_eq!(get(db, "j").await.state_changed_at, 12);
    let poll = take_one(db, 90).await;
    apply(db, |unit| lease::succeed(unit, &poll, 91)).await.expect("done");
}

async fn an_agent_claims_only_its_own(db: &Db) {
    agent(db, "agt_a").await;
    agent(db, "agt_b").await;
    add(db, "of_server").await;
    add_for_agent(db, "of_a", "agt_a", State::Pending).await;
    add_for_agent(db, "of_b", "agt_b", State::AwaitingCsr).await;
    let states = [State::AwaitingCsr, State::Pending];
    let mine = claim_for_agent(db, "agt_b", &ask(&states, 10)).await.expect("claimed");
    assert_eq!(mine.iter().map(|job| (job.id.as_str(), job.state)).collect::<Vec<_>>(), [("of_b", State::AwaitingCsr)]);
    assert_eq!(claim_for_agent(db, "agt_b", &ask(&states, 11)).await.expect("claimed"), []);
    assert_eq!(take(db, 12).await.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["of_server"]);
}

async fn the_server_takes_over_when_the_request_arrives(db: &Db) {
    agent(db, "agt_a").await;
    add_for_agent(db, "j", "agt_a", State::AwaitingCsr).await;
    let leased = claim_for_agent(db, "agt_a", &ask(&[State::AwaitingCsr], 10)).await.expect("claimed").remove(0);
    let of_agent = leased.lease().expect("leased");
    let mut unit = Unit::new();
    let lease = lease::take_over(&mut unit, &leased, "{\"csr\":1}", "server", 900, 20);
    db.commit(unit).await.expect("taken over");
    assert!(apply(db, |unit| lease::fail(unit, &of_agent, &broken(), 21)).await.is_err(), "the agent's lease is over");
    apply(db, |unit| lease::retry(unit, &lease, &broken(), 30, 22)).await.expect("retried");
    let job = &take(db, 30).await[0];
    assert_eq!((job.executor, job.payload.as_str(), job.attempt), (Executor::Server, "{\"csr\":1}", 2));
}

async fn an_approved_job_is_due_and_an_unanswered_one_expires(db: &Db) {
    for id in ["yes", "no", "late"] {
        put(db, NewJob { state: State::AwaitingApproval, ..new_job(id) }, 1).await.expect("enqueued");
    }
    assert_eq!(take(db, 10).await, []);
    let yes = get(db, "yes").await;
    apply(db, |unit| lease::approve(unit, &yes, 10)).await.expect("approved");
    assert!(apply(db, |unit| lease::approve(unit, &yes, 10)).await.is_err(), "approved once");
    let refused = Failure { class: "rejected".to_owned(), error: "approval rejected: no".to_owned() };
    let no = get(db, "no").await;
    apply(db, |unit| lease::cancel(unit, &no.fence(), &refused, 10)).await.expect("cancelled");
    let waiting = stale(db, State::AwaitingApproval, Some("work"), 100, None, 10).await.expect("read");
    let waiting: Vec<Job> = waiting.into_iter().map(|due| due.row.expect("a job")).collect();
    assert_eq!(waiting.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["late"]);
    apply(db, |unit| lease::expire(unit, &waiting[0].fence(), &broken(), 100)).await.expect("expired");
    take_one(db, 11).await;
    assert_eq!(get(db, "no").await.last_error.as_deref(), Some("approval rejected: no"));
    assert_eq!(get(db, "late").await.state, State::Expired);
}

async fn running_work_cannot_be_cancelled_under_its_worker(db: &Db) {
    add(db, "j").await;
    let lease = take_one(db, 10).await;
    let cancelled = apply(db, |unit| lease::cancel(unit, &lease.fence(), &broken(), 11)).await;
    assert!(matches!(cancelled, Err(DbError::Moved { .. })));
}

async fn inline_work_is_recovered_like_any_other(db: &Db) {
    let mut unit = Unit::new();
    let lease = enqueue_claimed(&mut unit, new_job("j"), "request", 50, 10);
    db.commit(unit).await.expect("enqueued");
    assert_eq!(take(db, 20).await, []);
    assert_eq!(recovered(db, 50).await.len(), 1);
    assert!(apply(db, |unit| lease::succeed(unit, &lease, 60)).await.is_err());
    assert_eq!(take_one(db, 60).await.attempt, 2);
}

async fn pages_follow_each_other_newest_first(db: &Db) {
    for n in 0..7 {
        put(db, NewJob { kind: if n == 3 { "other" } else { "work" }, ..new_job(&format!("j{n}")) }, n / 2)
            .await
            .expect("enqueued");
    }
    let filter = Filter { kinds: vec!["work".to_owned()], ..Filter::default() };
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = jobs(db, &filter, after.as_ref(), 0, 2).await.expect("read");
        let Some(last) = page.last() else { break };
        after = Some(Cursor { created_at: last.created_at, id: last.id.clone() });
        seen.extend(page.into_iter().map(|job| job.id));
    }
    assert_eq!(seen, ["j6", "j5", "j4", "j2", "j1", "j0"]);
    assert_eq!(count(db, &filter, 4).await.expect("counted"), 4);
    assert_eq!(count(db, &filter, 100).await.expect("counted"), 6);
}

async fn a_loop_is_run_by_one_holder_at_a_time(db: &Db) {
    let mine = schedule::acquire(db, "renewal", "a", 10, 100).await.expect("asked").expect("free");
    assert_eq!(schedule::acquire(db, "renewal", "b", 50, 150).await.expect("asked"), None);
    let kept = schedule::acquire(db, "renewal", "a", 60, 160).await.expect("asked").expect("mine");
    assert_eq!((kept.epoch, kept.expires_at), (mine.epoch, 160));
    apply(db, |unit| schedule::record_run(unit, &kept, 61, 62, Some("no"))).await.expect("recorded");
    apply(db, |unit| schedule::renew(unit, &kept, 200)).await.expect("renewed");
    assert_eq!(schedule::acquire(db, "renewal", "b", 199, 300).await.expect("asked"), None);
    let taken = schedule::acquire(db, "renewal", "b", 200, 300).await.expect("asked").expect("run out");
    assert_eq!(
        (taken.epoch, taken.last_finished_at, taken.last_error.as_deref()),
        (mine.epoch + 1, Some(62), Some("no"))
    );
    assert!(apply(db, |unit| schedule::record_run(unit, &kept, 1, 2, None)).await.is_err(), "fenced off");
    apply(db, |unit| schedule::release(unit, &taken)).await.expect("released");
    assert!(schedule::acquire(db, "renewal", "a", 201, 300).await.expect("asked").is_some());
}

macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $( #[tokio::test] async fn $test() { super::check(super::Backend::Sqlite, super::$test).await } )* }
        mod postgres { $( #[tokio::test] async fn $test() { super::check(super::Backend::Postgres, super::$test).await } )* }
    };
}

async fn check(backend: Backend, test: impl AsyncFnOnce(&Db)) {
    if let Some(opened) = TestDb::open(backend).await {
        test(&opened.db).await;
    }
}

contract! {
    a_claimed_job_is_claimed_once
    jobs_are_claimed_by_priority_time_and_id_when_due
    many_claimers_get_disjoint_jobs
    an_open_key_is_taken_until_its_job_ends
    a_lost_epoch_changes_nothing
    the_last_lost_lease_fails_the_job
    an_extended_lease_is_not_recovered
    a_failure_is_retried_at_its_time
    a_released_attempt_does_not_count
    an_order_is_polled_without_counting_attempts
    an_agent_claims_only_its_own
    the_server_takes_over_when_the_request_arrives
    an_approved_job_is_due_and_an_unanswered_one_expires
    running_work_cannot_be_cancelled_under_its_worker
    inline_work_is_recovered_like_any_other
    pages_follow_each_other_newest_first
    a_loop_is_run_by_one_holder_at_a_time
}
