//! The loops: each runs on one replica at a time, under a lease with an epoch, woken and periodic. The set of loops is fixed
//! before any of them starts.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use certctl_db::Unit;
use certctl_jobs::schedule::{self, LoopLease};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::reconcile::Report;
use crate::world::{App, Settings};

/// Topic of the wake that says "look": something a reconciler follows has changed.
pub const LOOK: &str = "reconcile";
/// How long a replica may be silent before another takes its loops.
const LEASE: Duration = Duration::from_secs(15);
/// A pass that found more to do than fits is followed by the next one at once; otherwise this is the shortest pause.
const SHORTEST: Duration = Duration::from_millis(200);

/// The pause after a full page of which no row moved.
const PAGE_OF_NONE: Duration = Duration::from_secs(1);

type Pass = for<'a> fn(&'a App) -> Pin<Box<dyn Future<Output = Result<Report>> + Send + 'a>>;

/// One loop.
#[derive(Clone, Copy)]
pub struct Loop {
    /// Its name, also of its lease and in the metrics.
    pub name: &'static str,
    /// The pause between two passes; the settings may ask for a shorter one.
    pub every: Duration,
    longest: fn(&Settings) -> Duration,
    pass: Pass,
}

/// All loops of the product.
#[must_use]
pub fn loops() -> Vec<Loop> {
    let every = Duration::from_secs;
    vec![
        Loop {
            name: "renewal",
            every: every(1),
            longest: |set| set.renewal_check,
            pass: |app| Box::pin(app.renewal_pass()),
        },
        Loop {
            name: "deployment",
            every: every(2),
            longest: |_| Duration::MAX,
            pass: |app| Box::pin(app.deployment_pass()),
        },
        Loop {
            name: "recover",
            every: every(2),
            longest: |set| set.recover_check,
            pass: |app| Box::pin(app.recover_pass()),
        },
        Loop {
            name: "reserved",
            every: every(30),
            longest: |_| Duration::MAX,
            pass: |app| Box::pin(app.reserved_pass()),
        },
        Loop {
            name: "csr_timeout",
            every: every(60),
            longest: |set| set.timeout_check,
            pass: |app| Box::pin(app.csr_timeout_pass()),
        },
        Loop {
            name: "test_timeout",
            every: every(60),
            longest: |set| set.timeout_check,
            pass: |app| Box::pin(app.test_timeout_pass()),
        },
        Loop {
            name: "approval_expiry",
            every: every(60),
            longest: |set| set.timeout_check,
            pass: |app| Box::pin(app.approval_expiry_pass()),
        },
        Loop { name: "outbox", every: every(2), longest: |_| Duration::MAX, pass: |app| Box::pin(app.outbox_pass()) },
    ]
}

impl App {
    /// One pass of every loop, in order, whoever holds the leases. For tests on virtual time.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn pass_all(&self) -> Result<usize> {
        let mut moved = 0;
        for one in loops() {
            moved += (one.pass)(self).await?.moved;
        }
        Ok(moved)
    }

    /// Runs all loops until told to stop.
    pub async fn run_loops(&self, stop: CancellationToken) {
        let runs = loops().into_iter().map(|one| self.run_loop(one, stop.clone()));
        let caches = self.follow_config(stop.clone());
        futures::future::join(futures::future::join_all(runs), caches).await;
    }

    /// Empties the caches when another replica changes configuration.
    async fn follow_config(&self, stop: CancellationToken) {
        let mut wakes = self.db().notifier().subscribe();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.next() => {
                    if wake.topic.is_empty() || wake.topic == crate::cache::CONFIG {
                        self.config_changed();
                    }
                }
            }
        }
    }

    async fn run_loop(&self, mut one: Loop, stop: CancellationToken) {
        one.every = one.every.min((one.longest)(self.settings()));
        let mut wakes = self.db().notifier().subscribe();
        let mut held = None;
        while !stop.is_cancelled() {
            let pause = match self.loop_turn(one, &mut held).await {
                Ok(Some(report)) if report.more && report.moved > 0 => SHORTEST,
                // Rows that stay where they are: the next page is looked at soon, and without haste.
                Ok(Some(report)) if report.more => one.every.min(PAGE_OF_NONE),
                Ok(_) => one.every,
                Err(error) => {
                    tracing::warn!("loop {} failed: {error}", one.name);
                    one.every.max(SHORTEST)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = crate::wake::heard(&mut wakes, LOOK) => {}
            }
        }
    }

    /// One pass, if this replica holds the lease of the loop or can take it.
    async fn loop_turn(&self, one: Loop, held: &mut Option<LoopLease>) -> Result<Option<Report>> {
        let started = self.now();
        let life = LEASE.max(one.every * 3);
        // A lease is taken again when half of it is over: an idle loop costs no write per turn.
        if held.as_ref().is_none_or(|lease| lease.expires_at < (started + life / 2).unix_micros()) {
            let until = (started + life).unix_micros();
            *held =
                schedule::acquire(self.db(), one.name, &self.settings().worker, started.unix_micros(), until).await?;
        }
        let Some(lease) = held.as_ref() else { return Ok(None) };
        let outcome = (one.pass)(self).await;
        if !self.loop_record(lease, started, &outcome).await? {
            *held = None;
        }
        outcome.map(Some)
    }

    async fn loop_record(
        &self,
        lease: &LoopLease,
        started: certctl_pki::Timestamp,
        outcome: &Result<Report>,
    ) -> Result<bool> {
        let now = self.now();
        let seconds = now.duration_since(started).as_secs_f64();
        metrics::histogram!("certctl_loop_duration_seconds", "loop" => lease.name.clone()).record(seconds);
        if let Ok(report) = outcome {
            if report.failed > 0 {
                let failed = u64::try_from(report.failed).unwrap_or(u64::MAX);
                metrics::counter!("certctl_loop_rows_failed_total", "loop" => lease.name.clone()).increment(failed);
            }
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for ages")]
            metrics::gauge!("certctl_loop_last_success_timestamp", "loop" => lease.name.clone())
                .set(now.unix_secs() as f64);
            if report.seen == 0 {
                return Ok(true);
            }
        }
        let error = outcome.as_ref().err().map(ToString::to_string);
        let mut unit = Unit::new();
        schedule::record_run(&mut unit, lease, started.unix_micros(), now.unix_micros(), error.as_deref());
        self.commit_or_moved(unit).await
    }
}
