//! An application on a database of its own, on a clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use certctl_app::jobs::Job;
use certctl_app::list::{Count, LIMIT_DEFAULT, Start, Window};
use certctl_app::{
    App, CaMaterial, Caller, Catalogue, Clock, EngineFactory, Error, Randomness, Seal, Settings, SystemIds, World,
};
use certctl_connector::issuer::{IssueRequest, IssuerCapabilities, NameKinds, OrderRef, Outcome};
use certctl_connector::schema::{ConfigSchema, Field, Kind};
use certctl_connector::{ConnectorError, Cx, Engine, ErrorClass, ProbeReport};
use certctl_db::{Backend, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::Origin;
use certctl_domain::issuer::{Issuer, local_issuer};
use certctl_domain::permission::Role;
use certctl_pki::{ExtendedKeyUsage, KeyAlgorithm, Timestamp};
use certctl_testkit::db::TestDb;
use zeroize::Zeroizing;

/// Everything a test needs.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) database: TestDb,
}

impl Fixture {
    /// A seeded application, or `None` where the back end is not to be had.
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let database = TestDb::open(backend).await?;
        let clock = Arc::new(StillClock(Mutex::new(Timestamp::from_unix_secs(1_800_000_000))));
        let randomness = Arc::new(Counting(Mutex::new(0)));
        let world = World {
            db: database.db.clone(),
            clock: clock.clone(),
            ids: Arc::new(SystemIds::new(clock.clone(), randomness.clone())),
            randomness,
            seal: Arc::new(Backwards),
            engines: Arc::new(NoEngines),
            catalogue: Catalogue { issuers: vec![LOCAL], targets: vec![FILE, VAULTED] },
        };
        let app = App::new(world, Settings::default());
        app.seed().await.expect("the first rows are added");
        Some(Self { app, clock, database })
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.clock.0.lock().expect("no test panics with the clock in hand");
        *now += time;
    }

    /// Puts what a unit declares on record.
    pub(crate) async fn commit(&self, declare: impl FnOnce(&mut Unit)) {
        let mut unit = Unit::new();
        declare(&mut unit);
        self.database.db.commit(unit).await.expect("the fixture is accepted");
    }

    pub(crate) async fn job(&self, id: &str) -> Job {
        certctl_jobs::job(&self.database.db, id).await.expect("the database answers").expect("the job is there")
    }

    /// The actions on record, oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        use certctl_db::sea_orm::{ConnectionTrait, Statement};
        let db = self.database.db.read();
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

pub(crate) struct StillClock(Mutex<Timestamp>);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no test panics with the clock in hand")
    }
}

/// Bytes that differ from call to call and grow, so that ids sort in the order they are made.
struct Counting(Mutex<u64>);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut count = self.0.lock().expect("no test panics while it counts");
        *count += 1;
        bytes.fill(0);
        let number = count.to_be_bytes();
        // The first bits of 128 are cut off in a ULID, and the last are the fastest to change.
        let at = bytes.len().saturating_sub(number.len());
        let least = number.len().saturating_sub(bytes.len());
        bytes[at..].copy_from_slice(&number[least..]);
    }
}

/// "Seals" by naming the place and turning the bytes round: enough to see that the plain text is not stored.
struct Backwards;

impl Seal for Backwards {
    fn seal(&self, table: &str, column: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = format!("{table}.{column}.{row}:").into_bytes();
        sealed.extend(plain.iter().rev());
        Ok(sealed)
    }

    fn open(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let place = format!("{table}.{column}.{row}:");
        let turned =
            sealed.strip_prefix(place.as_bytes()).ok_or_else(|| Error::internal("sealed for another place"))?;
        Ok(Zeroizing::new(turned.iter().rev().copied().collect()))
    }
}

/// Engines that are there and sign nothing: of `iss-local` one that is never asked, of any other an error that tells what it
/// would have been built from.
struct NoEngines;

impl EngineFactory for NoEngines {
    fn build(&self, issuer: &Issuer, _: &str, ca: Option<CaMaterial>) -> Result<Engine, ConnectorError> {
        if issuer.id == local_issuer() {
            return Ok(Engine::External { kind: "Silent", issuer: Arc::new(Silent) });
        }
        let found = if ca.is_some() { "with its authorities" } else { "without authorities" };
        Err(ConnectorError::new(ErrorClass::Config, "GenericCA", "build", format!("{} {found}", issuer.id)))
    }
}

struct Silent;

impl Silent {
    fn unasked<T>() -> Result<T, ConnectorError> {
        Err(ConnectorError::new(
            ErrorClass::Internal,
            "Silent",
            "issue",
            "nobody may ask before a second person agreed",
        ))
    }
}

#[async_trait::async_trait]
impl certctl_connector::Issuer for Silent {
    async fn issue(&self, _: &Cx, _: &IssueRequest) -> Result<Outcome, ConnectorError> {
        Self::unasked()
    }

    async fn poll(&self, _: &Cx, _: &OrderRef) -> Result<Outcome, ConnectorError> {
        Self::unasked()
    }

    async fn test(&self, _: &Cx) -> Result<ProbeReport, ConnectorError> {
        Self::unasked()
    }

    fn capabilities(&self) -> IssuerCapabilities {
        IssuerCapabilities {
            key_algorithms: KeyAlgorithm::ALL.to_vec(),
            extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
            names: NameKinds { dns: true, wildcard: true, ip: true, email: true, uri: true },
            lifetime_max: None,
            honours_validity: true,
            must_staple: true,
        }
    }
}

const LOCAL: ConfigSchema = ConfigSchema {
    connector: "GenericCA",
    fields: &[
        Field::optional("ca_common_name", Kind::Text, "Name."),
        Field::optional("validity_days", Kind::Integer(1, 3650), "Days."),
        Field::optional("ca_cert_path", Kind::Path, "Certificate."),
    ],
};

const FILE: ConfigSchema = ConfigSchema {
    connector: "File",
    fields: &[Field::required("cert_path", Kind::Path, "Where."), Field::optional("mode", Kind::Mode, "Mode.")],
};

/// A type with a secret and the place it is sent to.
const VAULTED: ConfigSchema = ConfigSchema {
    connector: "Vaulted",
    fields: &[
        Field::required("host", Kind::HostPort, "Where.").endpoint(),
        Field::required("password", Kind::Text, "Secret.").secret(),
        Field::optional("port_name", Kind::Text, "Label."),
    ],
};
