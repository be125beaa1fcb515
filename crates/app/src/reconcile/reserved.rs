//! Intents whose end is not on record: the process died between reserving and committing. Work that is still open resolves
//! them itself; what is left belongs to nobody and is voided. Nobody ever received a certificate for such a serial. An issuer
//! outside is asked first what became of its order: what it signed is kept with the void intent.

use std::time::Duration;

use certctl_connector::{Cx, Engine, OrderRef, Outcome};
use certctl_db::{Due, Unit};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Version;
use certctl_domain::work::FailureClass;
use certctl_pki::Certificate;
use futures::{FutureExt as _, StreamExt as _};

use super::{BATCH, Report, readable};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::{Failure, poll_pause};
use crate::world::App;

const LOOP: &str = "reserved";
/// An intent this old without open work is nobody's.
const ORPHANED_AFTER: Duration = Duration::from_secs(120);
/// An issuer is given this long to say what became of an order, and so long is it asked for further ones in one pass.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// An order of which nothing could be learnt is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// Orders of one issuer in one pass, and how many of them at a time.
const ORDERS: u16 = 32;
const ORDERS_AT_ONCE: usize = 4;
/// Issuers that are asked at a time.
const ISSUERS_AT_ONCE: usize = 32;

/// What became of an order that nobody works on.
enum Left {
    /// Nothing was signed, or nobody will ever hear of it; why.
    Nothing(String),
    /// The issuer signed this.
    Signed(Box<Certificate>),
    /// It is asked for again after this.
    Pending(Duration),
    /// The issuer did not answer in time.
    Silent,
}

/// What a look at one order did.
enum Looked {
    /// It has its end, or not, and its issuer answers.
    At { ended: bool },
    /// Its issuer does not answer.
    Silent,
}

