//! The application on a database of its own, with a clock that stands still until it is told.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use certctl_app::certificates::NewCertificate;
use certctl_app::configuration::Catalogue;
use certctl_app::{
    App, CaMaterial, Caller, Clock, EngineFactory, Error, Randomness, Seal, Settings, SystemRandomness, World,
};
use certctl_connector::{ConfigSchema, ConnectorError, Engine, SharedIssuer};
use certctl_db::{Backend, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::Origin;
use certctl_domain::ids::{IdSource, IssuerId, OwnerId, PolicyId, ProfileId, TeamId};
use certctl_domain::issuer::{Issuer, LOCAL_CA, agents_issuer, local_issuer};
use certctl_domain::ownership::{Owner, Team};
use certctl_domain::permission::Role;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::{Profile, ProfileRules};
use certctl_issuers::local::{KeptCa, LocalConfig, from_row};
use certctl_pki::Timestamp;
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::db::TestDb;

/// Where virtual time begins: 2027-01-15, when public lifetimes are 100 days.
pub const BEGIN: i64 = 1_800_000_000;

/// A clock that moves when it is told.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Moves on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("a test spans less than ages"), Ordering::SeqCst);
    }

    /// Moves to an instant that is not in the past.
    pub fn set(&self, at: Timestamp) {
        self.0.fetch_max(at.unix_micros(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Ids in order, the same in every run of one test.
#[derive(Debug)]
struct TestIds {
    clock: Arc<TestClock>,
    next: AtomicU64,
}

impl IdSource for TestIds {
    fn ulid(&self) -> Ulid {
        let millis = u64::try_from(self.clock.now().unix_micros() / 1000).expect("after 1970");
        Ulid::from_parts(millis, u128::from(self.next.fetch_add(1, Ordering::SeqCst)))
    }
}

/// Seals to the place without hiding anything: what was sealed elsewhere does not open.
struct TestSeal;

impl Seal for TestSeal {
    fn seal(&self, table: &str, column: &str, row: &str, plain: &[u8]) -> certctl_app::Result<Vec<u8>> {
        Ok([format!("{table}|{column}|{row}|").as_bytes(), plain].concat())
    }

    fn open(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> certctl_app::Result<Zeroizing<Vec<u8>>> {
        let place = format!("{table}|{column}|{row}|");
        let plain = sealed.strip_prefix(place.as_bytes()).ok_or_else(|| Error::internal("sealed for another place"))?;
        Ok(Zeroizing::new(plain.to_vec()))
    }
}

/// Makes the local CA, and whatever outside issuers a test brings.
struct TestEngines {
    clock: Arc<TestClock>,
    outside: Mutex<Vec<(IssuerId, SharedIssuer)>>,
}

impl EngineFactory for TestEngines {
    fn build(&self, issuer: &Issuer, config: &str, ca: Option<CaMaterial>) -> Result<Engine, ConnectorError> {
        let outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = outside.iter().find(|(id, _)| *id == issuer.id) {
            return Ok(Engine::External { kind: "Test", issuer: Arc::clone(connector) });
        }
        let config = LocalConfig::parse(&serde_json::from_str(config).expect("a stored configuration is JSON"))?;
        let ca = ca.expect("a local CA was made before it signs");
        let kept =
            KeptCa { id: ca.id, certificate: ca.certificate, root: ca.root, key: ca.key.expect("its key is kept") };
        from_row(&config, &kept, self.clock.now())
    }
}

/// The application, its clock and its database.
pub struct TestWorld {
    /// The use cases.
    pub app: App,
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its database.
    pub db: TestDb,
    engines: Arc<TestEngines>,
    ids: Arc<TestIds>,
}

impl TestWorld {
    /// A world with one team and owner `t`, profile `prof-test` (90 days, P-256 upward), policy `rp-test`, and the local CA;
    /// `None` (noted as skipped) without a PostgreSQL to put it on.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn open(backend: Backend) -> Option<Self> {
        let db = TestDb::open(backend).await?;
        let clock = Arc::new(TestClock(AtomicI64::new(BEGIN * 1_000_000)));
        let ids = Arc::new(TestIds { clock: Arc::clone(&clock), next: AtomicU64::new(1) });
        let engines = Arc::new(TestEngines { clock: Arc::clone(&clock), outside: Mutex::new(Vec::new()) });
        let app = App::new(world(&db, &clock, &ids, &engines), settings("server-a"));
        let this = Self { app, clock, db, engines, ids };
        this.seed().await;
        Some(this)
    }

    /// Another replica on the same database: its own connections, caches and name.
    ///
    /// # Panics
    /// When it cannot connect.
    pub async fn replica(&self, worker: &str) -> App {
        self.replica_with(worker, |_| {}).await
    }

    /// The same with settings of its own.
    ///
    /// # Panics
    /// When it cannot connect.
    pub async fn replica_with(&self, worker: &str, edit: impl FnOnce(&mut Settings)) -> App {
        let mut world = world(&self.db, &self.clock, &self.ids, &self.engines);
        world.db = self.db.again().await;
        let mut settings = settings(worker);
        edit(&mut settings);
        App::new(world, settings)
    }

    /// The same application with further types of target.
    #[must_use]
    pub fn app_with_targets(&self, further: &[ConfigSchema]) -> App {
        let mut world = world(&self.db, &self.clock, &self.ids, &self.engines);
        world.catalogue.targets.extend_from_slice(further);
        App::new(world, settings("server-a"))
    }

    /// What is asked for the certificate `name` of `name.example` at the local CA, under the profile and policy of tests.
    #[must_use]
    pub fn wanted(name: &str) -> NewCertificate {
        NewCertificate {
            name: name.to_owned(),
            common_name: format!("{name}.example"),
            owner_id: "t".into(),
            team_id: "t".into(),
            issuer_id: "iss-local".into(),
            renewal_policy_id: "rp-test".into(),
            certificate_profile_id: Some("prof-test".into()),
            ..NewCertificate::default()
        }
    }

    /// A person with all rights.
    #[must_use]
    pub fn admin(&self) -> Caller {
        self.person("alice", Role::Admin)
    }

    /// A person with one role.
    #[must_use]
    pub fn person(&self, name: &str, role: Role) -> Caller {
        let actor = Actor { id: name.to_owned(), kind: ActorType::ApiKey };
        Caller::new(actor, Person(name.to_owned()), vec![role], Origin::default())
    }

    /// Adds an issuer outside.
    ///
    /// # Panics
    /// When its row cannot be written.
    pub async fn outside_issuer(&self, id: &'static str, connector: SharedIssuer) {
        let id = IssuerId::fixed(id);
        self.engines.outside.lock().unwrap_or_else(PoisonError::into_inner).push((id.clone(), connector));
        let mut unit = Unit::new();
        certctl_store::issuers::insert(&mut unit, &issuer(id, "Test", false, self.clock.now()));
        self.db.db.commit(unit).await.expect("an issuer");
    }

    /// Writes a profile.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn profile(&self, id: &'static str, edit: impl FnOnce(&mut ProfileRules)) {
        let now = self.clock.now();
        let mut rules = ProfileRules::named(id);
        edit(&mut rules);
        let profile = Profile { id: ProfileId::fixed(id), rules, created_at: now, updated_at: now, revision: 1 };
        let mut unit = Unit::new();
        certctl_store::profiles::insert(&mut unit, &profile);
        self.db.db.commit(unit).await.expect("a profile");
    }

    /// Runs loops and jobs until none has anything left to do now.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn settle(&self) {
        while self.app.pass_all().await.expect("a pass") + self.app.run_due().await.expect("jobs") > 0 {}
    }

    async fn seed(&self) {
        let now = self.clock.now();
        let mut unit = Unit::new();
        let team = Team {
            id: TeamId::fixed("t"),
            name: "t".into(),
            description: String::new(),
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        certctl_store::teams::insert(&mut unit, &team);
        let owner = Owner {
            id: OwnerId::fixed("t"),
            name: "t".into(),
            email: "t@example.org".into(),
            team_id: team.id,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        certctl_store::owners::insert(&mut unit, &owner);
        certctl_store::policies::insert(&mut unit, &policy(now));
        for (id, internal) in [(local_issuer(), false), (agents_issuer(), true)] {
            certctl_store::issuers::insert(&mut unit, &issuer(id, LOCAL_CA, internal, now));
        }
        self.db.db.commit(unit).await.expect("the seed");
        self.profile("prof-test", |_| ()).await;
        self.app.ca_ensure(&local_issuer(), "Test").await.expect("the local CA");
        self.app.ca_ensure(&agents_issuer(), "Test Agents").await.expect("the agents' CA");
    }
}

fn world(db: &TestDb, clock: &Arc<TestClock>, ids: &Arc<TestIds>, engines: &Arc<TestEngines>) -> World {
    World {
        db: db.db.clone(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        ids: Arc::clone(ids) as Arc<dyn IdSource>,
        randomness: Arc::new(SystemRandomness) as Arc<dyn Randomness>,
        seal: Arc::new(TestSeal),
        engines: Arc::clone(engines) as Arc<dyn EngineFactory>,
        catalogue: Catalogue {
            issuers: certctl_issuers::schemas().to_vec(),
            targets: certctl_targets::schemas().iter().map(|schema| **schema).collect(),
        },
    }
}

fn settings(worker: &str) -> Settings {
    Settings {
        worker: worker.to_owned(),
        answer_within: Duration::from_millis(200),
        test_within: Duration::from_millis(200),
        ..Settings::default()
    }
}

fn policy(now: Timestamp) -> RenewalPolicy {
    RenewalPolicy {
        id: PolicyId::fixed("rp-test"),
        name: "test".into(),
        renewal_window_days: 30,
        auto_renew: true,
        max_retries: 3,
        retry_interval_seconds: 60,
        alert_thresholds_days: vec![30, 14, 7, 0],
        alert_channels: std::collections::BTreeMap::new(),
        alert_severity_map: std::collections::BTreeMap::new(),
        certificate_profile_id: None,
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

fn issuer(id: IssuerId, kind: &str, internal: bool, now: Timestamp) -> Issuer {
    Issuer {
        name: id.to_string(),
        id,
        kind: kind.to_owned(),
        config: "{}".to_owned(),
        sealed_config: None,
        enabled: true,
        internal,
        source: "database".to_owned(),
        test_status: "untested".to_owned(),
        last_tested_at: None,
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}
