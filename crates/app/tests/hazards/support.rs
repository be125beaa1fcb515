//! What every test asks of the application.

use std::time::Duration;

use certctl_app::App;
use certctl_app::agents::{Task, WorkItem};
use certctl_app::certificates::NewCertificate;
use certctl_db::Backend;
use certctl_db::sea_orm::{ConnectionTrait, Statement};
use certctl_domain::ids::{CertificateId, JobId, TargetId};
use certctl_domain::target::Mapping;
use certctl_jobs::Job;
use certctl_pki::{Csr, KeyKind, PrivateKey, San};
use certctl_store::list::{Count, Start, Window};
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

/// A certificate that waits for the request of the agent whose target it is mapped to.
pub(crate) async fn certificate(world: &TestWorld, name: &str, target: &TargetId) -> CertificateId {
    certificate_of(world, name, target, "iss-local").await
}

/// The same of another issuer.
pub(crate) async fn certificate_of(world: &TestWorld, name: &str, target: &TargetId, issuer: &str) -> CertificateId {
    let new =
        NewCertificate { issuer_id: issuer.into(), target_ids: vec![target.to_string()], ..TestWorld::wanted(name) };
    world.app.certificate_create_and_issue(&world.admin(), new).await.expect("it is created").certificate.id
}

pub(crate) fn csr(name: &str) -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    Csr::build(&key, Some(name), &[San::parse(name).expect("a name")]).expect("a request").to_pem()
}

/// All work there is for the agent now.
pub(crate) async fn work(app: &App, agent: &TestAgent) -> Vec<WorkItem> {
    app.agent_work(&agent.caller(), Duration::ZERO, false).await.expect("work is answered")
}

/// Sends the requests that are asked for, so that what follows is deployments.
pub(crate) async fn send_requests(world: &TestWorld, agent: &TestAgent) {
    for item in work(&world.app, agent).await {
        let Task::Request { certificate, .. } = &item.task else { panic!("a request is asked for first") };
        let pem = csr(&certificate.common_name);
        let answer = world
            .app
            .agent_csr_submit(&agent.caller(), Some(&id(&item.job)), None, Some(item.job.lease_epoch), &pem)
            .await;
        answer.expect("the request is taken");
    }
}

pub(crate) fn id(job: &Job) -> JobId {
    JobId::parse(&job.id).expect("a job id")
}

pub(crate) async fn job(world: &TestWorld, id: &str) -> Job {
    certctl_jobs::job(&world.db.db, id).await.expect("the database answers").expect("the job is there")
}

/// The only open job of a certificate.
pub(crate) async fn open_job(world: &TestWorld, certificate: &CertificateId) -> Job {
    let open = certctl_jobs::open_of_certificates(&world.db.db, &[certificate.to_string()]).await.expect("read");
    assert_eq!(open.len(), 1, "{open:?}");
    open.into_iter().next().expect("one job")
}

pub(crate) async fn mapping(world: &TestWorld, certificate: &CertificateId, target: &TargetId) -> Mapping {
    certctl_store::mappings::get(&world.db.db, certificate, target).await.expect("read").expect("a mapping")
}

/// How often this is on record.
pub(crate) async fn told(world: &TestWorld, action: &str) -> usize {
    let window = Window { start: Start::Offset(0), limit: 500, count: Count::Exact };
    let filter = certctl_store::audit::Filter::default();
    let page = certctl_store::audit::list(&world.db.db, &filter, &window).await.expect("read");
    page.items.iter().filter(|event| event.action == action).count()
}

/// How often this waits to be told.
pub(crate) async fn announced(world: &TestWorld, topic: &str) -> usize {
    let waiting = certctl_store::outbox::oldest(&world.db.db, 500).await.expect("read");
    waiting.iter().filter(|entry| entry.topic == topic).count()
}

/// Changes rows as no use case would.
pub(crate) async fn damage(world: &TestWorld, sql: &str) {
    let txn = world.db.db.begin().await.expect("a transaction");
    txn.connection().execute_unprepared(sql).await.expect("the damage is done");
    txn.commit().await.expect("committed");
}

/// Every row of every table, in words.
pub(crate) async fn dump(world: &TestWorld) -> Vec<String> {
    let tables = match world.db.db.backend() {
        Backend::Sqlite => {
            "SELECT t.name, 'concat_ws(''|'', ' || group_concat('quote(' || c.name || ')') || ')' FROM sqlite_master t, \
             pragma_table_info(t.name) c WHERE t.type = 'table' GROUP BY t.name"
        }
        Backend::Postgres => {
            "SELECT tablename::text, tablename || '::text' FROM pg_tables WHERE schemaname = current_schema()"
        }
    };
    let mut rows = Vec::new();
    for table in texts(world, tables, 2).await {
        let (name, row) = (&table[0], &table[1]);
        let stored = texts(world, &format!("SELECT {row} FROM {name} ORDER BY 1"), 1).await;
        rows.extend(stored.iter().map(|row| format!("{name}: {}", row[0])));
    }
    assert!(!rows.is_empty(), "there is something to compare");
    rows
}

async fn texts(world: &TestWorld, sql: &str, columns: usize) -> Vec<Vec<String>> {
    let read = world.db.db.read();
    let rows = read.query_all_raw(Statement::from_string(read.get_database_backend(), sql)).await.expect("read");
    rows.iter().map(|row| (0..columns).map(|column| row.try_get_by_index(column).expect("a text")).collect()).collect()
}
