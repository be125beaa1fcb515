//! The application on a database of its own, and what every test asks of it.

use std::time::Duration;

use certctl_app::jobs::Job;
use certctl_app::list::{Count, LIMIT_DEFAULT, Start, Window};
use certctl_app::{App, Caller, Error};
use certctl_connector::schema::{ConfigSchema, Field, Kind};
use certctl_db::{Backend, Db, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::Origin;
use certctl_domain::permission::Role;
use certctl_testkit::world::TestWorld;

/// Everything a test needs.
pub(crate) struct Fixture {
    pub(crate) app: App,
    world: TestWorld,
}

impl Fixture {
    /// An application with its first rows, or `None` where the back end is not to be had.
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let world = TestWorld::open(backend).await?;
        let app = world.app_with_targets(&[VAULTED]);
        app.seed().await.expect("the first rows are added");
        Some(Self { app, world })
    }

    pub(crate) fn db(&self) -> &Db {
        &self.world.db.db
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.world.clock.advance(time);
    }

    /// Puts what a unit declares on record.
    pub(crate) async fn commit(&self, declare: impl FnOnce(&mut Unit)) {
        let mut unit = Unit::new();
        declare(&mut unit);
        self.db().commit(unit).await.expect("the fixture is accepted");
    }

    pub(crate) async fn job(&self, id: &str) -> Job {
        certctl_jobs::job(self.db(), id).await.expect("the database answers").expect("the job is there")
    }

    /// The actions on record, oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        use certctl_db::sea_orm::{ConnectionTrait, Statement};
        let db = self.db().read();
        let sql = "SELECT action FROM audit_events ORDER BY occurred_at, id";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
        rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
    }
}

/// A person with a role, under a key of their own.
pub(crate) fn person(name: &str, role: Role) -> Caller {
    let actor = Actor { id: format!("{name}-key"), kind: ActorType::ApiKey };
    Caller::new(actor, Person(name.to_owned()), vec![role], Origin::default())
}

pub(crate) fn admin() -> Caller {
    person("ada", Role::Admin)
}

pub(crate) fn first_page() -> Window {
    Window { start: Start::Offset(0), limit: LIMIT_DEFAULT, count: Count::Bounded }
}

/// The fields that were refused, in order.
#[track_caller]
pub(crate) fn refused_fields<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<String> {
    match result {
        Err(Error::Refused(refusals)) => refusals.0.into_iter().map(|refusal| refusal.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

/// The code of a conflict.
#[track_caller]
pub(crate) fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Conflict { code, .. }) => code,
        other => panic!("no conflict: {other:?}"),
    }
}

/// A type of target with a secret and the place it is sent to.
const VAULTED: ConfigSchema = ConfigSchema {
    connector: "Vaulted",
    fields: &[
        Field::required("host", Kind::HostPort, "Where.").endpoint(),
        Field::required("password", Kind::Text, "Secret.").secret(),
        Field::optional("port_name", Kind::Text, "Label."),
    ],
};
