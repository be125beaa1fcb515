//! Requests that are repeated under a key of the client's get the first answer again, for a day.

use std::time::Duration;

use certctl_db::{DbError, Unit};
use certctl_store::idempotency::{self, Answer, Remembered};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// What to do with a request that carries a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is the first: do it, then call [`App::answer_keep`] or [`App::answer_release`].
    First,
    /// It was answered before, with this status and text.
    Again {
        /// The status.
        status: u16,
        /// What [`App::answer_keep`] was given.
        text: String,
    },
}

impl App {
    /// Takes the key for a request, known by a digest of all that it asks for.
    ///
    /// # Errors
    /// [`Error::Refused`] when the key was used for another request; [`Error::Conflict`] while the first one is under way.
    pub async fn answer_reserve(&self, caller: &Caller, key: &str, digest: &str) -> Result<Repeat> {
        let now = self.now();
        let found = idempotency::find(self.db(), key, &caller.actor).await?;
        let mut unit = Unit::new();
        match found {
            Some(old) if old.created_at + self.patience(&old) <= now => {
                idempotency::release(&mut unit, key, &caller.actor, old.created_at);
            }
            Some(known) if known.request_hash != digest => {
                let message = "was used for another request; take a fresh key for each";
                return Err(Error::refused("Idempotency-Key", message));
            }
            Some(Remembered { answer: Some(answer), .. }) => {
                return Ok(Repeat::Again { status: answer.status, text: answer.body });
            }
            Some(Remembered { answer: None, .. }) => return Err(under_way()),
            None => {}
        }
        idempotency::reserve(&mut unit, key, &caller.actor, digest, now);
        match self.db().commit(unit).await {
            Ok(()) => Ok(Repeat::First),
            Err(DbError::Unique { .. } | DbError::Moved { .. }) => Err(under_way()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the request was done all the same.
    pub async fn answer_keep(&self, caller: &Caller, key: &str, status: u16, text: String) -> Result<()> {
        let mut unit = Unit::new();
        idempotency::answer(&mut unit, key, &caller.actor, &Answer { status, body: text });
        self.commit(unit).await
    }

    /// Gives the key back: nothing was done under it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn answer_release(&self, caller: &Caller, key: &str) -> Result<()> {
        let Some(found) = idempotency::find(self.db(), key, &caller.actor).await? else { return Ok(()) };
        let mut unit = Unit::new();
        idempotency::release(&mut unit, key, &caller.actor, found.created_at);
        self.commit_or_moved(unit).await.map(drop)
    }

    /// Forgets answers that are over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn answers_prune(&self) -> Result<()> {
        let mut unit = Unit::new();
        idempotency::prune(&mut unit, self.now() - KEPT);
        self.commit(unit).await
    }

    /// An answer is kept for a day. A request without one for two minutes died with its process.
    fn patience(&self, known: &Remembered) -> Duration {
        if known.answer.is_some() { KEPT } else { UNDER_WAY_MAX }
    }
}

fn under_way() -> Error {
    Error::conflict(
        "idempotency_under_way",
        "the first request with this Idempotency-Key is still under way; ask again in a moment",
    )
}

const KEPT: Duration = Duration::from_secs(24 * 3600);
const UNDER_WAY_MAX: Duration = Duration::from_secs(120);
