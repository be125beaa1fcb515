//! Who may call: API keys, the credentials of agents, and how the first administrator comes in.
//!
//! Start at [`Auth::authenticate`]. **Invariant:** a caller exists only as the answer of that function, or as
//! [`Caller::system`](crate::Caller::system), which no request can reach.

mod authenticate;
mod bootstrap;
mod certificate;
mod denied;
mod keys;
mod roles;
mod secret;
mod start;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use certctl_domain::ids::AgentId;
use moka::sync::Cache;
use secrecy::SecretString;

pub use authenticate::{ClientCertificate, Presented};
pub use bootstrap::FirstKey;
pub use keys::{KeyList, KeyView, MadeKey, NewKey, RotatedKey};
pub use secret::{KeyDigest, NewSecret, is_damaged};
pub use start::{EnvKey, NO_ADMINISTRATOR};

use crate::caller::Caller;
use crate::world::App;

/// What decides who may call. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    app: App,
    /// What keys stand for, no older than [`STALE_AFTER`].
    known: Cache<KeyDigest, Known>,
    /// What client certificates stand for, likewise.
    certificates: Cache<[u8; 32], Known>,
    /// Denials noted in the last minute.
    noted: Cache<String, ()>,
    /// Keys whose use was noted in the last minute.
    touched: Cache<KeyDigest, ()>,
    /// What the first administrator comes in with.
    bootstrap_token: OnceLock<SecretString>,
}

/// What a credential stands for.
#[derive(Clone)]
enum Known {
    /// A caller, but for where the request came from.
    Caller(Arc<Caller>),
    /// An agent that was retired.
    Retired(AgentId),
}

impl Auth {
    /// Decides over the keys and agents of this application.
    #[must_use]
    pub fn new(app: App) -> Self {
        let inner = Inner {
            app,
            known: kept_for(STALE_AFTER),
            certificates: kept_for(STALE_AFTER),
            noted: kept_for(NOTED_EVERY),
            touched: kept_for(NOTED_EVERY),
            bootstrap_token: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The application whose callers these are.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.inner.app
    }

    /// Forgets what credentials stand for. Called when a key, a grant or an agent changes here or on another replica.
    pub fn forget(&self) {
        self.inner.known.invalidate_all();
        self.inner.certificates.invalidate_all();
    }

    /// Hears of such changes on all replicas, and forgets repeated requests that are over; runs until dropped.
    pub async fn watch(&self) {
        let mut wakes = self.inner.app.db().notifier().subscribe();
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            tokio::select! {
                wake = wakes.next() => {
                    if wake.topic.is_empty() || wake.topic == certctl_store::keys::CHANGED {
                        self.forget();
                    }
                }
                _ = prune.tick() => {
                    if let Err(error) = self.inner.app.answers_prune().await {
                        tracing::debug!(%error, "repeated requests that are over were not forgotten yet");
                    }
                }
            }
        }
    }
}

fn kept_for<K, V>(time: Duration) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(time).build()
}

/// A lost wake-up is made good after this.
const STALE_AFTER: Duration = Duration::from_secs(5);
/// Denials and uses are written down at most this often.
const NOTED_EVERY: Duration = Duration::from_secs(60);
const PRUNE_EVERY: Duration = Duration::from_secs(600);
const ENTRIES_MAX: u64 = 20_000;