impl App {
    /// One pass over old intents: those without an order first, which nobody outside is asked for. Then every issuer for its
    /// orders, all at the same time, so that none has to wait for another; a stop of the server ends that.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn reserved_pass(&self) -> Result<Report> {
        let mut report = self.unordered_pass().await?;
        tokio::select! {
            biased;
            () = self.leaving() => {}
            asked = self.orders_pass() => report.add(asked?),
        }
        Ok(report)
    }

    async fn unordered_pass(&self) -> Result<Report> {
        let before = self.now() - ORPHANED_AFTER;
        let after = self.places().take(LOOP);
        let old = certctl_store::versions::reserved_orphans(self.db(), before, after.as_ref(), BATCH).await?;
        self.walk(LOOP, "ending version", &old, |version| self.unordered_end(version).boxed()).await
    }

    async fn unordered_end(&self, version: &Version) -> Result<bool> {
        let mut unit = Unit::new();
        self.void_into(&mut unit, version, "its work ended before a signature was recorded");
        self.commit_or_moved(unit).await
    }

    async fn orders_pass(&self) -> Result<Report> {
        let issuers = certctl_store::versions::issuers_to_ask(self.db(), self.now()).await?;
        let asked = issuers.into_iter().map(|issuer| self.orders_of(issuer));
        let mut asked = futures::stream::iter(asked).buffer_unordered(ISSUERS_AT_ONCE);
        let mut report = Report::default();
        while let Some(of_one) = asked.next().await {
            report.add(of_one?);
        }
        Ok(report)
    }

    /// Asks one issuer, a few orders at a time, as long as it answers and there is time.
    async fn orders_of(&self, issuer: String) -> Result<Report> {
        let now = self.now();
        let begun = tokio::time::Instant::now();
        let due =
            certctl_store::versions::ordered_orphans(self.db(), &issuer, now - ORPHANED_AFTER, now, ORDERS).await?;
        let mut report = Report::default();
        for some in due.chunks(ORDERS_AT_ONCE) {
            let looks = futures::future::join_all(some.iter().map(|order| self.order_look(order))).await;
            let mut silent = begun.elapsed() >= ASK_LIMIT;
            for (order, looked) in some.iter().zip(looks) {
                silent |= matches!(looked, Ok(Looked::Silent));
                let ended = looked.map(|looked| matches!(looked, Looked::At { ended: true }));
                report.seen += 1;
                report.count("ending version", &order.place, ended)?;
            }
            if silent {
                return Ok(report);
            }
        }
        report.more = due.len() == usize::from(ORDERS);
        Ok(report)
    }

    /// Looks at one order. One that cannot be looked at is put back, like those that are not answered yet.
    async fn order_look(&self, due: &Due<Version>) -> Result<Looked> {
        let looked = match readable(&due.row) {
            Ok(version) => self.order_end(version).await,
            Err(error) => Err(error),
        };
        match looked {
            Ok(looked) => Ok(looked),
            Err(Error::Unavailable(error)) => Err(Error::Unavailable(error)),
            Err(error) => {
                self.order_put_back(&due.place.to_string(), ASK_AGAIN).await?;
                Err(error)
            }
        }
    }

    async fn order_end(&self, version: &Version) -> Result<Looked> {
        let mut unit = Unit::new();
        match self.order_left(version).await? {
            Left::Nothing(reason) => self.void_into(&mut unit, version, &reason),
            Left::Signed(certificate) => {
                self.refuse_into(&mut unit, version, "its work ended before the issuer answered", &certificate);
            }
            Left::Pending(pause) => {
                self.order_put_back(version.id.as_str(), pause).await?;
                return Ok(Looked::At { ended: false });
            }
            Left::Silent => {
                self.order_put_back(version.id.as_str(), ASK_AGAIN).await?;
                return Ok(Looked::Silent);
            }
        }
        Ok(Looked::At { ended: self.commit_or_moved(unit).await? })
    }

    async fn order_put_back(&self, version: &str, pause: Duration) -> Result<()> {
        let mut unit = Unit::new();
        certctl_store::versions::poll_later(&mut unit, version, self.now() + pause);
        self.commit_or_moved(unit).await?;
        Ok(())
    }

    /// What became of an order whose job has ended: what the issuer signs for it all the same must be on record. The issuer is
    /// asked once more when the order's time is over.
    async fn order_left(&self, version: &Version) -> Result<Left> {
        let (Some(id), Some(order)) = (&version.issuer_id, &version.order_ref) else {
            return Err(Error::internal("an order names its issuer"));
        };
        let waits = |left: Left| match self.order_time_left(version) {
            None => Left::Nothing(format!("order {order} was not answered in its time")),
            Some(time) => match left {
                Left::Pending(pause) => Left::Pending(pause.min(time)),
                left @ (Left::Nothing(_) | Left::Signed(_) | Left::Silent) => left,
            },
        };
        let engine = self.engine(id).await?;
        let Engine::External { issuer, .. } = engine.as_ref() else {
            return Err(Error::internal("a CA of ours takes no orders"));
        };
        let placed = OrderRef::new("issuer", order)?;
        let cx = Cx { budget: ASK_LIMIT, idempotency_key: version.id.to_string(), now: self.now() };
        match tokio::time::timeout(ASK_LIMIT, issuer.poll(&cx, &placed)).await {
            Ok(Ok(Outcome::Issued(issued))) => Ok(Left::Signed(Box::new(issued.leaf))),
            Ok(Ok(Outcome::Pending { poll_after, .. })) => Ok(waits(Left::Pending(poll_pause(poll_after)))),
            Ok(Err(error)) => {
                let failure = Failure::from(error);
                if failure.class == FailureClass::Rejected {
                    return Ok(Left::Nothing(failure.message));
                }
                // A wrong credential is mended one day; only what the issuer itself refuses is over.
                tracing::warn!(version.id = %version.id, issuer.id = %id, "what became of an order is not known: {}", failure.message);
                Ok(waits(Left::Pending(failure.retry_after.map_or(ASK_AGAIN, poll_pause))))
            }
            Err(_) => {
                tracing::warn!(issuer.id = %id, "issuer {id} did not say within {} s what became of an order", ASK_LIMIT.as_secs());
                Ok(waits(Left::Silent))
            }
        }
    }

    /// Voids an intent and says so.
    pub(crate) fn void_into(&self, unit: &mut Unit, version: &Version, reason: &str) {
        certctl_store::versions::void(unit, &version.id, reason);
        self.audit_voided(unit, version, reason);
    }

    /// Voids an intent, keeps what an issuer signed for it instead of what was asked, and says so.
    pub(crate) fn refuse_into(&self, unit: &mut Unit, version: &Version, reason: &str, certificate: &Certificate) {
        certctl_store::versions::refuse(unit, &version.id, reason, certificate);
        let known = Version { serial: Some(certificate.serial().clone()), ..version.clone() };
        self.audit_voided(unit, &known, reason);
    }

    fn audit_voided(&self, unit: &mut Unit, version: &Version, reason: &str) {
        let event = Event::new(Action::VersionVoided, &version.id)
            .with("reason", reason)
            .with_some("certificate_id", version.certificate_id.as_ref().map(|id| id.as_str()))
            .with_some("serial", version.serial.as_ref().map(certctl_pki::Serial::to_hex));
        self.audit(unit, &Caller::system("reconcile"), event);
    }
}
