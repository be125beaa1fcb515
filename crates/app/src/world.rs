//! The application and what it takes from the world: clock, ids, randomness, database, settings. All are arguments, so that
//! a test or a simulation runs the same code on virtual time.

use std::sync::Arc;
use std::time::Duration;

use certctl_db::{Db, DbError, Unit};
use certctl_domain::audit::Event;
use certctl_domain::ids::IdSource;
use certctl_pki::Timestamp;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::cache::Caches;
use crate::caller::Caller;
use crate::configuration::Catalogue;
use crate::engine::EngineFactory;
use crate::error::{Error, Result};
use crate::reconcile::Places;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives unpredictable bytes.
pub trait Randomness: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Random bytes from the cryptographic provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system's random generator works");
    }
}

/// ULIDs from a clock and a source of randomness.
pub struct SystemIds {
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

impl SystemIds {
    /// Ids whose time part is the clock's.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>) -> Self {
        Self { clock, randomness }
    }
}

impl IdSource for SystemIds {
    fn ulid(&self) -> Ulid {
        let mut bytes = [0; 16];
        self.randomness.fill(&mut bytes);
        let millis = u64::try_from(self.clock.now().unix_micros() / 1000).unwrap_or_default();
        Ulid::from_parts(millis, u128::from_be_bytes(bytes))
    }
}

/// What the operator may set for the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of this process in leases.
    pub worker: String,
    /// How long a worker may be silent before its work is given to another.
    pub lease: Duration,
    /// How long an agent may be silent before its work is offered again.
    pub agent_lease: Duration,
    /// How long a job waits for a CSR.
    pub csr_timeout: Duration,
    /// How long a job waits for approval.
    pub approval_timeout: Duration,
    /// How long an external issuer may take.
    pub order_timeout: Duration,
    /// Jobs run at the same time by this process.
    pub concurrency: usize,
    /// Static enrolment tokens; empty closes that door.
    pub agent_bootstrap_tokens: Vec<secrecy::SecretString>,
    /// Whether a static token re-enrols a known name.
    pub agent_reenroll: bool,
    /// How long a request that issues waits for the issuer before it answers 202.
    pub answer_within: Duration,
    /// How long a test of a target waits for the agent before it answers that the result is pending.
    pub test_within: Duration,
    /// How long a test of a target waits for its agent before it has failed.
    pub test_timeout: Duration,
    /// Longest pause between two looks for due renewals.
    pub renewal_check: Duration,
    /// Longest pause between two looks for work whose lease ran out.
    pub recover_check: Duration,
    /// Longest pause between two looks for jobs that have waited too long.
    pub timeout_check: Duration,
    /// Longest pause between two looks for runnable jobs.
    pub job_check: Duration,
    /// Jobs that one look claims at most.
    pub claim_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            worker: "server".to_owned(),
            lease: Duration::from_secs(60),
            agent_lease: Duration::from_secs(90),
            csr_timeout: Duration::from_secs(24 * 3600),
            approval_timeout: Duration::from_secs(168 * 3600),
            order_timeout: Duration::from_secs(7 * 24 * 3600),
            concurrency: 25,
            agent_bootstrap_tokens: Vec::new(),
            agent_reenroll: false,
            answer_within: Duration::from_secs(10),
            test_within: Duration::from_secs(25),
            test_timeout: Duration::from_secs(300),
            renewal_check: Duration::from_secs(3600),
            recover_check: Duration::from_secs(300),
            timeout_check: Duration::from_secs(600),
            job_check: Duration::from_secs(30),
            claim_max: 1000,
        }
    }
}

/// Seals secrets of rows, each to its place: what was sealed for one row opens for no other.
pub trait Seal: Send + Sync {
    /// Seals `plain` for a column of a row.
    ///
    /// # Errors
    /// [`Error::Internal`] when no key can be used.
    fn seal(&self, table: &str, column: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>>;

    /// Opens what was sealed for that very place.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was sealed for another place, with another key, or changed since.
    fn open(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>>;
}

/// Everything the use cases take from outside.
#[derive(Clone)]
pub struct World {
    /// The database.
    pub db: Db,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives ids.
    pub ids: Arc<dyn IdSource>,
    /// Gives unpredictable bytes.
    pub randomness: Arc<dyn Randomness>,
    /// Seals secrets.
    pub seal: Arc<dyn Seal>,
    /// Makes engines that sign.
    pub engines: Arc<dyn EngineFactory>,
    /// The connectors that this build links.
    pub catalogue: Catalogue,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    world: World,
    settings: Settings,
    caches: Caches,
    places: Places,
    leaving: CancellationToken,
}

impl App {
    /// Puts the application together.
    #[must_use]
    pub fn new(world: World, settings: Settings) -> Self {
        let leaving = CancellationToken::new();
        Self { inner: Arc::new(Inner { world, settings, caches: Caches::new(), places: Places::default(), leaving }) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.world.clock.now()
    }

    /// Where fresh ids come from.
    #[must_use]
    pub fn ids(&self) -> &dyn IdSource {
        self.inner.world.ids.as_ref()
    }

    /// Unpredictable bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.inner.world.randomness.fill(&mut bytes);
        bytes
    }

    /// This process is about to stop: requests that wait for something to happen answer at once that nothing has.
    pub fn leave(&self) {
        self.inner.leaving.cancel();
    }

    /// Returns when this process is about to stop.
    pub(crate) async fn leaving(&self) {
        self.inner.leaving.cancelled().await;
    }

    /// What the operator set.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.inner.world.db
    }

    pub(crate) fn sealer(&self) -> &dyn Seal {
        self.inner.world.seal.as_ref()
    }

    pub(crate) fn factory(&self) -> &dyn EngineFactory {
        self.inner.world.engines.as_ref()
    }

    /// The connectors that this build links.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.world.catalogue
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }

    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    /// A random share between 0 and 1.
    pub(crate) fn spread(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.random())) / f64::from(u32::MAX)
    }

    pub(crate) fn lease_until(&self) -> i64 {
        (self.now() + self.settings().lease).unix_micros()
    }

    /// Commits a unit of work.
    pub(crate) async fn commit(&self, unit: Unit) -> Result<()> {
        self.db().commit(unit).await.map_err(Error::from)
    }

    /// Commits; false when somebody else was first.
    pub(crate) async fn commit_or_moved(&self, unit: Unit) -> Result<bool> {
        match self.db().commit(unit).await {
            Ok(()) => Ok(true),
            Err(DbError::Moved { .. } | DbError::Unique { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds the audit event of what the caller does to the unit that does it.
    pub(crate) fn audit(&self, unit: &mut Unit, caller: &Caller, event: Event) {
        certctl_store::audit::append(unit, &caller.record(self, event));
    }
}
