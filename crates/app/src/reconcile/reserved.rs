//! Intents whose end is not on record: the process died between reserving and committing. Work that is still open resolves
//! them itself; what is left belongs to nobody and is voided. Nobody ever received a certificate for such a serial. An issuer
//! outside is asked first what became of its order: what it signed is kept with the void intent.

use std::time::Duration;

use certctl_connector::{Cx, Engine, OrderRef, Outcome};
use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Version;
use certctl_domain::work::FailureClass;
use certctl_pki::Certificate;

use super::{BATCH, Report};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::Failure;
use crate::world::App;

/// An intent this old without open work is nobody's.
const ORPHANED_AFTER: Duration = Duration::from_secs(120);
/// An issuer is given this long to say what became of an order.
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// What became of an intent that nobody works on.
enum Left {
    /// Nothing was signed, or nobody will ever hear of it; why.
    Nothing(String),
    /// An issuer outside signed this.
    Signed(Box<Certificate>),
    /// It cannot be told yet.
    Unknown,
}

impl App {
    /// One pass over old intents.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn reserved_pass(&self) -> Result<Report> {
        let old = certctl_store::versions::reserved_orphans(self.db(), self.now() - ORPHANED_AFTER, BATCH).await?;
        let mut report = Report::over(old.len());
        for version in &old {
            report.count("ending version", &version.id, self.reserved_end(version).await)?;
        }
        Ok(report)
    }

    /// Brings one to its end; false when that is not known yet, or somebody was first.
    async fn reserved_end(&self, version: &Version) -> Result<bool> {
        let mut unit = Unit::new();
        match self.order_left(version).await? {
            Left::Nothing(reason) => self.void_into(&mut unit, version, &reason),
            Left::Signed(certificate) => {
                self.refuse_into(&mut unit, version, "its work ended before the issuer answered", &certificate);
            }
            Left::Unknown => return Ok(false),
        }
        self.commit_or_moved(unit).await
    }

    /// What became of an order whose job has ended: what the issuer signs for it all the same must be on record.
    async fn order_left(&self, version: &Version) -> Result<Left> {
        let (Some(issuer), Some(order)) = (&version.issuer_id, &version.order_ref) else {
            return Ok(Left::Nothing("its work ended before a signature was recorded".to_owned()));
        };
        if self.is_order_over(version) {
            return Ok(Left::Nothing(format!("order {order} was not answered in its time")));
        }
        let engine = self.engine(issuer).await?;
        let Engine::External { issuer, .. } = engine.as_ref() else {
            return Err(Error::internal("a CA of ours takes no orders"));
        };
        let order = OrderRef::new("issuer", order)?;
        let cx = Cx { budget: ASK_LIMIT, idempotency_key: version.id.to_string(), now: self.now() };
        match tokio::time::timeout(ASK_LIMIT, issuer.poll(&cx, &order)).await {
            Ok(Ok(Outcome::Issued(issued))) => Ok(Left::Signed(Box::new(issued.leaf))),
            Ok(Ok(Outcome::Pending { .. })) | Err(_) => Ok(Left::Unknown),
            Ok(Err(error)) => {
                let failure = Failure::from(error);
                // A wrong credential is mended one day; only what the issuer itself refuses is over.
                Ok(if failure.class == FailureClass::Rejected { Left::Nothing(failure.message) } else { Left::Unknown })
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
