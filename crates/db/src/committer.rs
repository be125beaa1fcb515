//! The group committer: takes all units that wait, commits them in one transaction, answers each. While one COMMIT is on its way to
//! the disk the next group gathers, so the more load there is the more units share one write to the disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::connect::Writer;
use crate::group::Group;
use crate::notify::Notifier;
use crate::unit::Unit;
use crate::{Backend, DbError};

/// A unit and who waits for it.
pub(crate) struct Waiting {
    pub(crate) unit: Unit,
    pub(crate) answer: oneshot::Sender<Result<(), DbError>>,
}

pub(crate) type Queue = Arc<Mutex<mpsc::Receiver<Waiting>>>;

/// Commits groups until the queue is closed and empty.
pub(crate) async fn run(queue: Queue, writer: Writer, backend: Backend, rank: fn(&str) -> usize, notifier: Notifier) {
    let mut group = Group::new(backend, rank);
    let mut waiting = Vec::with_capacity(GROUP_MAX);
    loop {
        // The turn lasts until the group's COMMIT is sent: of two committers one writes rows while the other's are flushed to the disk,
        // and never both write rows, which would only make the groups smaller.
        let mut turn = queue.lock().await;
        if turn.recv_many(&mut waiting, GROUP_MAX).await == 0 {
            return;
        }
        let (units, answers): (Vec<Unit>, Vec<_>) = waiting.drain(..).map(|each| (each.unit, each.answer)).unzip();
        let outcomes = commit(&mut group, &writer, &units.iter().collect::<Vec<_>>(), turn).await;
        for ((unit, answer), outcome) in units.into_iter().zip(answers).zip(outcomes) {
            if outcome.is_ok() {
                notifier.wake(unit.wakes);
            }
            // Nobody waits any more when the caller was dropped; its writes stand all the same.
            let _ = answer.send(outcome);
        }
    }
}

async fn commit(group: &mut Group, writer: &Writer, units: &[&Unit], turn: impl Sized) -> Vec<Result<(), DbError>> {
    let mut turn = Some(turn);
    let everyone = |outcome: Result<(), DbError>| units.iter().map(|_| outcome.clone()).collect();
    let mut together = true;
    for attempt in 1.. {
        let error = if together {
            match group.together(writer, units, || drop(turn.take())).await {
                Ok(()) => return everyone(Ok(())),
                Err(error) => error,
            }
        } else {
            match group.apart(writer, units).await {
                Ok(outcomes) => return outcomes,
                Err(error) => error,
            }
        };
        // Apart, every unit has its own outcome, and an error of all concerns the transaction itself.
        if together && error.is_of_the_unit() {
            tracing::debug!(units = units.len(), %error, "a group did not go together");
            together = false;
        } else if !error.is_transient() || attempt >= ATTEMPTS_MAX {
            return everyone(Err(error));
        } else {
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }
    everyone(Err(DbError::Busy))
}

/// Most units of one commit: bounds how long the first of them waits.
const GROUP_MAX: usize = 256;
/// Tries of one group against deadlocks, locks and lost connections.
const ATTEMPTS_MAX: u32 = 5;
/// Wait before the second try; grows with each.
const PAUSE: Duration = Duration::from_millis(5);
