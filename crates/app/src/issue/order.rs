//! Issuers that answer later. The order is placed once, under the id of the reserved version; its name is on record before
//! it is polled, and every poll is a short attempt of the job.

use std::time::Duration;

use certctl_connector::{Cx, Issuer, OrderRef};
use certctl_db::Unit;
use certctl_domain::certificate::Version;
use certctl_domain::work::FailureClass;
use certctl_jobs::lease::{self, Wait};
use certctl_jobs::{Lease, State};
use certctl_pki::Timestamp;

use super::run::{Attempt, issue_request, outcome_of};
use super::{Ask, Failure, Plan, Step};
use crate::caller::Caller;
use crate::world::App;

const CALL_LIMIT: Duration = Duration::from_secs(60);
const POLL_LEAST: Duration = Duration::from_secs(1);
const POLL_MOST: Duration = Duration::from_secs(3_600);

impl App {
    pub(super) async fn issuance_order(
        &self,
        state: State,
        lease: &Lease,
        ask: Ask,
        issuer: &dyn Issuer,
        mut unit: Unit,
        reserved: Option<&Version>,
    ) -> Result<Attempt, Failure> {
        let now = self.now();
        let mut plan = Plan::make(self, ask, now)?;
        match reserved {
            Some(version) => plan.version = version.clone(),
            None => certctl_store::versions::insert(&mut unit, &plan.version),
        }
        // Whoever has lost the job neither orders nor asks for it.
        lease::extend(&mut unit, lease, self.lease_until());
        self.commit(unit).await?;
        Step::Reserved.reached();
        let cx = Cx { budget: CALL_LIMIT, idempotency_key: plan.version.id.to_string(), now };
        let call = async {
            match &plan.version.order_ref {
                Some(order) => issuer.poll(&cx, &OrderRef::new("issuer", order)?).await,
                None => issuer.issue(&cx, &issue_request(&plan)).await,
            }
        };
        let outcome = tokio::time::timeout(CALL_LIMIT, call).await.map_err(|_| {
            Failure::new(
                FailureClass::Transient,
                format!("the issuer did not answer within {} s", CALL_LIMIT.as_secs()),
            )
        })??;
        Step::Ordered.reached();
        match outcome_of(&plan, outcome, self.now())? {
            Ok(signed) => {
                let version = self.issuance_commit(&plan, &signed, lease, &Caller::system("issue")).await?;
                Ok(Attempt::Issued(Box::new(version)))
            }
            Err((order, poll_after)) => self.issuance_ordered(state, lease, &plan, &order, poll_after, now).await,
        }
    }

    /// How long an order may still be waited for; nothing when it was given its time.
    pub(crate) fn order_time_left(&self, version: &Version) -> Option<Duration> {
        let left = self.settings().order_timeout.checked_sub(self.now().duration_since(version.created_at))?;
        (!left.is_zero()).then_some(left)
    }

    async fn issuance_ordered(
        &self,
        state: State,
        lease: &Lease,
        plan: &Plan,
        order: &str,
        poll_after: Duration,
        now: Timestamp,
    ) -> Result<Attempt, Failure> {
        if self.order_time_left(&plan.version).is_none() {
            let message =
                format!("order {order} was not answered within {} s", self.settings().order_timeout.as_secs());
            return Err(Failure::new(FailureClass::Expired, message));
        }
        let mut unit = Unit::new();
        let at = now + poll_pause(poll_after);
        certctl_store::versions::record_order(&mut unit, &plan.version.id, order, at);
        // A poll that failed put the job back into the queue: then it was claimed from there, and waits anew.
        if state == State::AwaitingIssuer {
            lease::wait_on(&mut unit, lease, at.unix_micros(), now.unix_micros());
        } else {
            lease::wait_for(&mut unit, lease, Wait::Issuer, at.unix_micros(), now.unix_micros());
        }
        self.commit(unit).await?;
        Step::OrderRecorded.reached();
        Ok(Attempt::Waits)
    }
}

/// The pause that an issuer asks for, within reason.
pub(crate) fn poll_pause(poll_after: Duration) -> Duration {
    poll_after.clamp(POLL_LEAST, POLL_MOST)
}
