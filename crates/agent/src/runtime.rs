//! What all tasks of the agent share.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use certctl_targets::Site;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    journal::{Journal, Work},
    keys::Keys,
    link::Link,
    outbox::Outbox,
};

/// Jobs done at the same time.
pub const WORKERS: usize = 4;

/// The agent at work.
pub(crate) struct Runtime {
    pub(crate) link: Link,
    pub(crate) site: Arc<Site>,
    pub(crate) keys: Keys,
    pub(crate) journal: Arc<Journal>,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) state_dir: PathBuf,
    pub(crate) hostname: String,
    pub(crate) poll_interval: Duration,
    pub(crate) heartbeat_interval: Duration,
    /// No new work is begun once this is cancelled; what is under way ends.
    pub(crate) stop: CancellationToken,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) jobs: TaskTracker,
    /// Jobs under way, with the newest lease each is held under.
    pub(crate) busy: Mutex<HashMap<String, i64>>,
    pub(crate) targets: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
}

impl Runtime {
    /// One job per target at a time; the lock of this one.
    pub(crate) fn turn(&self, target: &str) -> Arc<AsyncMutex<()>> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|_, lock| Arc::strong_count(lock) > 1);
        targets.entry(target.to_owned()).or_default().clone()
    }

    /// Takes a job up under a lease; `false` when it is under way already. Then it goes on under the newer lease: the older
    /// one ran out while the server could not be reached.
    pub(crate) fn take_up(&self, work: &Work) -> bool {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        match busy.get_mut(&work.job) {
            Some(epoch) => {
                *epoch = work.epoch.max(*epoch);
                false
            }
            None => busy.insert(work.job.clone(), work.epoch).is_none(),
        }
    }

    /// The job under the newest lease it is held under.
    pub(crate) fn held(&self, work: &Work) -> Work {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        Work { job: work.job.clone(), epoch: busy.get(&work.job).copied().unwrap_or(work.epoch) }
    }

    /// Whether no job is under way and every result was taken: what is still to be reported must not be given out again.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).is_empty() && self.journal.owed().is_empty()
    }

    pub(crate) fn put_down(&self, work: &Work) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&work.job);
    }

    /// Sleeps; `false` when the agent stops meanwhile.
    pub(crate) async fn sleep(&self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.stop.cancelled() => false,
        }
    }
}
