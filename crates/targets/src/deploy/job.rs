//! One deployment under way: tells each step to whoever listens, and moves file work off the async thread.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use certctl_connector::{
    ErrorClass, Progress,
    error::sanitise,
    target::{StepOutcome, StepRecord},
};

use super::{Step, Swap};
use crate::{site::Site, trouble::Trouble};

/// Runs steps and tells how each ended.
pub(super) struct Steps<'a> {
    pub(super) site: &'a Arc<Site>,
    pub(super) progress: &'a dyn Progress,
    pub(super) deadline: Instant,
}

impl Steps<'_> {
    pub(super) async fn during<T>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let started = Instant::now();
        let result = match self.site.at(step) {
            Ok(()) => work.await,
            Err(trouble) => Err(trouble),
        };
        self.tell(step, started.elapsed(), &result);
        result
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        step: Step,
        work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.during(step, async { off_thread(work).await? }).await
    }

    pub(super) fn skip(&self, step: Step, why: &str) {
        let record = StepRecord { step: step.name(), outcome: StepOutcome::Skipped(why.to_owned()), duration_ms: 0 };
        self.progress.step(record);
    }

    fn tell<T>(&self, step: Step, took: Duration, result: &Result<T, Trouble>) {
        let outcome = match result {
            Ok(_) => StepOutcome::Done,
            Err(trouble) => StepOutcome::Failed(sanitise(&trouble.message)),
        };
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.progress.step(StepRecord { step: step.name(), outcome, duration_ms });
    }
}

/// A deployment whose files are known. The swap travels to a blocking thread and back.
pub(super) struct Job<'a> {
    pub(super) steps: Steps<'a>,
    swap: Option<Box<Swap>>,
}

impl<'a> Job<'a> {
    pub(super) fn new(steps: Steps<'a>, swap: Swap) -> Self {
        Self { steps, swap: Some(Box::new(swap)) }
    }

    pub(super) fn swap(&self) -> &Swap {
        self.swap.as_ref().expect("the swap is away only while a step runs")
    }

    pub(super) async fn act(
        &mut self,
        step: Step,
        work: impl FnOnce(&mut Swap) -> Result<(), Trouble> + Send + 'static,
    ) -> Result<(), Trouble> {
        let mut swap = self.swap.take().expect("the swap is away only while a step runs");
        let started = Instant::now();
        let done = off_thread(move || {
            let result = work(&mut swap);
            (swap, result)
        });
        let (swap, result) = done.await?;
        self.swap = Some(swap);
        self.steps.tell(step, started.elapsed(), &result);
        result
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| Trouble::new(ErrorClass::Internal, format!("a deployment step ended unexpectedly: {error}")))
}
